"""Signs that more labels bring little: a tested plateau, predictions that stay, what the curve promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from . import curves
from .arrays import BoolArray
from .evaluation import ENOUGH, resampled
from .rules import WINDOWS

# The curve of the loop itself needs so many rounds, the last with so many times the labels of the first.
CURVE_ROUNDS: Final = 4
CURVE_SPAN: Final = 2.0
DRAWS: Final = 400


@dataclass(frozen=True)
class Change:
    """How accuracy changed or will change, in shares of 1, with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def as_list(self) -> list[float]:
        """Rounded, for JSON."""
        return [round(number, 4) for number in (self.value, self.low, self.high)]


def trend(labels: Sequence[int], right: BoolArray) -> Change | None:
    """How much accuracy rose from the first of some rounds to the last, by a line through all of them.

    ``labels`` (r,) is what each round's model learnt from, ``right`` (r, h) what it gets right on one and the
    same hold-out. Each item has a slope of its own, so what is hard for all models cancels out: the interval
    is that of a paired comparison (two rounds: McNemar 1947). None with fewer than 20 items or no two rounds
    that differ in labels. High values: the model is still getting better.
    """
    x = np.asarray(labels, np.float64)
    if right.ndim != 2 or len(x) != len(right):
        raise ValueError(f"right has shape {right.shape}, but there are {len(x)} rounds; it must be (r, h)")
    items = right.shape[1]
    if items < ENOUGH or len(x) < 2 or np.ptp(x) == 0:
        return None
    off = x - x.mean()
    rise = (x[-1] - x[0]) * off / (off @ off)
    of_item = rise @ right
    value = float(of_item.mean())
    # Where no item changed, chance is at least that of one item that might have.
    error = float(np.sqrt(max(of_item.var(ddof=1), 1 / items) / items))
    return Change(value, value - 1.96 * error, value + 1.96 * error)


def trends(labels: Sequence[int], right: BoolArray) -> dict[int, Change]:
    """The trend since 2, 3, … and at most 10 rounds ago, as far as there are so many before the newest."""
    windows = range(WINDOWS[0], min(WINDOWS[1], len(labels) - 1) + 1)
    found = {window: trend(labels[-window - 1 :], right[-window - 1 :]) for window in windows}
    return {window: change for window, change in found.items() if change is not None}


def kappa(first: BoolArray, second: BoolArray) -> float:
    """How far two models give the same labels (n, k) to the same items: 1 always, 0 no more than by chance.

    Cohen 1960, as a sign that a model has settled: Bloodgood & Vijay-Shanker 2009. For several labels the
    mean of the labels that either model gives.
    """
    if first.shape != second.shape or first.ndim != 2 or not len(first):
        raise ValueError(f"first has shape {first.shape}, second {second.shape}; both must be (n, k), n > 0")
    if (first.sum(axis=1) == 1).all() and (second.sum(axis=1) == 1).all():
        alike = float((first == second).all(axis=1).mean())
        return _beyond_chance(alike, float(first.mean(axis=0) @ second.mean(axis=0)))
    used = np.flatnonzero((first | second).any(axis=0))
    one, other = first[:, used].mean(axis=0), second[:, used].mean(axis=0)
    alike_each = (first[:, used] == second[:, used]).mean(axis=0)
    chance = one * other + (1 - one) * (1 - other)
    each = [_beyond_chance(a, c) for a, c in zip(alike_each.tolist(), chance.tolist(), strict=True)]
    return float(np.mean(each)) if each else 1.0


def _beyond_chance(alike: float, chance: float) -> float:
    return (alike - chance) / (1 - chance) if chance < 1 else 1.0


def remaining(labels: Sequence[int], right: BoolArray, ahead: int, rng: np.random.Generator) -> Change | None:
    """What ``ahead`` more labels would add to accuracy, by the loop's own learning curve.

    ``labels`` (r,) and ``right`` (r, h) as in ``trend``. The interval holds what comes of the items of the
    hold-out and of how far rounds lie off their curve. None where the curve is too short: fewer than 4
    rounds, or the last has not twice the labels of the first.
    """
    x = np.asarray(labels, np.float64)
    if right.ndim != 2 or len(x) != len(right):
        raise ValueError(f"right has shape {right.shape}, but there are {len(x)} rounds; it must be (r, h)")
    if len(np.unique(x)) < CURVE_ROUNDS or x[-1] < CURVE_SPAN * x[0] or right.shape[1] < ENOUGH:
        return None
    fitted = curves.fit(x, right.mean(axis=1), x)
    off = right.mean(axis=1) - fitted.at(x)[0]
    spread = float(np.sqrt((off @ off) / max(len(x) - 3, 1)))
    weights = resampled(right.shape[1], rng, DRAWS) / np.float32(right.shape[1])
    drawn: Any = np.asarray(weights @ right.T, np.float64)
    drawn = np.clip(drawn + rng.normal(0, spread, drawn.shape), 0, 1)
    there = [x[-1], x[-1] + ahead]
    now, then = fitted.at(there)[0]
    gains = np.diff(curves.fit(x, drawn, x).at(there), axis=1)[:, 0]
    low, high = np.quantile(gains, [0.025, 0.975]).tolist()
    value = float(then - now)
    return Change(value, min(low, value), max(high, value))
