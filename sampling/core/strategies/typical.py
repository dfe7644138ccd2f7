"""Typical rows: the middle of regions that nobody has labelled yet."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..arrays import FloatArray, IntArray, chunks
from ..clusters import grouped, interleaved, nearest
from ..distances import squared
from ..pool import Pool
from .base import Picks, Scores

NEIGHBOURS: Final = 20
# Clusters at most, and rows that a cluster needs to come before the smaller ones.
MOST: Final = 500
FEWEST: Final = 5
# Rows of a cluster that are looked at: bounds what is quadratic.
LOOKED_AT: Final = 1_000


def one_for_each_label(n: int, size: int, m: int) -> int:
    """As many as are labelled or will be, at most 500 (TypiClust)."""
    return min(n, max(size + m, 1), MOST)


def centre_rows(scores: Scores, _pool: Pool, size: int, _rng: np.random.Generator) -> Picks:
    """The row nearest to each centre, then the second nearest, and so on. The score must be nearness."""
    return Picks.of(interleaved(scores.cluster, scores.score)[:size], covering=True)


def typical_rows(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """The most typical row of each cluster, uncovered and largest clusters first (TypiClust).

    Hacohen, Dekel & Weinshall 2022. Clusters with few labelled rows come first, then large ones; those of
    less than 5 rows last. Clusters take turns until the batch is full.
    """
    sizes = np.bincount(scores.cluster)
    order = _turn(sizes, _labelled(pool, len(sizes)))
    places = _places(sizes[order], size)
    groups = grouped(scores.cluster)
    rows, turn = [], []
    for cluster, count in zip(order[places > 0], places[places > 0], strict=True):
        members = groups[cluster]
        if len(members) > max(LOOKED_AT, count):
            members = members[np.sort(rng.permutation(len(members))[: max(LOOKED_AT, count)])]
        rows.append(members[np.argsort(-typicality(pool.features[members]), kind="stable")[:count]])
        turn.append(np.arange(count))
    return Picks.of(np.concatenate(rows)[np.argsort(np.concatenate(turn), kind="stable")], covering=True)


def typicality(x: FloatArray) -> FloatArray:
    """One over the mean distance to the nearest 20 other rows of x (n, d), or half of them if fewer: (n,)."""
    k = min(NEIGHBOURS, len(x) // 2)
    if not k:
        return np.zeros(len(x), np.float32)
    out = np.empty(len(x), np.float32)
    for part in chunks(len(x), 512):
        gap = squared(x[part], x)
        gap[np.arange(len(gap)), np.arange(part.start, part.stop)] = np.inf
        out[part] = 1 / (np.sqrt(np.partition(gap, k - 1, axis=1)[:, :k]).mean(axis=1) + 1e-5)
    return out


def _labelled(pool: Pool, count: int) -> IntArray:
    """How many labelled rows each cluster has."""
    if pool.centres is None or pool.labelled is None or not len(pool.labelled):
        return np.zeros(count, np.int64)
    return np.bincount(nearest(pool.labelled, pool.centres)[0], minlength=count)[:count]


def _turn(sizes: IntArray, labelled: IntArray) -> IntArray:
    """The clusters in the order in which they give."""
    order = np.lexsort((-sizes, labelled, sizes < FEWEST))
    return order[sizes[order] > 0]


def _places(sizes: IntArray, total: int) -> IntArray:
    """Places for each cluster when all take turns in this order, none giving more than it has."""
    places = np.zeros(len(sizes), np.int64)
    while total > 0:
        able = np.flatnonzero(places < sizes)[:total]
        places[able] += 1
        total -= len(able)
    return places
