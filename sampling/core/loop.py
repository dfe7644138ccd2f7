"""One turn of the loop on arrays: train a champion and a committee, score the pool, pick the next batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .arrays import FloatArray, IntArray, State, chunks
from .clusters import centres_of
from .learners import LEARNERS, Model, Task, model_from_state
from .scores import disagreement
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
        if self.task not in ("single", "multi"):
            raise ValueError(f"task is {self.task!r}; known: single, multi")
        if self.committee_size < 0:
            raise ValueError(f"committee_size is {self.committee_size}, but cannot be negative")
        if not 0 < self.committee_share <= 1:
            raise ValueError(f"committee_share is {self.committee_share}, but must lie in (0, 1]")


@dataclass(frozen=True)
class Trained:
    """The model fitted on all training rows, and those fitted on random subsets of them."""

    champion: Model
    committee: tuple[Model, ...] = ()

    def state(self) -> State:
        """All models as arrays, to be kept with numpy.savez."""
        models = {"champion": self.champion, **{f"member{i}": m for i, m in enumerate(self.committee)}}
        return {
            f"{who}.{name}": value for who, model in models.items() for name, value in model.state().items()
        }

    @classmethod
    def from_state(cls, state: State) -> Trained:
        """Give back what ``state()`` came from."""
        parts: dict[str, State] = {}
        for key in state:
            who, name = key.split(".", 1)
            parts.setdefault(who, {})[name] = state[key]
        champion = model_from_state(parts.pop("champion"))
        return cls(champion, tuple(model_from_state(parts[f"member{i}"]) for i in range(len(parts))))


@dataclass(frozen=True)
class Turn:
    """What a batch is picked with: the models (None before there are any), how many, and the settings."""

    trained: Trained | None
    size: int
    settings: Settings

    @property
    def strategy(self) -> Strategy:
        """That of the settings, or the first batch's while no model can tell labels apart."""
        chosen = STRATEGIES[self.settings.strategy]
        # One label alone says nothing in single choice; in multi-label it is there or not.
        least = 2 if self.settings.task == "single" else 1
        if chosen.needs_model and (self.trained is None or self.trained.champion.known < least):
            return FIRST
        return chosen


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


def next_batch(
    pool: Pool, trained: Trained | None, size: int, settings: Settings, rng: np.random.Generator
) -> Batch:
    """Score the whole pool in shards and pick the next ``min(size, n)`` rows, in serving order.

    ``pool`` needs features, and labelled and centres where there are any.
    """
    turn = Turn(trained, size, settings)
    pool = prepared(pool, turn, rng)
    parts = chunks(len(pool)) or [slice(0, 0)]
    shards = [
        score_shard(replace(pool, features=pool.features[part]), turn, child)
        for part, child in zip(parts, rng.spawn(len(parts)), strict=True)
    ]
    return select(Scores.joined(shards), pool, turn, rng)


def prepared(pool: Pool, turn: Turn, rng: np.random.Generator) -> Pool:
    """The pool with the centres that its strategy needs: those given if they fit, else new ones."""
    count = turn.strategy.clusters_for(len(pool), turn.size)
    if not count:
        return replace(pool, centres=None)
    kept = pool.centres
    fits = kept is not None and len(kept) > 0 and kept.shape[1] == pool.features.shape[1]
    if fits and not turn.strategy.centre_for_each:
        return pool
    sample = np.sort(rng.permutation(len(pool))[:SAMPLE])
    return replace(pool, centres=centres_of(pool.features[sample], count, rng))


def score_shard(pool: Pool, turn: Turn, rng: np.random.Generator) -> Scores:
    """Score one shard of a prepared pool. Shards may be scored anywhere, in any order."""
    trained = turn.trained
    if turn.strategy.needs_model and trained is not None:
        x = pool.features[:]
        proba = trained.champion.proba(x)
        pool = replace(pool, features=x, task=turn.settings.task, proba=proba)
    return turn.strategy.scores(pool, rng)


def select(scores: Scores, pool: Pool, turn: Turn, rng: np.random.Generator) -> Batch:
    """Pick a batch from the scores of the whole pool; reads the features of some candidates only."""
    rows = turn.strategy.pick(scores, pool, turn.size, rng)
    top, top_proba, apart = _explained(pool.features[rows], turn)
    return Batch(
        rows=rows,
        scores=scores.score[rows],
        clusters=scores.cluster[rows],
        disagreement=apart,
        top=top,
        top_proba=top_proba,
        pool_scores=scores.score,
        pool_clusters=scores.cluster,
        centres=None if turn.strategy.centre_for_each else pool.centres,
        strategy=turn.strategy.name,
        covers=turn.strategy.covers(pool),
    )


def _explained(x: FloatArray, turn: Turn) -> tuple[IntArray, FloatArray, FloatArray]:
    """The three likeliest labels (n, 3), their probabilities, and the committee's disagreement (n,)."""
    apart = np.zeros(len(x), np.float32)
    if turn.trained is None:
        return np.empty((len(x), 0), np.int64), np.empty((len(x), 0), np.float32), apart
    proba = turn.trained.champion.proba(x)
    top = np.argsort(-proba, axis=1, kind="stable")[:, :3]
    if len(turn.trained.committee) > 1:
        apart = disagreement([model.proba(x) for model in turn.trained.committee], turn.settings.task)
    return top, np.take_along_axis(proba, top, axis=1), apart
