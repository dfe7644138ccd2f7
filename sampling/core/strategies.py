"""Strategies: which rows of the pool to ask for next; the registry STRATEGIES is the single list of their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, overload

import numpy as np

from .arrays import CHUNK, FloatArray, IntArray, chunks
from .clusters import cluster_count, interleaved, nearest, quotas
from .learners import Task


class Rows(Protocol):
    """Feature rows by number: an array, or an adapter that reads them from shards."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @overload
    def __getitem__(self, rows: slice) -> FloatArray: ...
    @overload
    def __getitem__(self, rows: IntArray) -> FloatArray: ...


@dataclass(frozen=True)
class Pool:
    """What a strategy may look at. Rows are rows of ``features``; the caller alone knows which item a row is."""

    features: Rows  # (n, d)
    labelled: FloatArray | None = None  # (m, d): features of what is labelled or waits in the queue
    centres: FloatArray | None = None  # (c, d): clusters kept from the round before
    proba: FloatArray | None = None  # (n, k), from the champion
    members: Sequence[FloatArray] = ()  # (n, k) each, from the committee
    task: Task = "single"

    def __len__(self) -> int:
        return int(self.features.shape[0])


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
    centres: FloatArray | None  # (c, d), None for a strategy without clusters
    strategy: str  # the one that ran: "first-batch" while there is no model to listen to


Score = Callable[[Pool, np.random.Generator], FloatArray]


def uniform(pool: Pool, rng: np.random.Generator) -> FloatArray:
    """Score by chance, in [0, 1)."""
    return rng.random(len(pool), np.float32)


def margin(pool: Pool, rng: np.random.Generator) -> FloatArray:
    """Score one minus the gap between the two likeliest labels, in [0, 1] (Scheffer, Decomain & Wrobel 2001).

    Multi-label: one minus the gap between yes and no, for the label that is least sure.
    """
    proba = _proba(pool)
    if pool.task == "multi":
        return np.asarray(1 - np.abs(2 * proba - 1).min(axis=1), np.float32)
    if proba.shape[1] == 1:
        return np.zeros(len(proba), np.float32)
    two = np.partition(proba, -2, axis=1)[:, -2:]
    return np.asarray(1 - (two[:, 1] - two[:, 0]), np.float32)


def least_confidence(pool: Pool, rng: np.random.Generator) -> FloatArray:
    """Score the probability that the likeliest answer is wrong, in [0, 1] (Lewis & Gale 1994).

    Multi-label: that the likeliest set of labels is wrong somewhere.
    """
    proba = _proba(pool)
    if pool.task == "multi":
        return np.asarray(1 - np.maximum(proba, 1 - proba).prod(axis=1), np.float32)
    return np.asarray(1 - proba.max(axis=1), np.float32)


def entropy(pool: Pool, rng: np.random.Generator) -> FloatArray:
    """Score the entropy of the labels over its largest value, in [0, 1] (Shannon 1948).

    Multi-label: the mean over the labels of the entropy of yes and no.
    """
    proba = _proba(pool)
    if pool.task == "multi":
        return np.asarray((_surprise(proba) + _surprise(1 - proba)).mean(axis=1) / np.log(2), np.float32)
    return np.asarray(_surprise(proba).sum(axis=1) / np.log(max(proba.shape[1], 2)), np.float32)


def typicality(pool: Pool, rng: np.random.Generator) -> FloatArray:
    """Score nearness to the nearest centre: minus the squared distance, at most 0."""
    if pool.centres is None:
        raise ValueError("centres is missing: typicality is nearness to a centre")
    return -nearest(pool.features[:], pool.centres)[1]


def _surprise(proba: FloatArray) -> FloatArray:
    return np.asarray(-proba * np.log(np.maximum(proba, 1e-12)), np.float32)


def _proba(pool: Pool) -> FloatArray:
    if pool.proba is None:
        raise ValueError("proba is missing: this strategy needs a trained model")
    if pool.proba.ndim != 2 or len(pool.proba) != len(pool):
        raise ValueError(f"proba has shape {pool.proba.shape}, but the pool has {len(pool)} rows")
    return pool.proba


@dataclass(frozen=True)
class Strategy:
    """A score, and how a batch is made of it: the highest, or the highest of each cluster in turns."""

    name: str
    score: Score
    needs_model: bool = True
    # Proportionally from every cluster, clusters taking turns, near-duplicates last.
    spread: bool = False
    # As many clusters as picks instead of 20 to 50 that are kept.
    centre_for_each: bool = False

    def clusters_for(self, n: int, size: int) -> int:
        """How many clusters a pool of ``n`` rows is cut into for a batch of ``size``; 0 for none."""
        if not self.spread:
            return 0
        return min(n, size) if self.centre_for_each else cluster_count(n)

    def scores(self, pool: Pool, rng: np.random.Generator) -> Scores:
        """Score each row of a pool or shard. Raises ValueError on a score that is not finite."""
        score = self.score(pool, rng)
        if score.shape != (len(pool),) or not np.isfinite(score).all():
            raise ValueError(f"{self.name} gave scores of shape {score.shape} that are not {len(pool)} finite ones")
        cluster = np.zeros(len(pool), np.int64)
        if pool.centres is not None and len(pool):
            cluster = nearest(pool.features[:], pool.centres)[0]
        return Scores(score, cluster, rng.random(len(pool), np.float32))

    def pick(self, scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> IntArray:
        """The rows to ask for, in serving order: distinct, ``min(size, n)`` of them."""
        if size < 0:
            raise ValueError(f"size is {size}, but cannot be negative")
        order = np.lexsort((scores.tie, -scores.score))
        if not self.spread:
            return order[:size]
        return _spread(order, scores, pool, min(size, len(pool)), rng)

    def __call__(self, pool: Pool, size: int, rng: np.random.Generator) -> IntArray:
        """Score and pick in one go, for a pool that fits in memory."""
        return self.pick(self.scores(pool, rng), pool, size, rng)


# Rows more alike than this are asked for only when nothing else is left.
ALIKE: Final = 0.95


def _spread(order: IntArray, scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> IntArray:
    """The best rows of each cluster by quota; a row like one taken or labelled gives way to the next."""
    sizes = np.bincount(scores.cluster)
    places = quotas(sizes, size, rng)
    by_cluster = order[np.argsort(scores.cluster[order], kind="stable")]
    starts = np.cumsum(sizes) - sizes
    # Four rows a place, so that those set aside can be made up for without reading the whole pool.
    ahead = np.minimum(places * 4 + 2, sizes)
    candidates = np.concatenate([by_cluster[a : a + b] for a, b in zip(starts, ahead, strict=True)])
    candidates = candidates[interleaved(scores.cluster[candidates], scores.score[candidates])]
    fresh = _fresh(pool.features[candidates], pool.labelled)
    taken: list[int] = []
    for wanted in (fresh, ~fresh):
        for row in candidates[wanted]:
            if places[scores.cluster[row]] > 0 and len(taken) < size:
                taken.append(int(row))
                places[scores.cluster[row]] -= 1
    rows = np.array(taken, np.int64)
    return rows[interleaved(scores.cluster[rows], scores.score[rows])]


def _fresh(x: FloatArray, labelled: FloatArray | None) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of the rows are unlike the labelled ones and unlike every row before them."""
    fresh = np.ones(len(x), np.bool_)
    if labelled is not None and len(labelled):
        for part in chunks(len(labelled), 4096):
            fresh &= (x @ labelled[part].T).max(axis=1) < ALIKE
    kept: list[int] = []
    alike = x @ x.T >= ALIKE
    for i in np.flatnonzero(fresh):
        if alike[i, kept].any():
            fresh[i] = False
        else:
            kept.append(int(i))
    return fresh


FIRST: Final = Strategy("first-batch", typicality, needs_model=False, spread=True, centre_for_each=True)

STRATEGIES: Final[dict[str, Strategy]] = {
    strategy.name: strategy
    for strategy in (
        Strategy("default", margin, spread=True),
        Strategy("random", uniform, needs_model=False),
        Strategy("margin", margin),
        Strategy("least-confidence", least_confidence),
        Strategy("entropy", entropy),
        FIRST,
    )
}
