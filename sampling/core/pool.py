"""The pool: rows of features, and all that a score or a picker may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, overload

import numpy as np

from .arrays import CHUNK, BoolArray, FloatArray, IntArray, chunks
from .clusters import nearest
from .learners import Model, Task


class Rows(Protocol):
    """Feature rows by number, for an adapter that reads them from shards instead of holding an array."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @overload
    def __getitem__(self, rows: slice) -> FloatArray: ...
    @overload
    def __getitem__(self, rows: IntArray) -> FloatArray: ...


class Subset:
    """Some rows of others, numbered anew in the order given; copies nothing until it is read."""

    def __init__(self, rows: FloatArray | Rows, keep: IntArray) -> None:
        self._rows, self._keep = rows, keep
        self.shape = (len(keep), *rows.shape[1:])

    def __getitem__(self, rows: slice | IntArray) -> FloatArray:
        return self._rows[self._keep[rows]]


@dataclass(frozen=True)
class Pool:
    """What a strategy may look at: rows of ``features``, and what is known of them and of others.

    ``labelled`` holds the settled rows first, then those that wait in the queue; ``targets`` belong to its
    first rows. ``proba`` and ``members`` belong to the rows of the pool: they are there for each shard while
    it is scored, and where a caller gives them; pickers ask ``proba_of`` instead.
    """

    features: FloatArray | Rows  # (n, d)
    labelled: FloatArray | None = None  # (m + w, d)
    centres: FloatArray | None = None  # (c, d): clusters kept from the round before
    proba: FloatArray | None = None  # (n, k), from the champion
    task: Task = "single"
    members: FloatArray | None = None  # (c, n, k), from the committee
    champion: Model | None = None
    committee: tuple[Model, ...] = ()
    targets: FloatArray | None = None  # (m, k)
    held_out: FloatArray | None = None  # (m, k): what the champion's recipe says of each of these out of fold
    examples: FloatArray | None = None  # (e, d): rows that the admin named
    wanted: IntArray | None = None  # label positions that the admin named as rare
    groups: BoolArray | None = None  # (n, q): which rows each quota about a field is about, in order
    new: IntArray | None = None  # (r,): rows of a region that came in lately, for the stream "new"
    alike: float = 0.95  # rows more alike than this (cosine) are asked for only when nothing else is left

    def __len__(self) -> int:
        return int(self.features.shape[0])

    def part(self, rows: slice | IntArray) -> Pool:
        """The pool of these rows alone, in this order. A slice or array of row numbers reads them at once."""
        return replace(
            self,
            features=self.features[rows],
            proba=None if self.proba is None else self.proba[rows],
            members=None if self.members is None else self.members[:, rows],
            groups=None if self.groups is None else self.groups[rows],
            new=None,
        )

    def only(self, rows: IntArray) -> Pool:
        """The same as ``part``, but features are read when they are asked for."""
        return replace(
            self,
            features=Subset(self.features, rows),
            proba=None if self.proba is None else self.proba[rows],
            members=None if self.members is None else self.members[:, rows],
            groups=None if self.groups is None else self.groups[rows],
            new=None,
        )

    @cached_property
    def near(self) -> tuple[IntArray, FloatArray]:
        """The nearest centre of each row and the squared distance to it, of a shard: looked up once."""
        if self.centres is None:
            raise ValueError("centres is missing: this strategy needs clusters")
        return nearest(self.features[:], self.centres)

    def proba_of(self, rows: slice | IntArray) -> FloatArray:
        """The champion's probabilities of these rows (r, k). Raises ValueError where there is no model."""
        if self.proba is not None:
            return self.proba[rows]
        if self.champion is None:
            raise ValueError("champion is missing: this strategy needs a trained model")
        return self.champion.proba(self.features[rows])

    def parts(self, size: int = CHUNK) -> Iterator[tuple[slice, FloatArray]]:
        """All features in pieces of at most ``size`` rows, so that no more than one piece is in memory."""
        for part in chunks(len(self), size):
            yield part, self.features[part]


# One number a row, high for ask sooner. A score sees one shard, with the probabilities that it needs.
Score = Callable[[Pool, np.random.Generator], FloatArray]
