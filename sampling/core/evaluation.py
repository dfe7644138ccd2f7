"""Figures on the hold-out, with intervals; never a number that the data do not carry."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, expit, logit, ndtr, ndtri

from .arrays import BoolArray, FloatArray, IntArray
from .learners import Task

# With fewer rows there is no figure: of the whole hold-out, and of a label or slice.
ENOUGH: Final = 20
ENOUGH_PART: Final = 10
DRAWS: Final = 1_000
# Bins of the calibration error: at most so many, each of at least so many rows.
BINS: Final = 10
BIN_ROWS: Final = 20


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


# --- the whole report --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimate:
    """A figure with the ends of its 95 % interval, from ``n`` rows."""

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """Rounded plain numbers, for JSON."""
        return {
            "value": round(self.value, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "n": self.n,
        }


@dataclass(frozen=True)
class Report:
    """What the hold-out says of a model. None: too few rows, and ``missing`` says how many more it takes."""

    n: int
    missing: int
    accuracy: Estimate | None
    macro_f1: Estimate | None
    calibration: Estimate | None
    bins: int  # of the calibration error
    precision: tuple[Estimate | None, ...]  # by label
    recall: tuple[Estimate | None, ...]
    support: tuple[int, ...]
    predicted: tuple[int, ...]
    slices: tuple[Slice, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same as plain numbers, lists and None, for JSON."""

        def plain(estimate: Estimate | None) -> dict[str, float | int] | None:
            return estimate.as_dict() if estimate else None

        rows = zip(self.support, self.predicted, self.precision, self.recall, strict=True)
        return {
            "n": self.n,
            "missing": self.missing,
            "accuracy": plain(self.accuracy),
            "macro_f1": plain(self.macro_f1),
            "calibration": plain(self.calibration),
            "bins": self.bins,
            "labels": [
                {"support": s, "predicted": g, "precision": plain(p), "recall": plain(r)}
                for s, g, p, r in rows
            ],
            "slices": [
                {"field": one.field, "value": one.value, "n": one.n, "accuracy": plain(one.accuracy)}
                for one in self.slices
            ],
        }


@dataclass(frozen=True)
class Slice:
    """Rows that share a value of a field."""

    field: str
    value: Hashable
    n: int
    accuracy: Estimate | None


def report(
    proba: FloatArray,
    targets: FloatArray,
    task: Task,
    rng: np.random.Generator,
    fields: Mapping[str, Sequence[Hashable]] | None = None,
) -> Report:
    """All figures of a model with probabilities (n, k) on rows with targets (n, k) of 0 and 1.

    ``fields`` gives slices: for each name one value a row, None where a row has none.
    """
    figures = evaluate(proba, targets, task)
    chosen, truth = predicted(proba, task), targets > 0.5
    right, enough = (chosen == truth).all(axis=1), len(proba) >= ENOUGH
    hits = (chosen & truth).sum(axis=0).tolist()
    support = tuple(label.support for label in figures.labels)
    given = tuple(label.predicted for label in figures.labels)
    bins = _bin_count(len(proba))
    return Report(
        n=len(proba),
        missing=max(0, ENOUGH - len(proba)),
        accuracy=share(figures.correct, len(proba), ENOUGH),
        macro_f1=macro_f1(chosen, truth, rng) if enough else None,
        calibration=calibration_error(proba, targets, task, rng) if enough else None,
        bins=bins,
        precision=tuple(share(hit, n) for hit, n in zip(hits, given, strict=True)),
        recall=tuple(share(hit, n) for hit, n in zip(hits, support, strict=True)),
        support=support,
        predicted=given,
        slices=slices(right, fields or {}),
    )


def share(correct: int, n: int, least: int = ENOUGH_PART) -> Estimate | None:
    """A proportion with its Wilson interval, or None when it would rest on fewer than ``least`` rows."""
    interval = wilson(correct, n)
    return Estimate(correct / n, *interval, n) if interval and n >= least else None


def slices(right: BoolArray, fields: Mapping[str, Sequence[Hashable]]) -> tuple[Slice, ...]:
    """Accuracy by the values of each field, the most frequent first; ``right`` (n,) says which rows are."""
    found = []
    for field, values in fields.items():
        if len(values) != len(right):
            raise ValueError(f"fields: {field!r} has {len(values)} values, but there are {len(right)} rows")
        counts: dict[Hashable, list[int]] = {}
        for value, correct in zip(values, right.tolist(), strict=True):
            if value is not None:
                tally = counts.setdefault(value, [0, 0])
                tally[0] += correct
                tally[1] += 1
        ordered = sorted(counts.items(), key=lambda pair: (-pair[1][1], str(pair[0])))
        found += [Slice(field, value, n, share(correct, n)) for value, (correct, n) in ordered]
    return tuple(found)


def resampled(n: int, rng: np.random.Generator, draws: int = DRAWS) -> FloatArray:
    """How often each of n rows comes in each bootstrap sample (draws, n): any mean is then one product.

    Fewer draws of very many rows, whose intervals are narrow anyway.
    """
    draws = min(draws, max(100, 5_000_000 // max(n, 1)))
    return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float32)


def macro_f1(chosen: BoolArray, truth: BoolArray, rng: np.random.Generator) -> Estimate:
    """Mean F1 of the labels that occur or were predicted, with its interval from resampled rows.

    The spread of the bootstrap is used around an estimate that its bias is taken from (Efron & Tibshirani
    1993, ch. 10), on the scale of log odds, because with many labels a resample of few rows of each is worse
    than the sample. Never narrower than the interval of a proportion from as many rows, or a sample without
    a fault would claim to be certain.
    """
    if not len(truth):
        raise ValueError("truth has no rows")
    both = chosen & truth
    used = (chosen | truth).any(axis=0)
    value = float(_f1(both, chosen, truth, np.ones((1, len(truth)), np.float32))[0]) if used.any() else 0.0
    drawn = _f1(both, chosen, truth, resampled(len(truth), rng))
    rows = max(2.0, len(truth) / max(1, int(used.sum())))
    spread = float(drawn.std()) * np.sqrt(rows / (rows - 1))
    centre = float(np.clip(2 * value - drawn.mean(), 0.005, 0.995))
    reach = 1.96 * spread / (centre * (1 - centre))
    low, high = wilson(min(len(truth), round(value * len(truth))), len(truth)) or (0.0, 1.0)
    low, high = min(low, float(expit(logit(centre) - reach))), max(high, float(expit(logit(centre) + reach)))
    return Estimate(value, min(low, value), max(high, value), len(truth))


def _f1(both: BoolArray, chosen: BoolArray, truth: BoolArray, weights: FloatArray) -> NDArray[np.float64]:
    """Macro-F1 (b,) of rows weighted by each row of ``weights`` (b, n)."""
    hits, given, there = (weights @ one.astype(np.float32) for one in (both, chosen, truth))
    f1 = np.divide(2 * hits, given + there, out=np.zeros_like(hits), where=given + there > 0)
    return np.asarray(f1.sum(axis=1) / np.maximum((given + there > 0).sum(axis=1), 1), np.float64)


# --- calibration ------------------------------------------------------------------------------------------


def calibration_error(
    proba: FloatArray, targets: FloatArray, task: Task, rng: np.random.Generator
) -> Estimate:
    """How far confidence and truth lie apart on average, in [0, 1]; 0 is perfect.

    Adaptive bins: at most 10 of equally many judgements (Nguyen & O'Connor 2015), each of at least 20 rows.
    A judgement is the likeliest label, or for multi-label each label of each row. The mean gap of the bins
    is freed of what chance alone adds to it (Kumar, Liang & Ma 2019); its interval comes from resampled rows
    and begins at 0 where the data do not reject perfect calibration (Hosmer & Lemeshow 1980).
    """
    if not len(proba):
        raise ValueError("proba has no rows")
    said, came, row = _judgements(proba, targets, task)
    bins = _bin_count(len(proba))
    place = np.empty(len(said), np.int64)
    place[np.argsort(said, kind="stable")] = np.arange(len(said)) * bins // len(said)
    sums = np.zeros((3, len(proba), bins))  # of each row in each bin: judgements, confidence, truth
    for total, values in zip(sums, (np.ones_like(said), said, came), strict=True):
        np.add.at(total, (row, place), values)
    count, confidence, truth = sums.sum(axis=1)
    value = float(_gap(count, confidence, truth, fair=True))
    weights = resampled(len(proba), rng)
    drawn = [weights @ part.astype(np.float32) for part in sums]
    rough = _gap(*drawn, fair=False)
    # A resample holds chance twice: its own, and that of the sample.
    low, high = np.quantile(rough, [0.025, 0.975]) - (rough.mean() - value)
    high = max(high, float(np.quantile(_gap(*drawn, fair=True), 0.975)), value)
    doubt = np.bincount(place, said * (1 - said), bins)
    doubt = np.maximum(doubt, ((sums[1] - sums[2]) ** 2).sum(axis=0) if task == "multi" else 0)
    gaps = float(((confidence - truth) ** 2 / np.maximum(doubt, 1e-9)).sum())
    calibrated = chdtrc(bins, gaps) > 0.05
    return Estimate(value, 0.0 if calibrated else float(np.clip(low, 0, value)), min(1.0, high), len(proba))


def _bin_count(n: int) -> int:
    return int(np.clip(n // BIN_ROWS, 1, BINS))


def _judgements(
    proba: FloatArray, targets: FloatArray, task: Task
) -> tuple[NDArray[np.float64], NDArray[np.float64], IntArray]:
    """Confidence, whether it came true, and the row, of each judgement."""
    n, k = proba.shape
    if task == "multi":
        rows = np.repeat(np.arange(n), k)
        return proba.ravel().astype(np.float64), (targets.ravel() > 0.5).astype(np.float64), rows
    best = proba.argmax(axis=1)
    at = np.arange(n)
    return proba[at, best].astype(np.float64), (targets[at, best] > 0.5).astype(np.float64), at


def _gap(count: Any, confidence: Any, truth: Any, *, fair: bool) -> Any:
    """Mean gap over bins, the last axis; ``fair`` takes away what a gap of 0 would show by chance."""
    size = np.maximum(count, 1)
    share_true = truth / size
    gap = np.abs(confidence / size - share_true)
    if fair:
        noise = np.maximum(np.sqrt(share_true * (1 - share_true) / np.maximum(count - 1, 1)), 1e-9)
        # The mean of |N(gap, noise)|, which is what a bin shows on average whose true gap is this.
        shown = noise * np.sqrt(2 / np.pi) * np.exp(-0.5 * (gap / noise) ** 2)
        gap = 2 * gap - (shown + gap * (1 - 2 * ndtr(-gap / noise)))
    return np.maximum((gap * count).sum(axis=-1) / count.sum(axis=-1), 0)
