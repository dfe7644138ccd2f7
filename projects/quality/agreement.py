"""How far people agree beyond chance: Krippendorff's alpha with its interval, and each against the rest.

Everywhere: ``items`` and ``people`` are integers (n,), one a vote; ``answers`` is the label position of each
vote (n,), ``chosen`` its label set as a boolean matrix (n, k). Nobody votes twice on one item.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# The normal quantile of a two-sided 95 % interval.
Z: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far people agree.

    ``alpha``     1: always, 0: as often as chance would have it, below: less than that; None: undefined.
    ``low/high``  its 95 % interval; None where there is too little to draw one.
    ``items``     items with two votes or more; only these count.
    ``people``    who voted on them.
    ``raw``       share of equal pairs of votes, averaged over the items; None without items.
    ``undefined`` why alpha is undefined: ``no_pairs`` (no item with two votes), ``one_class`` (all votes
                  are the same, so chance agreement is complete); blank where alpha is a number.
    """

    alpha: float | None
    low: float | None
    high: float | None
    items: int
    people: int
    raw: float | None
    undefined: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """One person against the others on the same items: ``share`` in [0, 1] with its Wilson interval."""

    person: int
    share: float
    low: float
    high: float
    items: int


def agreement(
    items: Ints, people: Ints, answers: Ints, metric: str = "nominal", values: Floats | None = None
) -> Agreement:
    """Krippendorff's alpha of single answers, with a delete-one-item jackknife interval in closed form.

    ``metric`` is ``nominal``, ``ordinal`` (label positions are levels, low to high) or ``interval`` (the
    number behind each position stands in ``values``, else the position itself). Renaming people, items with
    one vote and, for nominal answers, permuting the labels change nothing. Source: Krippendorff 2011,
    «Computing Krippendorff's alpha-reliability»; the jackknife over items after Hughes 2022.

    Raises ValueError for an unknown metric, arrays of unequal length and a negative answer.
    """
    if metric not in {"nominal", "ordinal", "interval"}:
        raise ValueError(f"metric must be nominal, ordinal or interval, not {metric!r}")
    _check(items, people, answers)
    if len(answers) and answers.min() < 0:
        raise ValueError("answers holds a negative label position")
    counts, rows = _tally(items, answers)
    paired = counts.sum(axis=1) > 1
    if metric == "nominal":
        parts = _nominal(counts[paired])
    elif metric == "ordinal":
        parts = _ordinal(counts[paired])
    else:
        scale = np.arange(counts.shape[1], dtype=np.float64) if values is None else values
        if len(scale) < counts.shape[1]:
            raise ValueError(f"values has {len(scale)} numbers, answers needs {counts.shape[1]}")
        parts = _interval(counts[paired], scale[: counts.shape[1]])
    return _summary(parts, counts[paired], _distinct(people[paired[rows]]))


def set_agreement(items: Ints, people: Ints, chosen: Bools) -> Agreement:
    """Krippendorff's alpha of whole label sets under the MASI distance, interval as in ``agreement``.

    Two sets are 0 apart when equal and 1 when they share nothing; between, overlap counts by Jaccard, times
    2/3 where one holds the other and 1/3 where they cross. Source: Passonneau 2006.
    """
    _check(items, people, chosen)
    kinds, codes = _kinds(chosen)
    _, rows = np.unique(items, return_inverse=True)
    sizes = np.bincount(rows).astype(np.float64)
    kept = sizes[rows] > 1
    _, rows = np.unique(rows[kept], return_inverse=True)
    codes, people = codes[kept], people[kept]
    marginals = np.bincount(codes, minlength=len(kinds)).astype(np.float64)
    apart = _masi_sums(kinds, marginals)
    within = np.zeros(len(sizes[sizes > 1]))
    equal = np.zeros_like(within)
    for left, right in pairs_of_votes(rows):
        distance = _masi(kinds[codes[left]], kinds[codes[right]])
        within += 2 * np.bincount(rows[left], distance, minlength=len(within))
        equal += 2 * np.bincount(rows[left], codes[left] == codes[right], minlength=len(within))
    sizes = sizes[sizes > 1]
    cross = np.bincount(rows, apart[codes], minlength=len(within)).astype(np.float64)
    parts = _leave_out(sizes, within, cross)
    unequal = _unequal(marginals)
    return _finish(
        parts,
        float(np.mean(equal / (sizes * (sizes - 1)))) if len(sizes) else None,
        len(sizes),
        _distinct(people),
        unequal,
    )


def label_agreement(items: Ints, people: Ints, chosen: Bools) -> list[Agreement]:
    """Alpha of each label by itself, as a yes-or-no question: chosen or not."""
    _check(items, people, chosen)
    return [agreement(items, people, column.astype(np.int64)) for column in chosen.T]


def peer_agreement(items: Ints, people: Ints, answers: Ints) -> list[Peer]:
    """Each person against the others on the same items, best first; their own vote is left out.

    On an item the share of the others who gave the same answer counts; answers may be any codes of whole
    answers. The interval is Wilson's over the items: exact for items with two votes.
    """
    _check(items, people, answers)
    if not len(items):
        return []
    codes = np.unique(answers, return_inverse=True)[1]
    counts, rows = _tally(items, codes)
    others = counts.sum(axis=1)[rows] - 1
    kept = others > 0
    same = (counts[rows, codes] - 1)[kept] / others[kept]
    names, who = np.unique(people[kept], return_inverse=True)
    seen = np.bincount(who, minlength=len(names))
    shares = np.bincount(who, same, minlength=len(names)) / np.maximum(seen, 1)
    peers = [
        Peer(int(name), float(share), *wilson(float(share), int(n)), int(n))
        for name, share, n in zip(names, shares, seen, strict=True)
    ]
    return sorted(peers, key=lambda peer: (-peer.share, peer.person))


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share seen in ``n`` draws. Wilson 1927."""
    if n == 0:
        return 0.0, 1.0
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)


# Alpha of all items (None: undefined) and, without each item in turn, NaN where that one is undefined.
_Parts = tuple[float | None, Floats]


def _leave_out(sizes: Floats, within: Floats, cross: Floats) -> _Parts:
    """Alpha from each item's votes, its sum of distances within, and that of its votes to all votes."""
    total = sizes.sum()
    observed = within / np.maximum(sizes - 1, 1)
    alpha = _alpha(total, observed.sum(), cross.sum())
    return (
        float(alpha) if np.isfinite(alpha) else None,
        _alpha(total - sizes, observed.sum() - observed, cross.sum() - 2 * cross + within),
    )


def _alpha(votes: Any, observed: Any, expected: Any) -> Any:
    """1 - (votes - 1) x observed / expected; NaN where no distance is expected (one class only)."""
    expected = np.where(np.abs(expected) < 1e-9 * np.square(np.maximum(votes, 1)), np.nan, expected)
    return 1 - (votes - 1) * observed / expected


def _nominal(counts: Floats) -> _Parts:
    sizes, marginals = counts.sum(axis=1), counts.sum(axis=0)
    within = sizes**2 - np.einsum("ij,ij->i", counts, counts)
    return _leave_out(sizes, within, sizes * marginals.sum() - counts @ marginals)


def _interval(counts: Floats, values: Floats) -> _Parts:
    sizes, marginals = counts.sum(axis=1), counts.sum(axis=0)
    # Around the mean, so that large numbers close to each other lose no digits.
    values = values - (marginals @ values) / max(marginals.sum(), 1)
    first, second = counts @ values, counts @ values**2
    within = 2 * (sizes * second - first**2)
    cross = sizes * (marginals @ values**2) - 2 * first * (marginals @ values) + marginals.sum() * second
    return _leave_out(sizes, within, cross)


def _ordinal(counts: Floats) -> _Parts:
    """Interval alpha on mid-ranks; without an item the mid-ranks move too, so each item has its own."""
    marginals = counts.sum(axis=0)
    ranks = np.cumsum(marginals) - marginals / 2
    alpha, _ = _interval(counts, ranks)
    moved = ranks - (np.cumsum(counts, axis=1) - counts / 2)
    sizes, left = counts.sum(axis=1), marginals - counts
    weights = 2 / np.maximum(sizes - 1, 1)
    # All items' distances as one quadratic form in the ranks.
    form = np.diag((weights * sizes) @ counts) - (counts.T * weights) @ counts
    own = weights * (sizes * (counts * moved**2).sum(axis=1) - (counts * moved).sum(axis=1) ** 2)
    observed = ((moved @ form) * moved).sum(axis=1) - own
    rest = marginals.sum() - sizes
    expected = 2 * (rest * (left * moved**2).sum(axis=1) - (left * moved).sum(axis=1) ** 2)
    return alpha, _alpha(rest, observed, expected)


def _summary(parts: _Parts, counts: Floats, people: int) -> Agreement:
    sizes = counts.sum(axis=1)
    equal = (np.einsum("ij,ij->i", counts, counts) - sizes) / (sizes * (sizes - 1))
    raw = float(equal.mean()) if len(sizes) else None
    return _finish(parts, raw, len(sizes), people, _unequal(counts.sum(axis=0)))


def _finish(parts: _Parts, raw: float | None, items: int, people: int, unequal: float) -> Agreement:
    alpha, without = parts
    if raw is None:
        return Agreement(None, None, None, 0, 0, None, "no_pairs")
    if alpha is None:
        return Agreement(None, None, None, items, people, raw, "one_class")
    low, high = _bounds(alpha, without, raw, unequal)
    return Agreement(alpha, low, high, items, people, raw)


def _bounds(alpha: float, without: Floats, raw: float, unequal: float) -> tuple[float | None, float | None]:
    """Draw the interval from the alphas without each item in turn."""
    n = len(without)
    if n < 2:
        return None, None
    if raw == 1:
        # Never a disagreement: the jackknife sees no spread. Up to this share of items could still hold one.
        return max(1 - (1 - 0.025 ** (1 / n)) / unequal, -1.0), 1.0
    if not np.isfinite(without).all():
        return None, None
    error = sqrt((n - 1) / n * float(np.square(without - without.mean()).sum()))
    half = student(n - 1) * error
    return max(alpha - half, -1.0), min(alpha + half, 1.0)


def student(degrees: int) -> float:
    """Return Student's 97.5 % quantile by the first terms of its series; good from three degrees on."""
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    third = (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384
    return Z + first / degrees + second / degrees**2 + third / degrees**3


def _unequal(marginals: Floats) -> float:
    """Share of unequal pairs when all votes are paired at random."""
    total = marginals.sum()
    return float(1 - (marginals @ (marginals - 1)) / (total * (total - 1))) if total > 1 else 0.0


def _check(items: Ints, people: Ints, answers: NDArray[Any]) -> None:
    if not len(items) == len(people) == len(answers):
        lengths = f"{len(items)}, {len(people)}, {len(answers)}"
        raise ValueError(f"items, people and answers must be of one length, not {lengths}")


def _distinct(people: Ints) -> int:
    return len(np.unique(people))


def _tally(items: Ints, answers: Ints) -> tuple[Floats, NDArray[np.intp]]:
    """Count the votes of each item for each answer (m, k), and say in which row each vote stands."""
    if not len(items):
        return np.zeros((0, 1)), np.zeros(0, dtype=np.intp)
    k, first = int(answers.max()) + 1, int(items.min())
    span = int(items.max()) - first + 1
    # Ids are dense most of the time: then no sort is needed, and empty rows cost little.
    rows = (
        (items - first).astype(np.intp)
        if span <= 4 * len(items)
        else np.unique(items, return_inverse=True)[1]
    )
    height = span if span <= 4 * len(items) else int(rows.max()) + 1
    counts = np.bincount(rows * k + answers, minlength=height * k).reshape(height, k)
    return counts.astype(np.float64), rows


def _kinds(chosen: Bools) -> tuple[Floats, NDArray[np.intp]]:
    """List the different label sets (s, k), and say which one each vote holds."""
    packed = np.ascontiguousarray(np.packbits(chosen, axis=1))
    if not packed.size:
        return np.zeros((1, max(chosen.shape[1], 1))), np.zeros(len(chosen), dtype=np.intp)
    _, first, codes = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return chosen[first].astype(np.float64), codes.reshape(-1)


def _masi(left: Floats, right: Floats) -> Floats:
    """Return the MASI distance of sets row by row, in [0, 1]."""
    both = (left * right).sum(axis=1)
    return _masi_of(both, left.sum(axis=1), right.sum(axis=1))


def _masi_of(both: Floats, left: Floats, right: Floats) -> Floats:
    union = left + right - both
    jaccard = np.where(union > 0, both / np.maximum(union, 1), 1.0)
    inside = both == np.minimum(left, right)
    form = np.where((left == right) & inside, 1.0, np.where(inside, 2 / 3, 1 / 3))
    return 1 - jaccard * form


def _masi_sums(kinds: Floats, marginals: Floats, block: int = 512) -> Floats:
    """Sum each set's distance to all votes, a block of sets at a time so that memory stays flat."""
    sizes = kinds.sum(axis=1)
    sums = [
        _masi_of(kinds[at : at + block] @ kinds.T, sizes[at : at + block, None], sizes[None, :]) @ marginals
        for at in range(0, len(kinds), block)
    ]
    return np.concatenate(sums)


def pairs_of_votes(rows: NDArray[np.intp]) -> list[tuple[Ints, Ints]]:
    """Pair the votes on the same item, each pair once, as index arrays."""
    order = np.argsort(rows, kind="stable")
    most = int(np.bincount(rows).max()) if len(rows) else 0
    found = []
    for step in range(1, most):
        left, right = order[:-step], order[step:]
        same = rows[left] == rows[right]
        found.append((left[same], right[same]))
    return found
