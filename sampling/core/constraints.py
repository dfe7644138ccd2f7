"""Quotas: how many of a batch come from a group of the pool, at least and at most, whatever the strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from .arrays import BoolArray, IntArray
from .pool import Pool
from .strategies.base import Picker, Picks, Scores

LABEL: Final = "label"
FIELD: Final = "field:"
# Shares of a batch are decimal fractions: 30 % of 10 are 3, whatever floating point says.
_CLOSE: Final = 1e-9


@dataclass(frozen=True)
class Quota:
    """The least and the largest share of a batch for a group of rows.

    The group is those whose likeliest label is ``value`` (a position), or whose field has that value.
    """

    of: str  # "label", or "field:" and its name
    value: str | int
    at_least: float = 0.0
    at_most: float = 1.0

    def __post_init__(self) -> None:
        if self.of != LABEL and not self.of.startswith(FIELD):
            raise ValueError(f"of is {self.of!r}, but must be label, or field: and a name")
        if self.of == LABEL and not (isinstance(self.value, int) and self.value >= 0):
            raise ValueError(f"value is {self.value!r}, but must be the position of a label")
        if not 0 <= self.at_least <= self.at_most <= 1:
            raise ValueError(
                f"at_least is {self.at_least}, at_most {self.at_most}; both must lie in [0, 1], in this order"
            )


@dataclass(frozen=True)
class Bounds:
    """Quotas as numbers of rows: who belongs where, and how many a batch may hold."""

    belongs: BoolArray  # (n, q)
    least: IntArray  # (q,)
    most: IntArray  # (q,), never below least

    @classmethod
    def of(cls, quotas: Sequence[Quota], belongs: BoolArray, size: int) -> Bounds:
        """Those of a batch: at least rounded up, at most rounded down, but not below at least.

        A group that has fewer rows than it must give gives all of them.
        """
        least = np.array([np.ceil(quota.at_least * size - _CLOSE) for quota in quotas], np.int64)
        least = np.minimum(least, belongs.sum(axis=0))
        most = np.array([np.floor(quota.at_most * size + _CLOSE) for quota in quotas], np.int64)
        return cls(belongs, least, np.maximum(least, most))

    def after(self, rows: IntArray) -> Bounds:
        """What is left of them, for the other rows, once these rows are in the batch."""
        taken = self.belongs[rows].sum(axis=0)
        return Bounds(
            np.delete(self.belongs, rows, axis=0),
            np.maximum(self.least - taken, 0),
            np.maximum(self.most - taken, 0),
        )

    def holds(self, rows: IntArray) -> bool:
        """Whether a batch of these rows keeps all of them."""
        count = self.belongs[rows].sum(axis=0)
        return bool((count >= self.least).all() and (count <= self.most).all())


def belongs(quotas: Sequence[Quota], scores: Scores, pool: Pool) -> BoolArray:
    """Which rows of the pool each quota is about (n, q); nobody, for labels, while no model knows any.

    Raises ValueError where ``pool.groups`` has not one column for each quota about a field.
    """
    fields = sum(quota.of != LABEL for quota in quotas)
    groups = np.zeros((len(pool), 0), np.bool_) if pool.groups is None else pool.groups
    if groups.shape != (len(pool), fields):
        raise ValueError(f"groups has shape {groups.shape}; {len(pool)} rows, {fields} columns are needed")
    column, out = iter(groups.T), np.zeros((len(pool), len(quotas)), np.bool_)
    for i, quota in enumerate(quotas):
        if quota.of != LABEL:
            out[:, i] = next(column)
        elif scores.label is not None:
            out[:, i] = scores.label == quota.value
    return out


def within(picker: Picker, bounds: Bounds) -> Picker:
    """The picker, changed as little as keeps the bounds: always as many distinct rows as are asked for.

    Its own batch stands where it keeps them. Otherwise rows over a largest share go, the last ones first;
    what is missing of a smallest share is picked from its group by the same picker; and it fills the places
    left from groups that are not full. What cannot be kept gives way in this order: at least, where the group
    has no rows left or all of them are in groups that are full; at least of quotas further down the list,
    where together they need more places than there are; at most, where no other rows are left.
    """

    def bounded(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
        first = picker(scores, pool, size, rng)
        if bounds.holds(first.rows):
            return first
        everywhere = np.ones(len(pool), np.bool_)
        batch = _Batch(picker, scores, pool, bounds)
        batch.keep(first)
        for quota, least in enumerate(bounds.least):
            count = int(least - bounds.belongs[batch.rows, quota].sum())
            batch.add(count, bounds.belongs[:, quota], rng)
        batch.trim(size)
        batch.add(size - len(batch.rows), everywhere, rng)
        batch.add(size - len(batch.rows), everywhere, rng, anyhow=True)
        return batch.picks()

    return bounded


class _Batch:
    """A batch in the making: rows in the order they were taken, and in which go."""

    def __init__(self, picker: Picker, scores: Scores, pool: Pool, bounds: Bounds) -> None:
        self._picker, self._scores, self._pool, self._bounds = picker, scores, pool, bounds
        self.rows = np.empty(0, np.int64)
        self._go = np.empty(0, np.int64)
        self._covering = np.zeros(len(pool), np.bool_)

    def _room(self) -> IntArray:
        taken = self._bounds.belongs[self.rows].sum(axis=0)
        return np.asarray(np.maximum(self._bounds.most - taken, 0), np.int64)

    def keep(self, picks: Picks, *, anyhow: bool = False) -> None:
        """Take rows in their order, leaving out those of full groups."""
        room, rows = self._room(), picks.rows
        if not anyhow:
            kept = []
            for row in rows:
                if (room[self._bounds.belongs[row]] > 0).all():
                    room[self._bounds.belongs[row]] -= 1
                    kept.append(row)
            rows = np.array(kept, np.int64)
        self._covering[picks.rows] = picks.covering
        go = self._go.max(initial=-1) + 1
        self.rows, self._go = np.append(self.rows, rows), np.append(self._go, np.full(len(rows), go))

    def add(self, count: int, among: BoolArray, rng: np.random.Generator, *, anyhow: bool = False) -> None:
        """Let the strategy pick up to ``count`` more of these rows.

        Each pass takes all that is missing or fills a group, so there are no more passes than groups.
        """
        target = len(self.rows) + count
        while len(self.rows) < target:
            left = among.copy()
            left[self.rows] = False
            if not anyhow:
                left &= ~self._bounds.belongs[:, self._room() <= 0].any(axis=1)
            rows = np.flatnonzero(left)
            if not len(rows):
                return
            size = min(target - len(self.rows), len(rows))
            some = self._picker(self._scores.only(rows), self._without(rows), size, rng)
            self.keep(Picks(rows[some.rows], some.covering), anyhow=anyhow)

    def _without(self, rows: IntArray) -> Pool:
        """The pool of these rows; those taken are labelled to it, so that nothing like them comes again."""
        taken = self._pool.features[self.rows]
        known = self._pool.labelled
        return replace(
            self._pool.only(rows), labelled=taken if known is None else np.concatenate([known, taken])
        )

    def trim(self, size: int) -> None:
        """Drop rows that no smallest share needs, the picker's own last ones first, until ``size`` are left.

        While that is not enough, the last smallest share is given up, and then the one before it.
        """
        least, order = self._bounds.least.copy(), np.lexsort((-np.arange(len(self.rows)), self._go))
        keep, given_up = np.ones(len(self.rows), np.bool_), len(least)
        while True:
            spare = self._bounds.belongs[self.rows[keep]].sum(axis=0) - least
            for i in order[keep[order]]:
                groups = self._bounds.belongs[self.rows[i]]
                if keep.sum() > size and (spare[groups] > 0).all():
                    spare[groups] -= 1
                    keep[i] = False
            if keep.sum() <= size:
                break
            given_up -= 1
            least[given_up] = 0
        self.rows, self._go = self.rows[keep], self._go[keep]

    def picks(self) -> Picks:
        """All rows; those of each go take turns in proportion to their number."""
        place = np.empty(len(self.rows))
        for go in np.unique(self._go):
            mine = self._go == go
            place[mine] = (np.arange(mine.sum()) + 0.5) / mine.sum()
        rows = self.rows[np.argsort(place, kind="stable")]
        return Picks(rows, self._covering[rows])
