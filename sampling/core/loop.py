"""One turn of the loop on arrays: train a champion and a committee, score the pool, pick the next batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .arrays import BoolArray, FloatArray, IntArray, State, chunks
from .clusters import centres_of
from .committee import disagreement
from .constraints import LABEL, Bounds, belongs, within
from .learners import LEARNERS, Model, class_weights, model_from_state, probas
from .pool import Pool
from .settings import MAIN, NEW, Settings
from .strategies import FIRST, Picks, Scores, Strategy

# Rows that centres are fitted on.
SAMPLE = 20_000


@dataclass(frozen=True)
class Trained:
    """The model fitted on all training rows, and those fitted on random subsets of them."""

    champion: Model
    committee: tuple[Model, ...] = ()
    # What the champion's recipe says of each training row out of fold (m, k); not kept in a file.
    held_out: FloatArray | None = None

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
class Lane:
    """A stream with its place in one batch: so many items by this strategy."""

    name: str
    strategy: Strategy
    size: int

    def within(self, pool: Pool) -> IntArray:
        """The rows of the pool that it may pick: all, or for the stream "new" those of the new region."""
        if self.name != NEW:
            return np.arange(len(pool))
        return np.empty(0, np.int64) if pool.new is None else pool.new


@dataclass(frozen=True)
class Turn:
    """What a batch is picked with: the models (None before there are any), how many, and the settings."""

    trained: Trained | None
    size: int
    settings: Settings
    # In [0, 1), by lot: who gets the places that shares leave over.
    lot: float = 0.5

    @cached_property
    def lanes(self) -> tuple[Lane, ...]:
        """The streams of this batch, the main one last: those before it have the first choice.

        What is drawn at random comes first of all, so that it is drawn from the whole pool.
        """
        # Systematic, as quotas of clusters are: never more than all, and small shares get their turn.
        edges = np.cumsum([0.0, *(stream.share * self.size for stream in self.settings.streams)]) + self.lot
        places = np.diff(np.minimum(np.floor(edges), self.size)).astype(int).tolist()
        lanes = [
            Lane(stream.name, self._able(self.settings.of(stream.strategy)), size)
            for stream, size in zip(self.settings.streams, places, strict=True)
        ]
        lanes.sort(key=lambda lane: lane.strategy.name != "random")
        main = Lane(MAIN, self._able(self.settings.main), max(0, self.size - sum(places)))
        return (*lanes, main)

    def _able(self, strategy: Strategy) -> Strategy:
        """This strategy, or the first batch's while no model can tell labels apart."""
        # One label alone says nothing in single choice; in multi-label it is there or not.
        least = 2 if self.settings.task == "single" else 1
        if strategy.needs_model and (self.trained is None or self.trained.champion.known < least):
            return FIRST
        return strategy

    @property
    def strategy(self) -> Strategy:
        """That of the main stream."""
        return self.lanes[-1].strategy


@dataclass(frozen=True)
class Batch:
    """The picked rows in serving order, why each was picked, and what to keep for the next round."""

    rows: IntArray  # (b,)
    scores: FloatArray  # (b,), by the strategy of its own lane
    clusters: IntArray  # (b,)
    covering: BoolArray  # (b,): picked to cover an uncertain region, not for the highest score
    lane: IntArray  # (b,): number of the lane in ``lanes``
    lanes: tuple[Lane, ...]
    disagreement: FloatArray  # (b,) in [0, 1]; 0 without a committee
    top: IntArray  # (b, at most 3) positions of the likeliest labels; (b, 0) without a model
    top_proba: FloatArray  # the same shape
    pool_scores: FloatArray  # (n,), by the main strategy
    pool_clusters: IntArray  # (n,)
    centres: FloatArray | None  # (c, d), None for a strategy without clusters to keep

    @property
    def strategy(self) -> str:
        """The main strategy that ran: "first-batch" while there is no model to listen to."""
        return self.lanes[-1].strategy.name


def train(  # noqa: PLR0913 - what is learnt from, and what helps
    x: FloatArray,
    targets: FloatArray,
    settings: Settings,
    rng: np.random.Generator,
    weights: FloatArray | None = None,
    start: Trained | None = None,
) -> Trained:
    """Fit the champion on all rows x (m, d) with targets (m, k), and each member on a random subset.

    ``weights`` (m,) say how sure and how new each label is; what the settings give to rare labels comes on
    top. ``start`` is what was trained the round before.
    """
    learner = LEARNERS[settings.learner]
    weights = class_weights(targets, settings.class_weights, weights)
    fitted = learner.fit(x, targets, settings.task, rng, weights, start.champion if start else None)
    share = max(1, round(len(x) * settings.committee_share))
    learner = learner.like(fitted.model)
    committee = []
    for _ in range(settings.committee_size):
        rows = np.sort(rng.permutation(len(x))[:share])
        member = learner.fit(x[rows], targets[rows], settings.task, rng, weights[rows], fitted.model)
        committee.append(member.model)
    return Trained(fitted.model, tuple(committee), fitted.held_out)


def next_batch(
    pool: Pool, trained: Trained | None, size: int, settings: Settings, rng: np.random.Generator
) -> Batch:
    """Score the whole pool in shards and pick the next ``min(size, n)`` rows, in serving order.

    ``pool`` needs features, and whatever else is known: labelled, targets, centres, examples.
    """
    turn = Turn(trained, size, settings, float(rng.random()) if settings.streams else 0.5)
    pools = prepared(pool, turn, rng)
    parts = chunks(len(pool)) or [slice(0, 0)]
    shards = [
        score_shard(pool.features[part], pools, turn, child)
        for part, child in zip(parts, rng.spawn(len(parts)), strict=True)
    ]
    return select([Scores.joined(of_lane) for of_lane in zip(*shards, strict=True)], pools, turn, rng)


def equipped(pool: Pool, turn: Turn) -> Pool:
    """The pool with the models and the settings that scores and pickers look at."""
    trained, settings = turn.trained, turn.settings
    return replace(
        pool,
        task=settings.task,
        alike=settings.diversity,
        champion=trained.champion if trained else None,
        committee=trained.committee if trained else (),
        held_out=trained.held_out if trained else None,
    )


def prepared(pool: Pool, turn: Turn, rng: np.random.Generator) -> tuple[Pool, ...]:
    """A pool for each lane, with the models, and the centres that its strategy needs, kept or new."""
    pool = equipped(pool, turn)
    made: dict[tuple[int, bool], FloatArray] = {}
    known = 0 if pool.labelled is None else len(pool.labelled)
    out = []
    for lane in turn.lanes:
        among = lane.within(pool)
        # A stream that has nothing to pick among is scored like any other.
        among = among if len(among) else np.arange(len(pool))
        count = lane.strategy.clusters(len(among), lane.size, known)
        # Kept ones are the main stream's: others that want them finer or coarser find their own.
        keep = lane.strategy.keeps_centres and lane.strategy.clusters is turn.strategy.clusters
        if not count:
            out.append(replace(pool, centres=None))
        elif lane.name == NEW and not keep:
            out.append(replace(pool, centres=_centres(pool.only(among), count, keep, rng)))
        else:
            if (count, keep) not in made:
                made[count, keep] = _centres(pool, count, keep, rng)
            out.append(replace(pool, centres=made[count, keep]))
    return tuple(out)


def _centres(pool: Pool, count: int, keep: bool, rng: np.random.Generator) -> FloatArray:
    kept = pool.centres
    if keep and kept is not None and len(kept) and kept.shape[1] == pool.features.shape[1]:
        return kept
    sample = np.sort(rng.permutation(len(pool))[:SAMPLE])
    return centres_of(pool.features[sample], count, rng)


def score_shard(
    x: FloatArray, pools: Sequence[Pool], turn: Turn, rng: np.random.Generator
) -> tuple[Scores, ...]:
    """Score one shard x (r, d) for each lane. Shards may be scored anywhere, in any order."""
    needs = {lane.strategy.needs for lane in turn.lanes}
    quotas = any(quota.of == LABEL for quota in turn.settings.quotas)
    proba = members = None
    if turn.trained is not None and (needs & {"model", "committee"} or quotas):
        heard = turn.trained.committee if "committee" in needs else ()
        every = probas((turn.trained.champion, *heard), x)
        proba, members = every[0], every[1:] if heard else None
    scored = tuple(
        lane.strategy.scores(replace(pool, features=x, proba=proba, members=members), child)
        for lane, pool, child in zip(turn.lanes, pools, rng.spawn(len(turn.lanes)), strict=True)
    )
    if quotas and proba is not None:
        scored = (*scored[:-1], replace(scored[-1], label=proba.argmax(axis=1)))
    return scored


def select(scores: Sequence[Scores], pools: Sequence[Pool], turn: Turn, rng: np.random.Generator) -> Batch:
    """Pick a batch from each lane's scores of the whole pool; reads the features of some candidates only."""
    scores = [lane.strategy.finished(known) for lane, known in zip(turn.lanes, scores, strict=True)]
    picked: list[Picks] = []
    for lane, known, pool in zip(turn.lanes, scores, pools, strict=True):
        taken = np.concatenate([np.empty(0, np.int64), *(picks.rows for picks in picked)])
        strategy = _limited(lane, known, pool, taken, turn)
        # The main stream also gets what the others could not fill.
        size = max(0, turn.size - len(taken)) if lane.name == MAIN else lane.size
        rows = lane.within(pool)
        rows = rows[~np.isin(rows, taken)]
        if len(rows) == len(pool):
            picked.append(strategy.pick(known, pool, size, rng))
            continue
        some = strategy.pick(known.only(rows), pool.only(rows), size, rng)
        picked.append(Picks(rows[some.rows], some.covering))
    numbers = np.repeat(np.arange(len(picked)), [len(picks.rows) for picks in picked])
    rows, covering = (np.concatenate([getattr(p, name) for p in picked]) for name in ("rows", "covering"))
    # Lanes take turns in proportion to their sizes.
    turns = np.concatenate([(np.arange(len(p.rows)) + 0.5) / max(len(p.rows), 1) for p in picked])
    order = np.argsort(turns, kind="stable")
    rows, covering, numbers = rows[order], covering[order], numbers[order]
    top, top_proba, apart = _explained(pools[-1].features[rows], turn)
    keeps = turn.strategy.keeps_centres
    return Batch(
        rows=rows,
        scores=np.stack([known.score for known in scores])[numbers, rows],
        clusters=scores[-1].cluster[rows],
        covering=covering,
        lane=numbers,
        lanes=turn.lanes,
        disagreement=apart,
        top=top,
        top_proba=top_proba,
        pool_scores=scores[-1].score,
        pool_clusters=scores[-1].cluster,
        centres=pools[-1].centres if keeps else None,
    )


def _limited(lane: Lane, scores: Scores, pool: Pool, taken: IntArray, turn: Turn) -> Strategy:
    """The lane's strategy for the rows that others left, within the quotas of the whole batch.

    Streams beside the main one keep their own way, or a random control were none.
    """
    quotas = turn.settings.quotas
    if not quotas or lane.name != MAIN:
        return lane.strategy
    bounds = Bounds.of(quotas, belongs(quotas, scores, pool), min(turn.size, len(pool))).after(taken)
    return replace(lane.strategy, picker=within(lane.strategy.picker, bounds))


def _explained(x: FloatArray, turn: Turn) -> tuple[IntArray, FloatArray, FloatArray]:
    """The three likeliest labels (n, 3), their probabilities, and the committee's disagreement (n,)."""
    apart = np.zeros(len(x), np.float32)
    if turn.trained is None:
        return np.empty((len(x), 0), np.int64), np.empty((len(x), 0), np.float32), apart
    proba = turn.trained.champion.proba(x)
    top = np.argsort(-proba, axis=1, kind="stable")[:, :3]
    if len(turn.trained.committee) > 1:
        members = np.stack([model.proba(x) for model in turn.trained.committee])
        apart = disagreement(members, turn.settings.task)
    return top, np.take_along_axis(proba, top, axis=1), apart
