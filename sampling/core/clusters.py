"""Clusters of the pool: centres, who belongs where, how many each gives, and the order they take turns in."""

from __future__ import annotations

import numpy as np

from .arrays import CHUNK, FloatArray, IntArray, chunks
from .distances import Located
from .draws import Draws

FIT_ROWS = 10_000
FEWEST, MOST = 20, 50
# k-means ends when no more than this share of the rows still moves.
STILL = 0.005


def cluster_count(n: int) -> int:
    """20 to 50 clusters, one for every 40 rows between; never more than rows."""
    return min(n, max(FEWEST, min(MOST, n // 40)))


def nearest(features: FloatArray, centres: FloatArray) -> tuple[IntArray, FloatArray]:
    """The nearest centre of each row, and the squared distance to it: (n,) and (n,)."""
    if features.ndim != 2 or centres.ndim != 2 or features.shape[1] != centres.shape[1] or not len(centres):
        raise ValueError(f"features has shape {features.shape}, centres {centres.shape}; columns must agree")
    cluster = np.empty(len(features), np.int64)
    distance = np.empty(len(features), np.float32)
    norms = np.einsum("ij,ij->i", centres, centres)
    # Many centres, few rows at once: distances of a piece take 16 MB at most.
    for part in chunks(len(features), max(1, min(CHUNK, 4_194_304 // len(centres)))):
        x = features[part]
        gap = x @ (-2 * centres.T)
        gap += norms
        cluster[part] = gap.argmin(axis=1)
        closest = np.take_along_axis(gap, cluster[part][:, None], axis=1)[:, 0]
        distance[part] = np.maximum(closest + np.einsum("ij,ij->i", x, x), 0)
    return cluster, distance


def centres_of(features: FloatArray, count: int, rng: np.random.Generator, passes: int = 15) -> FloatArray:
    """At most ``count`` centres (c, d) by k-means (Lloyd 1982, seeded as Arthur & Vassilvitskii 2007).

    Fitted on at most 10,000 rows drawn by ``rng``. Fewer centres where fewer rows differ.
    """
    if count < 1 or not len(features):
        raise ValueError(f"count is {count} and features has shape {features.shape}; both need one at least")
    rows = np.sort(rng.permutation(len(features))[:FIT_ROWS])
    x = np.ascontiguousarray(features[rows], np.float32)
    centres = _seeds(x, count, rng)
    cluster = np.full(len(x), -1)
    for _ in range(passes):
        moved, _ = nearest(x, centres)
        if (moved != cluster).sum() <= STILL * len(x):
            break
        cluster = moved
        centres = _means(x, cluster, len(centres))
    return centres


def _seeds(x: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Rows far from one another, drawn with odds that grow with the squared distance to those drawn."""
    points = Located.at(x)
    return x[Draws(points.only, np.sqrt(points.length), [int(rng.integers(len(x)))]).until(count, rng)]


def _means(x: FloatArray, cluster: IntArray, count: int) -> FloatArray:
    """The mean of each cluster; a cluster without rows is left out."""
    order = np.argsort(cluster, kind="stable")
    sizes = np.bincount(cluster, minlength=count)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))[sizes > 0]
    sums = np.add.reduceat(x[order], starts, axis=0)
    return np.asarray(sums / sizes[sizes > 0, None], np.float32)


def grouped(clusters: IntArray) -> list[IntArray]:
    """The rows of each cluster, ascending; one entry for each cluster up to the last that has rows."""
    # Sorting short integers takes time linear in the rows.
    narrow = np.uint16 if clusters.max(initial=0) < 2**16 else np.int64
    order = np.argsort(clusters.astype(narrow), kind="stable")
    return np.split(order, np.cumsum(np.bincount(clusters))[:-1])


def quotas(sizes: IntArray, total: int, rng: np.random.Generator) -> IntArray:
    """Places for each cluster, proportional to its size: its share rounded up or down, ``total`` in all.

    Systematic sampling (Madow 1949): where shares are fractions, chance decides with just those odds, so that
    small clusters get their turn over the batches. Never more than a cluster holds.
    """
    total = min(total, int(sizes.sum()))
    if total <= 0:
        return np.zeros(len(sizes), np.int64)
    # A random order first, or neighbours in the list would never be drawn together.
    order = rng.permutation(len(sizes))
    edges = np.concatenate(([0.0], np.cumsum(sizes[order]) * (total / sizes.sum())))
    edges[-1] = total
    counts = np.floor(edges + rng.random())
    places = np.zeros(len(sizes), np.int64)
    places[order] = np.diff(counts).astype(np.int64)
    return places


def turns(clusters: IntArray) -> IntArray:
    """How many rows of the same cluster come before each row."""
    order = np.argsort(clusters, kind="stable")
    starts = np.flatnonzero(np.diff(clusters[order], prepend=-1))
    lengths = np.diff(np.append(starts, len(order)))
    turn = np.empty(len(clusters), np.int64)
    turn[order] = np.arange(len(order)) - np.repeat(starts, lengths)
    return turn


def interleaved(clusters: IntArray, scores: FloatArray) -> IntArray:
    """An order in which clusters take turns: all their best first, then all their second best, and so on."""
    best_first = np.argsort(-scores, kind="stable")
    return best_first[np.argsort(turns(clusters[best_first]), kind="stable")]
