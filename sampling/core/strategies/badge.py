"""BADGE: rows whose gradients would change the model most, in different directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, IntArray, chunks
from ..distances import lengths
from ..learners import Task
from ..pool import Pool
from .base import Picks, Scores

# Rows drawn at once, and the share of them that must be taken before all distances are measured again.
DRAWN: Final = 512
TAKEN: Final = 0.2
# Squared distances that add up to less than this are rounding.
FLAT: Final = 1e-9


@dataclass(frozen=True)
class Gradients:
    """Gradients of the last layer, residual x row, kept as their factors: d + k numbers instead of d k."""

    residual: FloatArray  # (n, k)
    x: FloatArray  # (n, d)
    length: FloatArray  # (n,), squared

    @classmethod
    def of(cls, proba: FloatArray, x: FloatArray, task: Task) -> Gradients:
        """Those of rows x (n, d) with probabilities (n, k), as if the likeliest answer were the true one."""
        residual = residuals(proba, task)
        return cls(residual, x, lengths(residual) * lengths(x))

    def only(self, rows: slice | IntArray) -> Gradients:
        """Those of some rows."""
        return Gradients(self.residual[rows], self.x[rows], self.length[rows])

    def apart(self, others: Gradients) -> FloatArray:
        """Squared distances (n, m): |a|²|x|² + |b|²|y|² - 2 (a·b)(x·y)."""
        out = self.x @ (-2 * others.x.T)
        out *= self.residual @ others.residual.T
        out += self.length[:, None]
        out += others.length
        return np.asarray(np.maximum(out, 0, out=out), np.float32)


def residuals(proba: FloatArray, task: Task) -> FloatArray:
    """Probabilities (n, k) minus the likeliest answer: the gradient by the evidence for each label."""
    if task == "multi":
        return np.asarray(proba - (proba >= 0.5), np.float32)
    out = np.array(proba, np.float32)
    out[np.arange(len(out)), proba.argmax(axis=1)] -= 1
    return out


def gradient_length(pool: Pool, _rng: np.random.Generator) -> FloatArray:
    """Score the squared length of the gradient if the likeliest answer were true, over its largest value.

    In [0, 1] for rows of length 1 (Ash et al. 2020).
    """
    proba = pool.proba_of(slice(None))
    most = proba.shape[1] / 4 if pool.task == "multi" else 2
    return np.asarray(lengths(residuals(proba, pool.task)) * lengths(pool.features[:]) / most, np.float32)


def badge(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """k-means++ on the gradients (Ash, Zhang, Krishnamurthy, Langford & Agarwal 2020).

    The longest gradient first, then each row with odds that are its squared distance to the nearest gradient
    taken; when all have the same gradient, the longest.
    """

    def gradients(rows: slice | IntArray) -> Gradients:
        return Gradients.of(pool.proba_of(rows), pool.features[rows], pool.task)

    order = scores.order()
    draws = Draws(gradients, np.full(len(pool), np.inf), [int(order[0])])
    while len(draws.taken) < size and draws.more(size, rng):
        pass
    rest = order[~np.isin(order, draws.taken)][: size - len(draws.taken)]
    return Picks.of(np.append(np.array(draws.taken, np.int64), rest))


@dataclass
class Draws:
    """Rows drawn one after another, with odds that are squared distances to the nearest one drawn before.

    Rows are proposed by distances that may be out of date, hence too large, and taken with odds true / old:
    what is taken follows the true distances, though few of them are measured (rejection sampling).
    """

    gradients: Callable[[slice | IntArray], Gradients]
    bound: NDArray[np.float64]  # (n,), never below the squared distance to the nearest row taken
    taken: list[int]
    measured: int = 0  # so many of the rows taken are known to every bound

    def more(self, size: int, rng: np.random.Generator) -> bool:
        """Take rows until there are ``size``, or distances should be measured again. False: all are zero."""
        self._measure()
        while len(self.taken) < size:
            total = np.cumsum(self.bound)
            if not total[-1] > FLAT:
                return False
            drawn = np.searchsorted(total, rng.random(DRAWN) * total[-1], side="right")
            drawn = np.minimum(drawn, len(total) - 1)
            if self._take(drawn, rng.random(DRAWN), size - len(self.taken)) < TAKEN * DRAWN:
                break
        return True

    def _measure(self) -> None:
        """Bring all bounds down to the true distances."""
        others = self.gradients(np.array(self.taken[self.measured :], np.int64))
        for part in chunks(len(self.bound), 8_192):
            gap = self.gradients(part).apart(others).min(axis=1)
            np.minimum(self.bound[part], gap, out=self.bound[part])
        self.bound[self.taken] = 0
        self.measured = len(self.taken)

    def _take(self, drawn: IntArray, chance: NDArray[np.float64], room: int) -> int:
        """Take at most ``room`` of the rows drawn, one after the other; how many were taken."""
        here, old, start = self.gradients(drawn), self.bound[drawn], len(self.taken)
        true = old.copy()
        if start > self.measured:
            others = self.gradients(np.array(self.taken[self.measured :], np.int64))
            np.minimum(true, here.apart(others).min(axis=1), out=true)
        place = 0
        while len(self.taken) - start < room:
            able = np.flatnonzero(chance[place:] * old[place:] < true[place:])
            if not len(able):
                break
            place += int(able[0])
            self.taken.append(int(drawn[place]))
            np.minimum(true, here.apart(here.only(slice(place, place + 1)))[:, 0], out=true)
            true[drawn == drawn[place]] = 0
        self.bound[drawn] = true
        return len(self.taken) - start
