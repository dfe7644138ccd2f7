"""Columns of metadata as numbers that stand beside the features."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

import numpy as np

from .arrays import FloatArray, State, unit_rows

# A category has a number of its own while it is one of so many; the others share the rest, by a hash.
OWN, SHARED = 24, 8
# A column is of numbers when so large a share of its values are, and they are more than a few.
MOSTLY, FEWEST = 0.9, 8
# What one column weighs beside the features, as a share of a row's squared length, and all columns at most.
WEIGHT, MOST_WEIGHT = 0.1, 0.5


@dataclass(frozen=True)
class Column:
    """One column: numbers by their mean and spread, or the values that have a place of their own."""

    name: str
    mean: float = 0.0
    spread: float = 0.0  # 0: categories
    values: tuple[str, ...] = ()

    @property
    def dimension(self) -> int:
        return 2 if self.spread else OWN + SHARED

    @classmethod
    def of(cls, name: str, found: Sequence[Any]) -> Column:
        """Learn what the column is from values that may be missing."""
        there = [value for value in found if not missing(value)]
        numbers = [number for value in there if (number := as_number(value)) is not None]
        if len(numbers) >= MOSTLY * len(there) and len(set(numbers)) >= FEWEST:
            return cls(name, float(np.mean(numbers)), max(float(np.std(numbers)), 1e-12))
        # A value often seen first; of equals, by name, so that the order of items decides nothing.
        often = Counter(word for value in there for word in words(value))
        known = sorted(often, key=lambda word: (-often[word], word))
        return cls(name, values=tuple(known[:OWN]))

    def rows(self, found: Sequence[Any]) -> FloatArray:
        """Rows (n, dimension) of length 1, all zero where the value is missing."""
        out = np.zeros((len(found), self.dimension), np.float32)
        places = {word: place for place, word in enumerate(self.values)}
        for row, value in enumerate(found):
            if missing(value):
                continue
            if self.spread:
                if (number := as_number(value)) is not None:
                    # A point on a half circle: far numbers are far apart, and none is out of reach.
                    angle = np.clip((number - self.mean) / self.spread, -3, 3) * np.pi / 6
                    out[row] = np.sin(angle), np.cos(angle)
                continue
            for word in words(value):
                out[row, places.get(word, OWN + _hashed(word) % SHARED)] += 1
        lengths = np.linalg.norm(out, axis=1, keepdims=True)
        return np.asarray(out / np.where(lengths > 0, lengths, 1), np.float32)


@dataclass(frozen=True)
class Columns:
    """Several columns side by side, and how they join the features of the content."""

    columns: tuple[Column, ...]

    @classmethod
    def fit(cls, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Self:
        """Learn the columns of these names from metadata, one mapping an item."""
        return cls(tuple(Column.of(name, [row.get(name) for row in rows]) for name in names))

    @property
    def dimension(self) -> int:
        return sum(column.dimension for column in self.columns)

    def beside(self, x: FloatArray, rows: Sequence[Mapping[str, Any]]) -> FloatArray:
        """Rows (n, d + dimension) of length 1: the features x (n, d), and what the metadata say of each.

        A column weighs a tenth, all of them at most a half. A value that is missing weighs nothing.
        """
        if len(x) != len(rows):
            raise ValueError(f"x has {len(x)} rows, but there are metadata of {len(rows)}")
        if not self.columns:
            return x
        each = min(WEIGHT, MOST_WEIGHT / len(self.columns))
        parts = [x * np.float32(np.sqrt(1 - each * len(self.columns)))]
        for column in self.columns:
            found = [row.get(column.name) for row in rows]
            parts.append(column.rows(found) * np.float32(np.sqrt(each)))
        return unit_rows(np.hstack(parts))

    def state(self) -> State:
        """What ``from_state`` needs, as one array of text."""
        told = [[one.name, one.mean, one.spread, one.values] for one in self.columns]
        return {"columns": np.array(json.dumps(told))}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Give back the columns whose ``state()`` this is; none where it holds none."""
        told = json.loads(str(state["columns"])) if "columns" in state else []
        return cls(tuple(Column(name, mean, spread, tuple(values)) for name, mean, spread, values in told))


def missing(value: Any) -> bool:
    """Whether a value says nothing."""
    return value is None or (isinstance(value, str) and not value.strip()) or value == []


def as_number(value: Any) -> float | None:
    """A value as a finite number, as files write it; None where it is something else."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def words(value: Any) -> list[str]:
    """The categories that a value names: each entry of a list, or the value itself."""
    return [_word(one) for one in value] if isinstance(value, list) else [_word(value)]


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text.strip().casefold()[:200]


def _hashed(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=4).digest(), "little")
