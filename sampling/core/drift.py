"""Drift: do items that came later look like those that came before, and which are the strangest of them?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from .arrays import FloatArray, IntArray
from .pool import Rows

Floats = NDArray[np.float64]
# New items from which on a test says anything, and rows that it looks at on each side.
LEAST: Final = 40
MOST: Final = 2_000
# An alert takes a difference that chance hardly makes, by any of three signs, and that is large.
DOUBT: Final = 0.01
LARGE_AUC: Final = 0.64
LARGE_PSI: Final = 0.2
# Of the new items, so many that are most unlike the old.
STRANGEST: Final = 200
# Leading directions that the classifier looks at. More tell apart what should be alike: features that were
# fitted on the old items fit them better than others (measured: area .56 with 16, .88 with all).
DIRECTIONS: Final = 16
# The penalty of the classifier, as a share of the mean square of what it looks at.
PENALTY: Final = 0.01


@dataclass(frozen=True)
class Sign:
    """A difference between old and new: its size, and how often chance alone would make one as large."""

    value: float
    p: float
    large: float

    @property
    def alert(self) -> bool:
        """Both hardly by chance, three signs considered, and large."""
        return self.value >= self.large and self.p < DOUBT / 3

    def as_dict(self) -> dict[str, Any]:
        """Rounded, for JSON."""
        return {"value": round(self.value, 4), "p": float(f"{self.p:.3g}"), "alert": self.alert}


@dataclass(frozen=True)
class Drift:
    """What tells new items from old ones. ``strange``: the new rows most unlike the old ones, worst first."""

    old: int
    new: int
    classifier: Sign  # the area under the curve: .5 nothing, 1 all
    labels: Sign | None  # population stability of predicted labels
    clusters: Sign | None
    strange: IntArray

    @property
    def alert(self) -> bool:
        return any(sign is not None and sign.alert for sign in (self.classifier, self.labels, self.clusters))

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON, without the rows."""
        signs = {"classifier": self.classifier, "labels": self.labels, "clusters": self.clusters}
        return {
            "old": self.old,
            "new": self.new,
            "alert": self.alert,
            **{name: sign.as_dict() if sign else None for name, sign in signs.items()},
        }


def drift(
    old: FloatArray | Rows,
    new: FloatArray | Rows,
    rng: np.random.Generator,
    labels: tuple[IntArray, IntArray] | None = None,
    clusters: tuple[IntArray, IntArray] | None = None,
) -> Drift:
    """Compare new rows (n, d) with old rows (m, d), at most 2,000 of each, drawn at random.

    ``labels`` and ``clusters`` give one position a row, of all old and all new rows. Raises ValueError with
    fewer than 40 rows on either side.
    """
    before, after = int(old.shape[0]), int(new.shape[0])
    if min(before, after) < LEAST:
        raise ValueError(f"old has {before} rows, new {after}; {LEAST} of each are the least")
    some_old, some_new = (np.sort(rng.permutation(n)[:MOST]) for n in (before, after))
    x_old, x_new = old[some_old], new[some_new]
    classifier, oddness = two_samples(x_old, x_new, rng)
    strange = some_new[np.argsort(-oddness, kind="stable")[:STRANGEST]]
    return Drift(
        before,
        after,
        classifier,
        stability(*labels) if labels else None,
        stability(*clusters) if clusters else None,
        strange,
    )


def two_samples(old: FloatArray, new: FloatArray, rng: np.random.Generator) -> tuple[Sign, Floats]:
    """Whether a classifier can tell new rows from old ones that it has not seen, and how odd each new row is.

    A linear classifier (least squares on -1 and 1, on the 16 leading directions, rows scaled to length 1
    within them) learns from half of each side; the area under the curve on the other half is .5 without a
    difference. As it is trained and tested on rows apart, its chance is that of the rank sum test (Lopez-Paz
    & Oquab 2017; Mann & Whitney 1947). High oddness (n,): unlike the old. Each row's comes from the half that
    did not learn from it.
    """
    halves = [rng.permutation(len(side)) % 2 for side in (old, new)]
    oddness, signs = np.empty(len(new)), []
    for part in (0, 1):
        judge = _judge(old[halves[0] == part], new[halves[1] == part])
        said_old, said_new = judge(old[halves[0] != part]), judge(new[halves[1] != part])
        signs.append(Sign(*_rank_sum(said_old, said_new), large=LARGE_AUC))
        # Halves have scales of their own: measured by how the old ones spread in each.
        oddness[halves[1] != part] = (said_new - said_old.mean()) / max(float(said_old.std()), 1e-12)
    # The second would be no independent witness.
    return signs[0], oddness


def _judge(old: FloatArray, new: FloatArray) -> Callable[[FloatArray], Floats]:
    """What says how new a row looks, learnt from old and new rows, each side counting half."""
    x = np.concatenate([old, new]).astype(np.float64)
    weight = np.concatenate([np.full(len(old), 0.5 / len(old)), np.full(len(new), 0.5 / len(new))])
    side = np.concatenate([np.full(len(old), -1.0), np.full(len(new), 1.0)])
    leading = _leading(x * np.sqrt(weight)[:, None])

    def seen(rows: NDArray[Any]) -> Floats:
        # Rows that features were fitted on have more of their length in the leading directions.
        part = np.asarray(rows @ leading, np.float64)
        return np.asarray(part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12))

    x = seen(x)
    middle = weight @ x
    x -= middle
    spread = (x * weight[:, None]).T @ x
    penalty = PENALTY * float(np.trace(spread)) / max(len(spread), 1) + 1e-12
    found = np.linalg.solve(spread + penalty * np.eye(len(spread)), x.T @ (weight * side))
    return lambda rows: (seen(rows) - middle) @ found


def _leading(x: Floats) -> Floats:
    """The directions (d, at most 16) that most of the length of rows x (n, d) lies in."""
    count = min(DIRECTIONS, *x.shape)
    if len(x) >= x.shape[1]:
        return np.asarray(np.linalg.eigh(x.T @ x)[1][:, -count:], np.float64)
    left = np.linalg.eigh(x @ x.T)[1][:, -count:]
    found = x.T @ left
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=0), 1e-12), np.float64)


def _rank_sum(old: Any, new: Any) -> tuple[float, float]:
    """The area under the curve, and its one-sided chance by the normal law with ties."""
    n, m = len(new), len(old)
    _, place, ties = np.unique(np.concatenate([new, old]), return_inverse=True, return_counts=True)
    # Ties share the mean of their ranks.
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]
    area = float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))
    total = n + m
    tied = float((ties.astype(np.float64) ** 3 - ties).sum()) / (total * (total - 1))
    error = np.sqrt(n * m / 12 * (total + 1 - tied)) / (n * m)
    return area, float(ndtr(-(area - 0.5) / error)) if error > 0 else 1.0


def stability(old: IntArray, new: IntArray) -> Sign:
    """Population stability index of positions (m,) and (n,): 0 the same mixture, over .2 a large shift.

    Its chance by chi-square (Yurdakul & Naranjo 2020): the index over 1/m + 1/n. Positions that are rare on
    both sides count as one, or the law would not hold.
    """
    if not len(old) or not len(new):
        raise ValueError(f"old has {len(old)} positions, new {len(new)}; one of each is the least")
    width = int(max(old.max(), new.max())) + 1
    counts = np.array([np.bincount(old, minlength=width), np.bincount(new, minlength=width)], np.float64)
    sizes = counts.sum(axis=1, keepdims=True)
    expected = counts.sum(axis=0) * (sizes / sizes.sum())
    rare = expected.min(axis=0) < 5
    if rare.any():
        counts = np.concatenate([counts[:, ~rare], counts[:, rare].sum(axis=1, keepdims=True)], axis=1)
    shares = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    index = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    degrees = counts.shape[1] - 1
    chance = float(chdtrc(degrees, index / float((1 / sizes).sum()))) if degrees else 1.0
    return Sign(index, chance, LARGE_PSI)
