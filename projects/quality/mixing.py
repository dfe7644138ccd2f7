"""Which answers people mix up: pairs of votes on one item, and how often two people say the same.

``items`` and ``people`` are integers (n,), one a vote; ``answers`` the label position of each vote (n,),
``chosen`` its label set as a boolean matrix (n, k). Nobody votes twice on one item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from projects.quality.agreement import Bools, Floats, Ints, pairs_of_votes, student


@dataclass(frozen=True, slots=True)
class Mixes:
    """Pairs of votes of which one says ``first`` and the other ``second``, first <= second; all (m,).

    Where both are one label the two agree on it. ``left`` and ``right`` are the votes' positions.
    """

    first: Ints
    second: Ints
    left: Ints
    right: Ints


@dataclass(frozen=True, slots=True)
class Kappa:
    """Two people on the items that both judged: ``share`` of equal answers, and kappa with its interval.

    ``kappa`` 1: always the same, 0: as often as chance would have it; None where both gave one label only.
    """

    items: int
    share: float
    kappa: float | None
    low: float | None
    high: float | None


def single_mixes(items: Ints, answers: Ints) -> Mixes:
    """Pair the votes on each item by their single answers."""
    left, right = _paired(items)
    one, other = answers[left], answers[right]
    return Mixes(np.minimum(one, other), np.maximum(one, other), left, right)


def set_mixes(items: Ints, chosen: Bools) -> Mixes:
    """Pair the votes on each item by their label sets.

    Two votes mix up a and b where one has a and not b, the other b and not a. They agree on what both have.
    """
    left, right = _paired(items)
    ours, theirs = chosen[left], chosen[right]
    pair, both = np.nonzero(ours & theirs)
    found = [(pair, both, both)]
    only_ours, only_theirs = ours & ~theirs, theirs & ~ours
    for label in range(chosen.shape[1]):
        at = np.flatnonzero(only_ours[:, label])
        pair, other = np.nonzero(only_theirs[at])
        found.append((at[pair], np.full(len(pair), label), other))
    rows, one, other = (np.concatenate(column) for column in zip(*found, strict=True))
    return Mixes(np.minimum(one, other), np.maximum(one, other), left[rows], right[rows])


def mixed_items(items: Ints, mixes: Mixes) -> list[tuple[int, int, int]]:
    """Count items by what was said of them: (lower label, higher label, items given both), most first.

    A label with itself: items on which two people agree on it. An item with three votes may count thrice.
    """
    first, second, _ = _distinct(mixes.first, mixes.second, items[mixes.left])
    kinds, counts = _counted(first, second)
    found = [(a, b, n) for (a, b), n in zip(zip(*kinds, strict=True), counts, strict=True)]
    return sorted(found, key=lambda pair: (-pair[2], pair[0], pair[1]))


def involved(items: Ints, people: Ints, mixes: Mixes) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Who gave one of two labels where somebody gave the other: (person, items) by labels, most first."""
    apart = mixes.first != mixes.second
    votes = np.concatenate([mixes.left[apart], mixes.right[apart]])
    first, second = np.tile(mixes.first[apart], 2), np.tile(mixes.second[apart], 2)
    first, second, who, _ = _distinct(first, second, people[votes], items[votes])
    kinds, counts = _counted(first, second, who)
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for a, b, person, n in zip(*kinds, counts, strict=True):
        found.setdefault((a, b), []).append((person, n))
    return {pair: sorted(who, key=lambda one: (-one[1], one[0])) for pair, who in found.items()}


def _distinct(*columns: Ints) -> list[Ints]:
    """Keep each combination of values once; sorted by the first column, then the second, and so on."""
    key, names = _encoded(columns)
    return _decoded(np.unique(key), names)


def _counted(*columns: Ints) -> tuple[list[list[int]], list[int]]:
    """Count each combination of values: the values column by column, and how often each occurs."""
    key, names = _encoded(columns)
    kinds, counts = np.unique(key, return_counts=True)
    return [column.tolist() for column in _decoded(kinds, names)], counts.tolist()


def _encoded(columns: Sequence[Ints]) -> tuple[Ints, list[Ints]]:
    """Write each row as one number, for a sort of numbers is fast; with the values of each column."""
    names, key = [], np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, codes = np.unique(column, return_inverse=True)
        names.append(values)
        key = key * max(len(values), 1) + codes
    return key, names


def _decoded(key: Ints, names: Sequence[Ints]) -> list[Ints]:
    columns = []
    for values in reversed(names):
        key, codes = np.divmod(key, max(len(values), 1))
        columns.append(values[codes])
    return columns[::-1]


def kappa(first: Ints, second: Ints, *, ordinal: bool = False) -> Kappa:
    """Compare two people's answers to the same items, position by position: both (n,).

    ``ordinal`` weighs a difference by its steps on the scale. The interval leaves out each item in turn.
    Sources: Cohen 1960, and 1968 for weights (linear).

    Raises ValueError where the two are not of one length.
    """
    if len(first) != len(second):
        raise ValueError(f"first and second must be of one length, not {len(first)}, {len(second)}")
    n = len(first)
    if not n:
        return Kappa(0, 0.0, None, None, None)
    share = float((first == second).mean())
    k = int(max(first.max(), second.max())) + 1
    levels = np.arange(k)
    apart = np.abs(levels[:, None] - levels).astype(np.float64)
    apart = apart if ordinal else np.minimum(apart, 1)
    seen = apart[first, second]
    # Each one's answers as counts: what chance would bring together.
    ours = np.bincount(first, minlength=k).astype(np.float64)
    theirs = np.bincount(second, minlength=k).astype(np.float64)
    expected = ours @ apart @ theirs
    value = _kappa(n, seen.sum(), expected)
    if value is None:
        return Kappa(n, share, None, None, None)
    without = expected - (apart @ theirs)[first] - (ours @ apart)[second] + seen
    low, high = _jackknife(value, expected, seen, without)
    return Kappa(n, share, value, low, high)


def _kappa(n: int, seen: float, expected: float) -> float | None:
    return 1 - n * seen / expected if expected > 0 else None


def _jackknife(
    value: float, whole: float, seen: Floats, expected: Floats
) -> tuple[float | None, float | None]:
    n = len(seen)
    if not seen.any():
        # Never a difference: the jackknife sees no spread. Up to this share of items could still hold one.
        return max(1 - (1 - 0.025 ** (1 / n)) * n * n / whole, -1.0), 1.0
    if n < 3 or (expected <= 0).any():
        return None, None
    without = 1 - (n - 1) * (seen.sum() - seen) / expected
    half = student(n - 1) * sqrt((n - 1) / n * float(np.square(without - without.mean()).sum()))
    return max(value - half, -1.0), min(value + half, 1.0)


def _paired(items: Ints) -> tuple[Ints, Ints]:
    """Every pair of votes on one item, once, as two index arrays."""
    _, rows = np.unique(items, return_inverse=True)
    found = pairs_of_votes(rows)
    nothing = np.zeros(0, dtype=np.intp)
    return (
        np.concatenate([nothing, *(left for left, _ in found)]),
        np.concatenate([nothing, *(right for _, right in found)]),
    )
