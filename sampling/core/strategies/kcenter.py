"""k-center: always the row that is farthest from all that is labelled or picked (core-set)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..arrays import FloatArray, IntArray
from ..distances import lengths, squared, to_nearest
from ..pool import Pool
from .base import Picks, Scores

# Rows that compete for the next places, held in memory (6 MB at 384 columns).
FRONT: Final = 4_096


def remoteness(pool: Pool, _rng: np.random.Generator) -> FloatArray:
    """Score the squared distance to the nearest labelled row, (n,), at least 0. All the same without any."""
    if pool.labelled is None or not len(pool.labelled):
        return np.ones(len(pool), np.float32)
    return to_nearest(pool.features[:], pool.labelled)


def k_center(scores: Scores, pool: Pool, size: int, _rng: np.random.Generator) -> Picks:
    """Greedy k-center (Gonzalez 1985), from the labelled rows (core-set, Sener & Savarese 2018).

    The score must be the squared distance to the nearest labelled row. Without labelled rows the first pick
    is the row nearest to the mean.
    """
    if pool.labelled is not None and len(pool.labelled):
        return Picks.of(farthest(pool, scores.score, size), covering=True)
    first = _middle(pool)
    start = pool.features[np.array([first])]
    distance = np.concatenate([squared(x, start)[:, 0] for _, x in pool.parts()])
    distance[first] = -np.inf
    return Picks.of(np.append(first, farthest(pool, distance, size - 1)), covering=True)


def farthest(pool: Pool, distance: FloatArray, size: int) -> IntArray:
    """``size`` rows, each the farthest from those before it and from what ``distance`` (n,) was taken to.

    Distances only ever shrink, so a row whose old distance is smaller than the best of the front need not be
    looked at: all the rest waits until the front has none as far (lazy greedy, Minoux 1978).
    """
    distance, known = distance.copy(), np.zeros(len(distance), np.int64)
    taken: list[int] = []
    while len(taken) < size:
        front, limit = _front(distance)
        x = pool.features[front]
        missed = np.array(taken[int(known[front].min()) :], np.int64)
        own = np.minimum(distance[front], to_nearest(x, pool.features[missed]))
        taken += front[_within(x, own, limit, size - len(taken))].tolist()
        distance[front], known[front] = own, len(taken)
    return np.array(taken, np.int64)


def _front(distance: FloatArray) -> tuple[IntArray, float]:
    """The rows of largest distance, in order of number, and the largest distance of the others."""
    if len(distance) <= FRONT:
        return np.arange(len(distance)), -np.inf
    order = np.argpartition(distance, -FRONT)
    return np.sort(order[-FRONT:]), float(distance[order[:-FRONT]].max())


def _within(x: FloatArray, distance: FloatArray, limit: float, size: int) -> list[int]:
    """Up to ``size`` rows of x (f, d), farthest first, while none elsewhere can be farther than ``limit``.

    Brings ``distance`` (f,) up to date; a taken row is at minus infinity.
    """
    norms, found = lengths(x), list[int]()
    while len(found) < size:
        row = int(distance.argmax())
        if distance[row] < limit or distance[row] == -np.inf:
            break
        found.append(row)
        gap: Any = x @ (-2 * x[row])
        gap += norms
        gap += norms[row]
        np.minimum(distance, np.maximum(gap, 0, out=gap), out=distance)
        distance[found] = -np.inf
    return found


def _middle(pool: Pool) -> int:
    """The row nearest to the mean of all rows."""
    mean = sum(x.sum(axis=0, dtype=np.float64) for _, x in pool.parts()) / len(pool)
    centre = np.asarray(mean, np.float32)[None]
    return int(np.concatenate([squared(x, centre)[:, 0] for _, x in pool.parts()]).argmin())
