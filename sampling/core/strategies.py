"""Strategies: which rows of the pool to ask for next; the registry STRATEGIES is the single list of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from .arrays import BoolArray, FloatArray, IntArray, chunks
from .clusters import cluster_count, interleaved, nearest, quotas, turns
from .coverage import CANDIDATES, LANDMARKS, Landmarks, covering
from .scores import Pool, Rows, Score, entropy, least_confidence, margin, typicality, uniform

__all__ = ["FIRST", "STRATEGIES", "Batch", "Pool", "Rows", "Scores", "Strategy"]

# Rows more alike than this (cosine) are asked for only when nothing else is left.
ALIKE: Final = 0.95
# How many candidates a place are looked at, in turn, until enough are unlike each other and the labelled.
REACH: Final = (4, 16, 64)


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

    def order(self) -> IntArray:
        """All rows, best first."""
        return np.lexsort((self.tie, -self.score))


@dataclass(frozen=True)
class Batch:
    """The picked rows in serving order, why each was picked, and what to keep for the next round."""

    rows: IntArray  # (b,)
    scores: FloatArray  # (b,)
    clusters: IntArray  # (b,)
    disagreement: FloatArray  # (b,) in [0, 1]; 0 without a committee
    top: IntArray  # (b, at most 3) positions of the likeliest labels; (b, 0) without a model
    top_proba: FloatArray  # the same shape
    pool_scores: FloatArray  # (n,)
    pool_clusters: IntArray  # (n,)
    centres: FloatArray | None  # (c, d), None for a strategy without clusters to keep
    strategy: str  # the one that ran: "first-batch" while there is no model to listen to
    covers: bool = False  # picked to cover uncertain regions, not for the highest scores


@dataclass(frozen=True)
class Strategy:
    """A score, and how a batch is made of it: the highest, or the highest of each cluster in turns."""

    name: str
    score: Score
    needs_model: bool = True
    # Proportionally from every cluster, clusters taking turns, near-duplicates last.
    spread: bool = False
    # As many clusters as picks, instead of 20 to 50 that are kept.
    centre_for_each: bool = False
    # Until so many rows are labelled, cover the uncertain regions instead of taking the highest scores.
    cover_until: int = 0

    def clusters_for(self, n: int, size: int) -> int:
        """How many clusters a pool of ``n`` rows is cut into for a batch of ``size``; 0 for none."""
        if not self.spread:
            return 0
        return min(n, max(size, 1)) if self.centre_for_each else cluster_count(n)

    def scores(self, pool: Pool, rng: np.random.Generator) -> Scores:
        """Score each row of a pool or shard. Raises ValueError on a score that is not finite."""
        score = self.score(pool, rng) if len(pool) else np.zeros(0, np.float32)
        if score.shape != (len(pool),) or not np.isfinite(score).all():
            raise ValueError(f"{self.name} must give {len(pool)} finite scores, not shape {score.shape}")
        cluster = np.zeros(len(pool), np.int64)
        if pool.centres is not None and len(pool):
            cluster = nearest(pool.features[:], pool.centres)[0]
        return Scores(score, cluster, rng.random(len(pool), np.float32))

    def pick(self, scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> IntArray:
        """The rows to ask for, in serving order: distinct, ``min(size, n)`` of them."""
        if size < 0:
            raise ValueError(f"size is {size}, but cannot be negative")
        if len(scores.score) != len(pool):
            raise ValueError(f"scores has {len(scores.score)} rows, but the pool has {len(pool)}")
        if not self.spread or not len(pool):
            return scores.order()[:size]
        if self.covers(pool):
            return _covering(scores, pool, min(size, len(pool)), rng)
        return _spread(scores, pool, min(size, len(pool)), rng)

    def covers(self, pool: Pool) -> bool:
        """Whether so little is labelled that regions count more than scores."""
        return (0 if pool.labelled is None else len(pool.labelled)) < self.cover_until

    def __call__(self, pool: Pool, size: int, rng: np.random.Generator) -> IntArray:
        """Score and pick in one go, for a pool that fits in memory."""
        return self.pick(self.scores(pool, rng), pool, size, rng)


def _spread(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> IntArray:
    """The best rows of each cluster by quota; a row like one taken or labelled gives way to another."""
    sizes = np.bincount(scores.cluster)
    places = quotas(sizes, size, rng)
    order = scores.order()
    by_cluster = order[np.argsort(scores.cluster[order], kind="stable")]
    starts = np.cumsum(sizes) - sizes
    for reach in REACH:
        ahead = np.minimum((places + 1) * reach, sizes)
        candidates = np.concatenate([by_cluster[a : a + b] for a, b in zip(starts, ahead, strict=True)])
        candidates = candidates[interleaved(scores.cluster[candidates], scores.score[candidates])]
        fresh = _fresh(pool.features[candidates], pool.labelled)
        if fresh.sum() >= size or len(candidates) == len(pool):
            break
    rows = _placed(candidates, fresh, scores.cluster, places)[:size]
    return rows[interleaved(scores.cluster[rows], scores.score[rows])]


def _covering(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> IntArray:
    """The rows that cover most of what is uncertain, each cluster giving its share, rounded up, at most."""
    some = np.sort(rng.permutation(len(pool))[:CANDIDATES])
    marks = np.sort(rng.permutation(len(pool))[:LANDMARKS])
    landmarks = Landmarks.of(pool.features[marks], scores.score[marks], pool.labelled)
    places = -(-np.bincount(scores.cluster) * size // len(pool))
    rows = some[covering(pool.features[some], landmarks, scores.cluster[some], places, size)]
    # Candidates may run out of rows in a cluster that has places left: then the best of the others.
    order = scores.order()
    rows = np.concatenate([rows, order[~np.isin(order, rows)][: size - len(rows)]])
    return rows[interleaved(scores.cluster[rows], -np.arange(size, dtype=np.float32))]


def _placed(candidates: IntArray, fresh: BoolArray, cluster: IntArray, places: IntArray) -> IntArray:
    """The candidates as they are taken: fresh ones within their quota, other fresh ones, then the rest."""
    parts = []
    for rows in (candidates[fresh], candidates[~fresh]):
        within = turns(cluster[rows]) < places[cluster[rows]]
        parts += [rows[within], rows[~within]]
    return np.concatenate(parts)


def _fresh(x: FloatArray, labelled: FloatArray | None) -> BoolArray:
    """Which rows are unlike the labelled ones and unlike every fresh row before them."""
    fresh = np.ones(len(x), np.bool_)
    if labelled is not None:
        for part in chunks(len(labelled), 4096):
            fresh &= (x @ labelled[part].T).max(axis=1) < ALIKE
    for part in chunks(len(x), 1024):
        before = x[: part.start][fresh[: part.start]]
        if len(before):
            fresh[part] &= (x[part] @ before.T).max(axis=1) < ALIKE
        alike = np.tril(x[part] @ x[part].T >= ALIKE, -1)
        for row in np.flatnonzero(alike.any(axis=1)):
            if (alike[row] & fresh[part]).any():
                fresh[part.start + row] = False
    return fresh


FIRST: Final = Strategy("first-batch", typicality, needs_model=False, spread=True, centre_for_each=True)

STRATEGIES: Final[dict[str, Strategy]] = {
    strategy.name: strategy
    for strategy in (
        Strategy("default", margin, spread=True, cover_until=200),
        Strategy("random", uniform, needs_model=False),
        Strategy("margin", margin),
        Strategy("least-confidence", least_confidence),
        Strategy("entropy", entropy),
        FIRST,
    )
}
