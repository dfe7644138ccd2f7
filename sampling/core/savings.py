"""Labels saved against random labelling: an interval from a random control's curve, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from . import curves
from .arrays import BoolArray, FloatArray, IntArray
from .evaluation import ENOUGH, resampled

Floats = NDArray[np.float64]
Verdict = Literal["saved", "not_shown", "cost", "unknown"]

# A curve through fewer random labels than this is a guess.
LEAST: Final = 50
# Labels of the control that are used at most, and sizes that models are trained at.
MOST: Final = 2_000
SIZES: Final = 7
# Training rows of all models together: some seconds.
BUDGET: Final = 8_000
# A curve is read up to so many times the labels that it is made of.
BEYOND: Final = 3.0
DRAWS: Final = 600
# Rows of the control in, what a model trained on them gets right on the hold-out (h,) out.
Judge = Callable[[IntArray], BoolArray]


@dataclass(frozen=True)
class Control:
    """What models trained on growing random subsets of the control get right on the hold-out."""

    sizes: IntArray  # (s,) ascending; the last is the whole control
    right: BoolArray  # (p, s, h): p chains of nested subsets; all share the whole control

    @property
    def items(self) -> int:
        return int(self.sizes[-1])


@dataclass(frozen=True)
class Rival:
    """An actively trained model: after how many labels, and what it gets right on the hold-out (h,)."""

    labels: int
    right: BoolArray


@dataclass(frozen=True)
class Savings:
    """How many random labels a model is worth.

    ``low`` and ``high`` are the ends of a 95 % interval of the random labels that the model's accuracy takes;
    None where it lies beyond ``limit``, as far as the curve is read. ``missing`` control items or hold-out
    items stand in the way of an answer when the verdict is "unknown".
    """

    verdict: Verdict
    labels: int = 0
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    limit: int = 0
    control: int = 0
    missing: int = 0
    missing_holdout: int = 0
    curve: tuple[tuple[float, float, float, float], ...] = ()  # labels, accuracy, ends of its 95 % band

    def as_dict(self) -> dict[str, Any]:
        """Rounded plain numbers, for JSON."""

        def short(value: float | None, digits: int) -> float | None:
            return None if value is None else round(value, digits)

        return {
            "verdict": self.verdict,
            "labels": self.labels,
            "accuracy": short(self.accuracy, 4),
            "low": short(self.low, 1),
            "high": short(self.high, 1),
            "limit": self.limit,
            "control": self.control,
            "missing": self.missing,
            "missing_holdout": self.missing_holdout,
            "curve": [[round(number, 4) for number in point] for point in self.curve],
        }


def control_of(items: int, judge: Judge, rng: np.random.Generator) -> Control:
    """Train on growing random subsets of so many control items, and judge each model.

    Costs training rows of at most some thousands in all. Raises ValueError with fewer than 50 items.
    """
    if items < LEAST:
        raise ValueError(f"items is {items}, but must be at least {LEAST}")
    used = min(items, MOST)
    sizes = np.unique(np.geomspace(max(10, used / 16), used, SIZES).round().astype(np.int64))
    chains = int(np.clip((BUDGET - used) // int(sizes[:-1].sum()), 3, 8))
    kept = rng.permutation(items)[:used]
    # The chains differ, but all of the control is one set.
    whole = judge(np.sort(kept))
    right = []
    for order in [rng.permutation(kept) for _ in range(chains)]:
        right.append([*(judge(np.sort(order[:size])) for size in sizes[:-1].tolist()), whole])
    return Control(sizes, np.array(right, np.bool_))


def missing(control: int, rivals: Sequence[int] = ()) -> int:
    """How many more random labels it takes until something can be said of models after so many labels."""
    least = LEAST if not rivals else max(LEAST, ceil(2 * min(rivals) / BEYOND))
    return max(0, least - control)


def saved(control: Control, rivals: Sequence[Rival], rng: np.random.Generator) -> Savings:
    """Read off the control's curve how many random labels a rival is worth.

    The rival is the newest whose labels lie well within the reach of the curve: half as many again must
    still be readable. The interval holds what comes of the hold-out's items (resampled, the same ones for
    rival and control) and of the draw of the control: how far subsets of one size differ, as their number
    and overlap say (the variance of a mean over n drawn items falls with n; what nested subsets share does
    not average out). High values of ``low`` and ``high`` speak for the rival.
    """
    limit = int(BEYOND * control.items)
    able = sorted((one for one in rivals if 1.5 * one.labels <= limit), key=lambda one: one.labels)
    items = control.right.shape[2]
    if items < ENOUGH:
        return Savings("unknown", control=control.items, missing_holdout=ENOUGH - items)
    if not able:
        lacking = missing(control.items, [one.labels for one in rivals])
        return Savings("unknown", control=control.items, missing=lacking, curve=_band(control, limit, rng))
    rival = able[-1]
    if rival.right.shape != (items,):
        raise ValueError(f"rivals: right has shape {rival.right.shape}, but the hold-out has {items} rows")
    drawn, weights = _drawn(control, rng)
    needed = drawn.needed(weights @ rival.right)
    low, high = np.quantile(needed, [0.025, 0.975], method="inverted_cdf").tolist()
    return Savings(
        verdict=_verdict(rival.labels, low, high, limit),
        labels=rival.labels,
        accuracy=float(rival.right.mean()),
        low=low if low <= limit else None,
        high=high if high <= limit else None,
        limit=limit,
        control=control.items,
        curve=_points(drawn, control, limit),
    )


def _verdict(labels: int, low: float, high: float, limit: int) -> Verdict:
    if min(low, limit) > labels:
        return "saved"
    return "cost" if high < labels else "not_shown"


def _drawn(control: Control, rng: np.random.Generator) -> tuple[curves.Curves, FloatArray]:
    """Curves of resampled data, and the weights (b, h) of hold-out items that each was made with."""
    chains, _, items = control.right.shape
    weights: FloatArray = resampled(items, rng, DRAWS) / np.float32(items)
    # The first draw is the data themselves, so that the middle of the band is their curve.
    weights[0] = 1 / items
    accuracy = np.asarray(weights @ control.right.mean(axis=0).T, np.float64)
    spread, overlap = _spread(control), control.sizes / control.items
    common = rng.standard_normal((DRAWS, 1)) * np.sqrt(spread * overlap)
    single = rng.standard_normal(accuracy.shape) * np.sqrt(spread * (1 - overlap) / chains)
    common[0] = single[0] = 0
    return curves.fit(control.sizes, np.clip(accuracy + common + single, 0, 1), control.sizes), weights


def _spread(control: Control) -> Floats:
    """The variance (s,) of accuracy between models trained on different random sets of each size."""
    sizes = control.sizes[:-1]
    between = control.right[:, :-1].mean(axis=2).var(axis=0, ddof=1)
    # Subsets of one finite control are alike in part.
    own = between / (1 - sizes / control.items)
    return np.asarray((own * sizes).mean() / control.sizes, np.float64)


def _band(
    control: Control, limit: int, rng: np.random.Generator
) -> tuple[tuple[float, float, float, float], ...]:
    return _points(_drawn(control, rng)[0], control, limit)


def _points(
    drawn: curves.Curves, control: Control, limit: int
) -> tuple[tuple[float, float, float, float], ...]:
    """The curve with its band, at sizes from the smallest subset to the end of its reach."""
    at = np.unique(np.geomspace(control.sizes[0], limit, 16).round())
    height = np.clip(drawn.at(at), 0, 1)
    low, high = np.quantile(height, [0.025, 0.975], axis=0)
    middle = np.clip(height[0], low, high)
    return tuple(zip(at.tolist(), middle.tolist(), low.tolist(), high.tolist(), strict=True))
