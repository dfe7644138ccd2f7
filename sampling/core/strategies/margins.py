"""Batches of uncertain rows that differ: chosen among the rows of smallest margin, or weighted by density."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..arrays import FloatArray
from ..clusters import centres_of, interleaved, nearest, turns
from ..distances import lengths
from ..pool import Pool
from ..scores import margin
from .base import Picks, Scores

# Uncertain rows looked at for each place of the batch, and at most.
REACH: Final = 20
CANDIDATES: Final = 10_000
# The same for Cluster-Margin, as its authors have it.
MARGIN_SET: Final = 10
FINE: Final = 200


def fine(n: int, _size: int, _m: int) -> int:
    """Up to 200 clusters, one for every 10 rows."""
    return min(n, FINE, max(20, n // 10))


def one(n: int, _size: int, _m: int) -> int:
    """The whole pool as one cluster, whose centre is its mean."""
    return min(n, 1)


def density(pool: Pool, rng: np.random.Generator) -> FloatArray:
    """Score the margin times the mean likeness to the pool, in [0, 1] (Settles & Craven 2008).

    For rows of length 1 the mean cosine to all rows is the product with their mean. Likeness is that over the
    length of the mean, where it is positive: the cosine to the middle of the pool.
    """
    if pool.centres is None:
        raise ValueError("centres is missing: density is likeness to the middle of the pool")
    x, middle = pool.features[:], pool.centres.mean(axis=0)
    length = np.sqrt(lengths(x) * np.float32(middle @ middle))
    like = np.clip((x @ middle) / np.maximum(length, 1e-9), 0, 1)
    return np.asarray(margin(pool, rng) * like, np.float32)


def margin_k_means(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """The row nearest to each k-means centre of the most uncertain rows (Zhdanov 2019)."""
    rows = scores.best(max(min(REACH * size, CANDIDATES), size))
    x = pool.features[rows]
    cluster, distance = nearest(x, centres_of(x, size, rng))
    return Picks.of(rows[interleaved(cluster, -distance)[:size]])


def cluster_margin(scores: Scores, _pool: Pool, size: int, _rng: np.random.Generator) -> Picks:
    """The rows of smallest margin, clusters giving in turn, smallest first (Cluster-Margin).

    Citovsky et al. 2021. A cluster is as large as its part of the margin set; which of its rows it gives is
    left to chance. Clusters are made once and kept; here by k-means.
    """
    rows = scores.best(MARGIN_SET * size)
    rows = rows[np.argsort(scores.tie[rows], kind="stable")]
    cluster = scores.cluster[rows]
    sizes = np.bincount(cluster)
    order = np.lexsort((cluster, sizes[cluster], turns(cluster)))
    return Picks.of(rows[order[:size]])
