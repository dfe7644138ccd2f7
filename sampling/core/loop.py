"""One turn of the loop on arrays: train a champion and a committee, score the pool, pick the next batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .arrays import CHUNK, FloatArray, IntArray, State, chunks
from .clusters import centres_of
from .learners import LEARNERS, Model, Task, model_from_state
from .strategies import FIRST, STRATEGIES, Batch, Pool, Scores, Strategy

# Rows that centres are fitted on.
SAMPLE = 20_000


@dataclass(frozen=True)
class Settings:
    """How a round trains and picks; kept with the round, so that it can be replayed."""

    strategy: str = "default"
    learner: str = "logistic"
    task: Task = "single"
    committee_size: int = 3
    # The share of the training set that each member of the committee sees.
    committee_share: float = 0.7

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise ValueError(f"strategy is {self.strategy!r}; known: {', '.join(STRATEGIES)}")
        if self.learner not in LEARNERS:
            raise ValueError(f"learner is {self.learner!r}; known: {', '.join(LEARNERS)}")
        if self.committee_size < 0 or not 0 < self.committee_share <= 1:
            raise ValueError(
                f"committee_size is {self.committee_size}, committee_share {self.committee_share};"
                " at least 0, and in (0, 1]"
            )


@dataclass(frozen=True)
class Trained:
    """The model fitted on all training rows, and those fitted on random subsets of them."""

    champion: Model
    committee: tuple[Model, ...] = ()

    def state(self) -> State:
        """All models as arrays, to be kept with numpy.savez."""
        models = {"champion": self.champion, **{f"member{i}": m for i, m in enumerate(self.committee)}}
        return {f"{who}.{name}": array for who, model in models.items() for name, array in model.state().items()}

    @classmethod
    def from_state(cls, state: State) -> Trained:
        """Give back what ``state()`` came from."""
        parts: dict[str, State] = {}
        for key in state:
            who, name = key.split(".", 1)
            parts.setdefault(who, {})[name] = state[key]
        champion = model_from_state(parts.pop("champion"))
        return cls(champion, tuple(model_from_state(parts[f"member{i}"]) for i in range(len(parts))))


def train(x: FloatArray, targets: FloatArray, settings: Settings, rng: np.random.Generator) -> Trained:
    """Fit the champion on all rows x (m, d) with targets (m, k), and each member on a random subset."""
    learner = LEARNERS[settings.learner]
    champion = learner.fit(x, targets, settings.task, rng)
    share = max(1, round(len(x) * settings.committee_share))
    committee = []
    for _ in range(settings.committee_size):
        rows = np.sort(rng.permutation(len(x))[:share])
        committee.append(learner.fit(x[rows], targets[rows], settings.task, rng))
    return Trained(champion, tuple(committee))


def strategy_for(trained: Trained | None, settings: Settings) -> Strategy:
    """The strategy of the settings, or the first batch's while there is no model that tells labels apart."""
    strategy = STRATEGIES[settings.strategy]
    if strategy.needs_model and (trained is None or trained.champion.known < 2):
        return FIRST
    return strategy


def prepared(
    pool: Pool, trained: Trained | None, size: int, settings: Settings, rng: np.random.Generator
) -> Pool:
    """The pool with the centres that its strategy needs: those given if they fit, else new ones."""
    count = strategy_for(trained, settings).clusters_for(len(pool), size)
    if not count:
        return replace(pool, centres=None)
    kept = pool.centres
    fits = kept is not None and len(kept) and kept.shape[1] == pool.features.shape[1]
    if fits and not strategy_for(trained, settings).centre_for_each:
        return pool
    sample = np.sort(rng.permutation(len(pool))[:SAMPLE])
    return replace(pool, centres=centres_of(pool.features[sample], count, rng))


def score_shard(
    pool: Pool, trained: Trained | None, settings: Settings, rng: np.random.Generator
) -> Scores:
    """Score one shard of a prepared pool. Shards may be scored anywhere, in any order."""
    strategy = strategy_for(trained, settings)
    if strategy.needs_model and trained is not None:
        x = pool.features[:]
        pool = replace(
            pool, features=x, task=settings.task, proba=trained.champion.proba(x),
        )
    return strategy.scores(pool, rng)


def select(
    scores: Scores, pool: Pool, trained: Trained | None, size: int, settings: Settings, rng: np.random.Generator
) -> Batch:  # noqa: PLR0913
    """Pick a batch from the scores of the whole pool; reads the features of some candidates only."""
    strategy = strategy_for(trained, settings)
    rows = strategy.pick(scores, pool, size, rng)
    top, top_proba, disagreement = explained(pool.features[rows], trained)
    return Batch(
        rows, scores.score[rows], scores.cluster[rows], disagreement, top, top_proba,
        scores.score, scores.cluster, None if strategy.centre_for_each else pool.centres, strategy.name,
    )


def next_batch(
    pool: Pool, trained: Trained | None, size: int, settings: Settings, rng: np.random.Generator
) -> Batch:
    """Score the whole pool in shards and pick the next batch of ``min(size, n)`` rows, in serving order.

    ``pool`` needs features, and labelled and centres where there are any.
    """
    pool = prepared(pool, trained, size, settings, rng)
    parts = chunks(len(pool)) or [slice(0, 0)]
    shards = [
        score_shard(replace(pool, features=pool.features[part]), trained, settings, child)
        for part, child in zip(parts, rng.spawn(len(parts)), strict=True)
    ]
    return select(Scores.joined(shards), pool, trained, size, settings, rng)


def explained(x: FloatArray, trained: Trained | None) -> tuple[IntArray, FloatArray, FloatArray]:
    """The three likeliest labels (n, 3), their probabilities (n, 3), and the committee's disagreement (n,).

    Disagreement is the Jensen-Shannon divergence of the members over its largest value, in [0, 1].
    """
    if trained is None:
        return np.empty((len(x), 0), np.int64), np.empty((len(x), 0), np.float32), np.zeros(len(x), np.float32)
    proba = trained.champion.proba(x)
    top = np.argsort(-proba, axis=1, kind="stable")[:, :3]
    members = [model.proba(x) for model in trained.committee]
    return top, np.take_along_axis(proba, top, axis=1), disagreement(members, len(x))


def disagreement(members: list[FloatArray], n: int) -> FloatArray:
    """How far the members are apart on each row, in [0, 1]: Jensen-Shannon divergence over its largest value."""
    if len(members) < 2:
        return np.zeros(n, np.float32)
    mean = np.mean(members, axis=0)
    entropy = [-(p * np.log(np.maximum(p, 1e-12))).sum(axis=1) for p in (mean, *members)]
    return np.clip((entropy[0] - np.mean(entropy[1:], axis=0)) / np.log(len(members)), 0, 1).astype(np.float32)
