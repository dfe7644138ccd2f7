"""Batches that are spread over the pool, whatever the score: by cluster, or without rows that are alike."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray, chunks
from ..clusters import grouped, interleaved, quotas, turns
from ..pool import Pool
from .base import Picks, Scores

# How many candidates a place are looked at, in turn, until enough are unlike each other and the labelled.
REACH: Final = (4, 16, 64)


def clustered(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """The best rows of each cluster by quota; a row like one taken or labelled gives way to another."""
    sizes = np.bincount(scores.cluster)
    places = quotas(sizes, size, rng)
    members = grouped(scores.cluster)
    for reach in REACH:
        ahead = np.minimum((places + 1) * reach, sizes)
        best = [rows[scores.only(rows).best(count)] for rows, count in zip(members, ahead, strict=True)]
        candidates = np.concatenate(best)
        candidates = candidates[interleaved(scores.cluster[candidates], scores.score[candidates])]
        is_fresh = fresh(pool.features[candidates], pool.labelled, pool.alike)
        if is_fresh.sum() >= size or len(candidates) == len(pool):
            break
    rows = _placed(candidates, is_fresh, scores.cluster, places)[:size]
    return Picks.of(rows[interleaved(scores.cluster[rows], scores.score[rows])])


def diverse(scores: Scores, pool: Pool, size: int, _rng: np.random.Generator) -> Picks:
    """The highest scores, but a row like one taken or labelled gives way to another."""
    for reach in REACH:
        candidates = scores.best((size + 1) * reach)
        is_fresh = fresh(pool.features[candidates], pool.labelled, pool.alike)
        if is_fresh.sum() >= size or len(candidates) == len(pool):
            break
    return Picks.of(np.concatenate([candidates[is_fresh], candidates[~is_fresh]])[:size])


def fresh(x: FloatArray, labelled: FloatArray | None, alike: float) -> BoolArray:
    """Which rows are unlike the labelled ones and every fresh row before them: cosine below ``alike``."""
    out = unlike(x, labelled, alike)
    for part in chunks(len(x), 1024):
        out[part] &= unlike(x[part], x[: part.start][out[: part.start]], alike)
        near = np.tril(x[part] @ x[part].T >= alike, -1)
        for row in np.flatnonzero(near.any(axis=1)):
            if (near[row] & out[part]).any():
                out[part.start + row] = False
    return out


def unlike(x: FloatArray, others: FloatArray | None, alike: float) -> BoolArray:
    """Which rows have a cosine below ``alike`` to all others."""
    out = np.ones(len(x), np.bool_)
    if others is None:
        return out
    for rows in chunks(len(x), 4_096):
        for part in chunks(len(others), 4_096):
            out[rows] &= (x[rows] @ others[part].T).max(axis=1) < alike
    return out


def _placed(candidates: IntArray, is_fresh: BoolArray, cluster: IntArray, places: IntArray) -> IntArray:
    """The candidates as they are taken: fresh ones within their quota, other fresh ones, then the rest."""
    parts = []
    for rows in (candidates[is_fresh], candidates[~is_fresh]):
        within = turns(cluster[rows]) < places[cluster[rows]]
        parts += [rows[within], rows[~within]]
    return np.concatenate(parts)
