"""Figures on the hold-out, with intervals; never a number that the data do not carry."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from .arrays import BoolArray, FloatArray
from .learners import Task


@dataclass(frozen=True)
class LabelFigures:
    """One label on the hold-out; None where nothing was predicted, or nothing was there to find."""

    support: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Evaluation:
    """Accuracy with its 95 % interval; for multi-label, the share of rows whose set of labels is right."""

    n: int
    correct: int
    accuracy: float | None
    low: float | None
    high: float | None
    macro_f1: float | None
    micro_f1: float | None
    labels: tuple[LabelFigures, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same as plain numbers, lists and None, for JSON."""
        return {**asdict(self), "labels": [asdict(label) for label in self.labels]}


def wilson(correct: int, n: int, level: float = 0.95) -> tuple[float, float] | None:
    """The interval of a proportion (Wilson 1927), or None when n is 0."""
    if not 0 <= correct <= n:
        raise ValueError(f"correct is {correct}, but must lie in [0, n] with n = {n}")
    if n == 0:
        return None
    z = float(ndtri((1 + level) / 2))
    share, weight = correct / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * float(np.sqrt(share * (1 - share) / n + weight / (4 * n)))
    # Rounding must not push an end past the share itself.
    return max(0.0, min(share, middle - reach)), min(1.0, max(share, middle + reach))


def predicted(proba: FloatArray, task: Task) -> BoolArray:
    """The labels (n, k) that a model would give: the likeliest one, or for multi-label all from 0.5 on."""
    if task == "multi":
        return np.asarray(proba >= 0.5)
    chosen = np.zeros(proba.shape, np.bool_)
    chosen[np.arange(len(proba)), proba.argmax(axis=1)] = True
    return chosen


def evaluate(proba: FloatArray, targets: FloatArray, task: Task) -> Evaluation:
    """Compare probabilities (n, k) with targets (n, k) of 0 and 1. Without rows every figure is None.

    Macro-F1 is the mean over the labels that occur in the targets or were predicted.
    """
    if proba.shape != targets.shape or proba.ndim != 2:
        raise ValueError(f"proba has shape {proba.shape}, targets {targets.shape}; both must be (n, k)")
    chosen, truth = predicted(proba, task), targets > 0.5
    correct = int((chosen == truth).all(axis=1).sum())
    interval = wilson(correct, len(proba))
    hits, support, given = ((a).sum(axis=0).tolist() for a in (chosen & truth, truth, chosen))
    labels = tuple(_figures(*row) for row in zip(hits, support, given, strict=True))
    f1 = [label.f1 for label in labels if label.f1 is not None]
    return Evaluation(
        n=len(proba),
        correct=correct,
        accuracy=correct / len(proba) if len(proba) else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        macro_f1=float(np.mean(f1)) if f1 else None,
        micro_f1=_ratio(2 * sum(hits), sum(support) + sum(given)),
        labels=labels,
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _figures(hits: int, support: int, given: int) -> LabelFigures:
    return LabelFigures(
        support, given, _ratio(hits, given), _ratio(hits, support), _ratio(2 * hits, support + given)
    )
