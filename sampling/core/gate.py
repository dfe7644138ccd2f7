"""The gate: a new model takes over unless the hold-out says, beyond its interval, that it is worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from scipy.special import ndtri

from .arrays import BoolArray, FloatArray
from .evaluation import predicted
from .learners import Task

# On fewer rows nothing is held back: a hold-out that is too small speaks neither way.
FEWEST: Final = 20
LEVEL: Final = 0.95


@dataclass(frozen=True)
class Comparison:
    """Two models on the same rows. ``difference`` is the challenger's accuracy minus the champion's.

    For multi-label, accuracy is the share of rows whose whole set of labels is right. Without rows every
    figure is None.
    """

    name: str  # of the slice; blank for all rows
    n: int
    champion: float | None  # accuracy, in [0, 1]
    challenger: float | None
    lost: int  # rows that only the champion has right
    won: int  # rows that only the challenger has right
    difference: float | None  # in [-1, 1]
    low: float | None
    high: float | None

    @property
    def enough(self) -> bool:
        """Whether there are rows enough to hold a model back."""
        return self.n >= FEWEST

    @property
    def worse(self) -> bool:
        """Whether the challenger is worse here, beyond the interval."""
        return self.enough and self.high is not None and self.high < 0


@dataclass(frozen=True)
class Verdict:
    """What the hold-out says of a challenger, over all rows and on each named slice.

    The intervals hold together at ``level``: each is as wide as the number of comparisons asks for.
    """

    level: float
    overall: Comparison
    slices: tuple[Comparison, ...]

    @property
    def worse(self) -> tuple[Comparison, ...]:
        """The comparisons that hold the challenger back."""
        return tuple(one for one in (self.overall, *self.slices) if one.worse)

    @property
    def passed(self) -> bool:
        """Whether the challenger takes over."""
        return not self.worse

    @property
    def sentence(self) -> str:
        """The verdict in words, for logs and cards."""
        if self.worse:
            found = "; ".join(
                f"{one.name or 'overall'}: {_points(one.difference)} points of accuracy "
                f"({_points(one.low)} to {_points(one.high)}) on {one.n} items"
                for one in self.worse
            )
            return f"Held back, because the hold-out says that it is worse: {found}."
        if not self.overall.enough:
            return f"Takes over: a hold-out of {self.overall.n} items is too small to hold a model back."
        one = self.overall
        change = f"{_points(one.difference)} points of accuracy ({_points(one.low)} to {_points(one.high)})"
        return f"Takes over: not shown to be worse, {change} on {one.n} items."

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values for JSON: what ``ModelVersion.gate`` keeps."""
        return {
            "passed": self.passed,
            "level": self.level,
            "sentence": self.sentence,
            "overall": _plain(self.overall),
            "slices": [_plain(one) for one in self.slices],
        }


def judge(
    champion: FloatArray,
    challenger: FloatArray,
    truth: FloatArray,
    task: Task,
    slices: Mapping[str, BoolArray] | None = None,
) -> Verdict:
    """Compare two models' probabilities (n, k) with the truth (n, k) on the rows of one hold-out.

    ``slices`` names rows (n,) on which the challenger must not be worse either. A model from before labels
    were added may have fewer columns: it gives the missing ones no chance. Each interval is that of a paired
    difference of proportions by Bonett & Price (2012), at level 1 - (1 - 0.95) / comparisons (Bonferroni), so
    that of equal models at most 2.5 in 100 are held back, however many slices are named. Raises ValueError
    where shapes do not fit.
    """
    if truth.ndim != 2:
        raise ValueError(f"truth must have 2 dimensions, not shape {truth.shape}")
    wanted = truth > 0.5
    before = (predicted(_widened("champion", champion, truth), task) == wanted).all(axis=1)
    after = (predicted(_widened("challenger", challenger, truth), task) == wanted).all(axis=1)
    named = dict(slices or {})
    for name, rows in named.items():
        if rows.shape != (len(truth),) or rows.dtype != np.bool_:
            raise ValueError(
                f"slice {name!r} has shape {rows.shape} of {rows.dtype}, but must be bool ({len(truth)},)"
            )
    each = 1 - (1 - LEVEL) / (1 + len(named))
    return Verdict(
        LEVEL,
        _compared("", before, after, each),
        tuple(_compared(name, before[rows], after[rows], each) for name, rows in named.items()),
    )


def paired_interval(lost: int, won: int, n: int, level: float = LEVEL) -> tuple[float, float] | None:
    """The interval of (won - lost) / n, in [-1, 1], or None when n is 0.

    Bonett & Price 2012: Wald's interval after one row is added to each kind of disagreement. It stays wide
    where few rows disagree, which Wald's own does not, and for the question whether it lies below 0 it never
    says worse where McNemar's test (mid-p) does not.
    """
    if min(lost, won) < 0 or lost + won > n:
        raise ValueError(
            f"lost is {lost} and won is {won}, but they must be at least 0 and together at most {n}"
        )
    if n == 0:
        return None
    down, up = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    middle = up - down
    reach = float(ndtri((1 + level) / 2)) * float(np.sqrt((up + down - middle**2) / (n + 2)))
    return max(-1.0, middle - reach), min(1.0, middle + reach)


def _compared(name: str, before: BoolArray, after: BoolArray, level: float) -> Comparison:
    n, lost, won = len(before), int((before & ~after).sum()), int((after & ~before).sum())
    interval = paired_interval(lost, won, n, level)
    if interval is None:
        return Comparison(name, 0, None, None, 0, 0, None, None, None)
    shares = float(before.mean()), float(after.mean())
    return Comparison(name, n, *shares, lost, won, (won - lost) / n, *interval)


def _widened(name: str, proba: FloatArray, truth: FloatArray) -> FloatArray:
    if proba.ndim != 2 or len(proba) != len(truth) or proba.shape[1] > truth.shape[1]:
        raise ValueError(f"{name} has shape {proba.shape}, but truth has {truth.shape}")
    return np.pad(proba, ((0, 0), (0, truth.shape[1] - proba.shape[1])))


def _plain(one: Comparison) -> dict[str, Any]:
    return {**asdict(one), "enough": one.enough, "worse": one.worse}


def _points(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:+.1f}"
