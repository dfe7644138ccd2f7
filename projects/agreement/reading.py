"""Read what people said into arrays, and sort out what each of them says now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Substr
from numpy.typing import NDArray

from projects.models import Annotation
from projects.quality.agreement import Bools, Ints

Times = NDArray[np.datetime64]
COLUMNS: Final = ("item_id", "annotator_id", "kind", "said", "guideline_version", "at")


@dataclass(frozen=True)
class Rows:
    """Revisions in the order in which they were given; arrays of one length.

    ``said`` is the row of ``sets``, tuples of label ids; ``answer`` tells answers from other judgements, and
    ``counted`` what takes one of an item's places. ``era`` counts breaking changes of the guidelines before.
    """

    items: Ints
    people: Ints
    said: Ints
    answer: Bools
    counted: Bools
    version: Ints
    era: Ints
    at: Times
    sets: list[tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def who(self) -> tuple[Ints, Ints]:
        """Which person on which item: the first row of each, and which of these each row belongs to."""
        return _groups(self.items, self.people)

    @cached_property
    def last(self) -> Ints:
        """Rows that nothing replaced before the guidelines meant something else."""
        turned = slice(None, None, -1)
        first, _ = _groups(self.items[turned], self.people[turned], self.era[turned])
        return np.sort(len(self) - 1 - first)


def read(found: QuerySet[Annotation], breaks: Sequence[int]) -> Rows:
    """Read revisions in one query; ``breaks`` are the guideline versions that changed what labels mean."""
    # As text: the few different answers are decoded once each, and times all at once.
    table = found.annotate(
        said=Cast("labels", TextField()), at=Substr(Cast("created_at", TextField()), 1, 19)
    ).order_by("pk")
    items, people, kinds, said, version, at = _columns(table.values_list(*COLUMNS).iterator(10_000))
    codes: dict[str, int] = {}
    numbered = [codes.setdefault(labels, len(codes)) for labels in said]
    kind = np.array(kinds, dtype="U9")
    versions = np.array(version, dtype=np.int64)
    return Rows(
        items=np.array(items, dtype=np.int64),
        people=np.array(people, dtype=np.int64),
        said=np.array(numbered, dtype=np.int64),
        answer=kind == Annotation.Kind.ANSWER.value,
        counted=np.isin(kind, [one.value for one in Annotation.COUNTED]),
        version=versions,
        era=np.searchsorted(np.array(sorted(breaks), dtype=np.int64), versions, side="right"),
        at=np.array(at, dtype="datetime64[s]"),
        sets=[tuple(json.loads(labels)) for labels in codes],
    )


def _columns(rows: Any) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) or [()] * len(COLUMNS)


def _groups(*columns: Ints) -> tuple[Ints, Ints]:
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, codes = np.unique(column, return_inverse=True)
        key = key * max(len(values), 1) + codes
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return first, inverse
