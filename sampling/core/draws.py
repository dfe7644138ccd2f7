"""k-means++: rows drawn one by one, with odds that are squared distances to the nearest row drawn before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from .arrays import FloatArray, IntArray, chunks

# Rows proposed at once, and what it costs to measure them against what it costs in one pass over all rows.
PROPOSED: Final = 512
DEARER: Final = 8
# Rows measured at once.
MEASURED: Final = 8_192
# Squared distances that are less than this of a point's squared length are rounding.
ROUNDING: Final = 2e-6


class Points(Protocol):
    """Points of some space, however they are kept."""

    @property
    def length(self) -> FloatArray:
        """Their squared lengths (n,)."""

    def only(self, rows: slice | IntArray) -> Self:
        """Some of them."""

    def apart(self, others: Self) -> FloatArray:
        """Squared distances to other points, (n, m)."""


P = TypeVar("P", bound=Points)


@dataclass
class Draws(Generic[P]):
    """Rows taken so far, and for every row a number that its squared distance to them does not pass.

    Rows are proposed with odds by ``bound`` and taken with odds true distance / bound. What is taken follows
    the true distances (Arthur & Vassilvitskii 2007), though only those of proposed rows are measured: all are
    measured anew when the bounds have become too loose. The first bound is the triangle's: no distance is
    more than the sum of the lengths.
    """

    points: Callable[[slice | IntArray], P]
    root: FloatArray  # (n,): lengths of all points
    taken: list[int]

    def __post_init__(self) -> None:
        self.bound: NDArray[np.float64] = np.full(len(self.root), np.inf)
        self.measured = 0  # so many of the rows taken are known to every bound
        self.shortest = np.inf
        self._tighten(0)

    def until(self, size: int, rng: np.random.Generator) -> IntArray:
        """Take rows until there are ``size``, or all others lie where taken ones do; give all taken."""
        while len(self.taken) < size:
            total = np.cumsum(self.bound)
            if total[-1] <= 0:
                break
            rows = np.searchsorted(total, rng.random(PROPOSED) * total[-1], side="right")
            before = len(self.taken)
            self._take(np.minimum(rows, len(total) - 1), rng.random(PROPOSED), size - before)
            self._tighten(before)
            # At this rate, would proposing all that is wanted cost more than a pass?
            wanted, took = size - len(self.taken), len(self.taken) - before
            if wanted * PROPOSED * DEARER > took * len(total):
                self._measure()
        return np.array(self.taken, np.int64)

    def _take(self, rows: IntArray, chance: NDArray[np.float64], room: int) -> None:
        """Take at most ``room`` of the rows proposed, one after another."""
        here, bound = self.points(rows), self.bound[rows]
        true = np.minimum(bound, self._gap(here))
        true[np.isin(rows, self.taken)] = 0
        limit, place = chance * bound, 0
        while room:
            able = np.flatnonzero(limit[place:] < true[place:])
            if not len(able):
                break
            place += int(able[0])
            self.taken.append(int(rows[place]))
            np.minimum(true, _nearest(here, here.only(slice(place, place + 1))), out=true)
            true[rows == rows[place]] = 0
            room -= 1
        self.bound[rows] = true

    def _gap(self, here: P) -> FloatArray:
        """Squared distances to the nearest of the taken rows that not every bound knows."""
        since = np.array(self.taken[self.measured :], np.int64)
        if not len(since):
            return np.full(len(here.length), np.inf, np.float32)
        return _nearest(here, self.points(since))

    def _tighten(self, first: int) -> None:
        """Bring bounds down to what the lengths of newly taken rows say."""
        if first == len(self.taken):
            return
        shortest = float(self.root[self.taken[first:]].min())
        if shortest < self.shortest:
            self.shortest = shortest
            np.minimum(self.bound, (self.root + np.float32(shortest)) ** 2, out=self.bound)
        self.bound[self.taken[first:]] = 0

    def _measure(self) -> None:
        """Bring all bounds down to the true distances."""
        for part in chunks(len(self.bound), MEASURED):
            np.minimum(self.bound[part], self._gap(self.points(part)), out=self.bound[part])
        self.bound[self.taken] = 0
        self.measured = len(self.taken)


def _nearest(here: P, others: P) -> FloatArray:
    """Squared distances to the nearest of others (n,), 0 for what lies in the same place."""
    gap = here.apart(others).min(axis=1)
    gap[gap <= ROUNDING * here.length] = 0
    return np.asarray(gap, np.float32)
