"""Coverage by rows near most others: herding, with or without uncertainty, and balls (ProbCover)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..arrays import FloatArray, IntArray
from ..coverage import CANDIDATES, LANDMARKS, Landmarks, covering
from ..distances import squared, to_nearest
from ..pool import Pool
from .base import Picks, Scores

# The share of rows whose ball must hold rows of one cluster only.
PURE: Final = 0.95


@dataclass(frozen=True)
class Balls(Landmarks):
    """Landmarks that a row covers wholly or not at all: those nearer than the radius, whose square is far."""

    def nearness(self, x: FloatArray) -> FloatArray:
        return (squared(x, self.x) <= self.far).astype(np.float32)


def herded(_scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """The rows that together cover the pool best (MaxHerding, Bae, Ng, Lo, Ghassemi & Sutherland 2024)."""
    marks = _marks(pool, rng)
    weights = np.ones(len(marks), np.float32)
    return _covering(Landmarks.of(pool.features[marks], weights, pool.labelled), pool, size, rng)


def herded_uncertain(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """The rows that together cover most of what is uncertain (Bae, Noh & Sutherland 2025)."""
    marks = _marks(pool, rng)
    landmarks = Landmarks.of(pool.features[marks], scores.score[marks], pool.labelled)
    return _covering(landmarks, pool, size, rng)


def probable(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """The rows whose balls cover most rows that no labelled row's ball covers (ProbCover).

    Yehuda, Dekel, Hacohen & Weinshall 2022. The radius is the largest at which 95 % of the balls hold rows of
    one cluster only. When all is covered, rows at random.
    """
    marks = _marks(pool, rng)
    x = pool.features[marks]
    start = Landmarks.of(x, np.ones(len(marks), np.float32), None)
    far = radius(x, scores.cluster[marks], start.far)
    covered = start.covered
    if pool.labelled is not None and len(pool.labelled):
        covered = (to_nearest(x, pool.labelled) <= far).astype(np.float32)
    return _covering(Balls(x, start.weights, covered, far), pool, size, rng)


def radius(x: FloatArray, cluster: IntArray, otherwise: float) -> float:
    """The squared radius within which 95 % of the rows of x (l, d) have neighbours of their own cluster only.

    ``otherwise`` where there is one cluster alone.
    """
    gap = squared(x, x)
    gap[cluster[:, None] == cluster] = np.inf
    other = np.sort(gap.min(axis=1))
    # A ball is pure as long as the nearest row of another cluster lies outside.
    limit = float(other[int((1 - PURE) * len(x))])
    return max(limit * (1 - 1e-4), 0.0) if np.isfinite(limit) else otherwise


def _marks(pool: Pool, rng: np.random.Generator) -> IntArray:
    return np.sort(rng.permutation(len(pool))[:LANDMARKS])


def _covering(landmarks: Landmarks, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """The best of some random candidates, in a random order, so that chance decides between equal ones."""
    some = rng.permutation(len(pool))[: max(CANDIDATES, size)]
    free = np.zeros(len(some), np.int64)
    taken = covering(pool.features[some], landmarks, free, np.array([size]), size)
    return Picks.of(some[taken], covering=True)
