"""What a strategy is: a score for each row, shard by shard, and a picker that makes a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray
from ..clusters import cluster_count, nearest
from ..pool import Pool, Score


@dataclass(frozen=True)
class Scores:
    """What is known of every row of the pool, or of one shard of it. A high score means: ask sooner."""

    score: FloatArray  # (n,)
    cluster: IntArray  # (n,), 0 without centres
    tie: FloatArray  # (n,) random numbers that decide between equal scores

    @classmethod
    def joined(cls, shards: Sequence[Scores]) -> Scores:
        """The scores of the whole pool from those of its shards, in their order."""
        return cls(
            np.concatenate([shard.score for shard in shards]),
            np.concatenate([shard.cluster for shard in shards]),
            np.concatenate([shard.tie for shard in shards]),
        )

    def only(self, rows: IntArray) -> Scores:
        """Those of some rows, in the order given."""
        return Scores(self.score[rows], self.cluster[rows], self.tie[rows])

    def order(self) -> IntArray:
        """All rows, best first."""
        return np.lexsort((self.tie, -self.score))


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
# ``(n, size)``: how many clusters the pool is cut into for a batch.
Clusters = Callable[[int, int], int]


def no_clusters(_n: int, _size: int) -> int:
    """None at all."""
    return 0


def regions(n: int, _size: int) -> int:
    """20 to 50 regions of the pool."""
    return cluster_count(n)


def one_each(n: int, size: int) -> int:
    """As many as there are places in the batch."""
    return min(n, max(size, 1))


def top(scores: Scores, _pool: Pool, size: int, _rng: np.random.Generator) -> Picks:
    """The highest scores, wherever they are."""
    return Picks.of(scores.order()[:size])


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

    @property
    def needs_model(self) -> bool:
        """Whether it can do nothing before there is a model."""
        return self.needs != "nothing"

    def scores(self, pool: Pool, rng: np.random.Generator) -> Scores:
        """Score each row of a pool or shard. Raises ValueError on a score that is not finite."""
        score = self.score(pool, rng) if len(pool) else np.zeros(0, np.float32)
        if score.shape != (len(pool),) or not np.isfinite(score).all():
            raise ValueError(f"{self.name} must give {len(pool)} finite scores, not shape {score.shape}")
        cluster = np.zeros(len(pool), np.int64)
        if pool.centres is not None and len(pool):
            cluster = nearest(pool.features[:], pool.centres)[0]
        return Scores(score, cluster, rng.random(len(pool), np.float32))

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
        return self.pick(self.scores(pool, rng), pool, size, rng).rows
