"""What a strategy is: a score for each row, shard by shard, and a picker that makes a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray, State
from ..clusters import cluster_count
from ..pool import Pool, Score


@dataclass(frozen=True)
class Scores:
    """What is known of every row of the pool, or of one shard of it. A high score means: ask sooner."""

    score: FloatArray  # (n,); of a hybrid 0 until its strategy has ``finished`` the whole pool
    cluster: IntArray  # (n,), 0 without centres
    tie: FloatArray  # (n,) random numbers that decide between equal scores
    label: IntArray | None = None  # (n,) the likeliest label, where quotas ask for it
    parts: FloatArray | None = None  # (n, s) what a hybrid is made of

    @classmethod
    def joined(cls, shards: Sequence[Scores]) -> Scores:
        """The scores of the whole pool from those of its shards, in their order."""
        states = [shard.state() for shard in shards]
        return cls.from_state({name: np.concatenate([one[name] for one in states]) for name in states[0]})

    def only(self, rows: IntArray) -> Scores:
        """Those of some rows, in the order given."""
        return Scores.from_state({name: array[rows] for name, array in self.state().items()})

    def state(self) -> State:
        """The arrays that are there, by name, each with a row for each row of the pool."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in found.items() if array is not None}

    @classmethod
    def from_state(cls, state: State) -> Scores:
        """Give back what ``state()`` came from."""
        return cls(**{field.name: state[field.name] for field in fields(cls) if field.name in state})

    def order(self) -> IntArray:
        """All rows, best first."""
        return np.lexsort((self.tie, -self.score))

    def best(self, count: int) -> IntArray:
        """The first ``count`` of ``order()``, without sorting all."""
        n = len(self.score)
        if count * 4 >= n:
            return self.order()[:count]
        least = np.partition(self.score, n - count)[n - count]
        rows = np.flatnonzero(self.score >= least)
        return rows[np.lexsort((self.tie[rows], -self.score[rows]))][:count]


@dataclass(frozen=True)
class Picks:
    """The rows to ask for, in serving order, and which of them were picked to cover a region."""

    rows: IntArray  # (b,)
    covering: BoolArray  # (b,); False: picked for its score

    @classmethod
    def of(cls, rows: IntArray, *, covering: bool = False) -> Picks:
        """Picks that were all made for the same reason."""
        return cls(rows, np.full(len(rows), covering))


# ``(scores, pool, size, rng)``, with 0 < size <= len(pool): that many distinct rows, in serving order.
# Reads the features of some rows only, or all of them a piece at a time.
Picker = Callable[[Scores, Pool, int, np.random.Generator], Picks]
# ``(n, size, m)``: how many clusters a pool of n is cut into, when m rows are labelled or waiting.
Clusters = Callable[[int, int, int], int]


def no_clusters(_n: int, _size: int, _m: int) -> int:
    """None at all."""
    return 0


def regions(n: int, _size: int, _m: int) -> int:
    """20 to 50 regions of the pool."""
    return cluster_count(n)


def one_each(n: int, size: int, _m: int) -> int:
    """As many as there are places in the batch."""
    return min(n, max(size, 1))


def top(scores: Scores, _pool: Pool, size: int, _rng: np.random.Generator) -> Picks:
    """The highest scores, wherever they are."""
    return Picks.of(scores.best(size))


@dataclass(frozen=True)
class Strategy:
    """A score, and how a batch is made of it."""

    name: str
    score: Score
    picker: Picker = top
    needs: Literal["nothing", "model", "committee"] = "model"
    clusters: Clusters = no_clusters
    # Whether clusters are kept from round to round, or made anew for each batch.
    keeps_centres: bool = True
    # Of a hybrid, whose score is a matrix: makes one score of its columns, once the whole pool is scored.
    combine: Callable[[FloatArray], FloatArray] | None = None

    @property
    def needs_model(self) -> bool:
        """Whether it can do nothing before there is a model."""
        return self.needs != "nothing"

    def scores(self, pool: Pool, rng: np.random.Generator) -> Scores:
        """Score each row of a pool or shard. Raises ValueError on a score that is not finite."""
        n = len(pool)
        score = self.score(pool, rng) if n else np.zeros((0, 1) if self.combine else 0, np.float32)
        if len(score) != n or score.ndim != 1 + bool(self.combine) or not np.isfinite(score).all():
            raise ValueError(f"{self.name} must give {n} finite scores, not shape {score.shape}")
        cluster = np.zeros(n, np.int64)
        if pool.centres is not None and n:
            cluster = pool.near[0]
        tie = rng.random(n, np.float32)
        if self.combine:
            return Scores(np.zeros(n, np.float32), cluster, tie, parts=score)
        return Scores(score, cluster, tie)

    def finished(self, scores: Scores) -> Scores:
        """The scores of the whole pool as they are picked by: a hybrid's parts made one."""
        if self.combine is None or scores.parts is None or not len(scores.parts):
            return scores
        return replace(scores, score=self.combine(scores.parts), parts=None)

    def pick(self, scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
        """The rows to ask for, in serving order: distinct, ``min(size, n)`` of them."""
        if size < 0:
            raise ValueError(f"size is {size}, but cannot be negative")
        if len(scores.score) != len(pool):
            raise ValueError(f"scores has {len(scores.score)} rows, but the pool has {len(pool)}")
        if not len(pool) or not size:
            return Picks.of(np.empty(0, np.int64))
        return self.picker(scores, pool, min(size, len(pool)), rng)

    def __call__(self, pool: Pool, size: int, rng: np.random.Generator) -> IntArray:
        """Score and pick in one go, for a pool that fits in memory."""
        return self.pick(self.finished(self.scores(pool, rng)), pool, size, rng).rows
