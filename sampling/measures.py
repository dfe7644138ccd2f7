"""What the hold-out said of a version when it was trained. Loads nothing of the learner, so pages may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from projects.models import Label
from sampling.models import ModelVersion

# On fewer hold-out items a figure would be noise: of the whole, and of a label or a slice.
ENOUGH: Final = 20
ENOUGH_PART: Final = 10


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, where one was kept."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Slice:
    """Items that share a value of a field."""

    name: str
    n: int
    accuracy: Estimate | None


@dataclass(frozen=True)
class Figures:
    """None: too few items to say."""

    n: int
    accuracy: Estimate | None
    macro_f1: Estimate | None
    calibration: Estimate | None
    labels: Sequence[Mapping[str, Any]]
    slices: Sequence[Slice]


@dataclass(frozen=True)
class LabelLine:
    """One label: items of it that the model learnt from, and how well it is told apart on the hold-out."""

    label: Label
    learnt: int
    support: int
    precision: Estimate | None
    recall: Estimate | None

    @property
    def few(self) -> bool:
        """Whether the hold-out has too few items of this label for its recall to mean anything."""
        return self.support < ENOUGH_PART


def figures(version: ModelVersion) -> Figures:
    """Read the version's figures: with all intervals where its round kept them, else the plain ones."""
    kept = kept_report(version.round.metrics or {}) or _plain(version.metrics)
    slices = [
        Slice(f"{one['field']}: {one['value']}", one["n"], _estimate(one["accuracy"]))
        for one in kept.get("slices", [])
    ]
    named = ("accuracy", "macro_f1", "calibration")
    accuracy, macro_f1, calibration = (_estimate(kept.get(name)) for name in named)
    return Figures(kept.get("n", 0), accuracy, macro_f1, calibration, kept.get("labels", []), slices)


def kept_report(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a round kept about its own model; one that held it back measured the model in use instead."""
    return None if metrics.get("held_back") else metrics.get("evaluation")


def labels_of(version: ModelVersion, labels: Sequence[Label]) -> list[LabelLine]:
    """What the version knows of each label, in the order given; labels added since then have no figures."""
    learnt = (version.round.metrics or {}).get("training", {}).get("labels", [])
    found = figures(version)
    lines = []
    for label in labels:
        at = label.position
        row = found.labels[at] if at < len(found.labels) else {}
        count, support = learnt[at] if at < len(learnt) else 0, row.get("support", 0)
        precision, recall = (
            _estimate(row.get(name)) if found.accuracy else None for name in ("precision", "recall")
        )
        if label.retired_at is None or count or support:
            lines.append(LabelLine(label, count, support, precision, recall))
    return lines


def _estimate(kept: Mapping[str, Any] | None) -> Estimate | None:
    return Estimate(kept["value"], kept.get("low"), kept.get("high")) if kept else None


def _plain(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that every version has, in the form of the full ones."""
    if metrics.get("n", 0) < ENOUGH or metrics.get("accuracy") is None:
        return {"n": metrics.get("n", 0), "labels": [{"support": one["support"]} for one in _labels(metrics)]}
    accuracy = {"value": metrics["accuracy"], "low": metrics["low"], "high": metrics["high"]}
    rows = [
        {
            "support": one["support"],
            "precision": _share(one["precision"], one["predicted"]),
            "recall": _share(one["recall"], one["support"]),
        }
        for one in _labels(metrics)
    ]
    macro_f1 = {"value": metrics["macro_f1"]} if metrics.get("macro_f1") is not None else None
    return {"n": metrics["n"], "accuracy": accuracy, "macro_f1": macro_f1, "labels": rows}


def _labels(metrics: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return metrics.get("labels") or []


def _share(value: float | None, n: int) -> dict[str, float] | None:
    return None if value is None or n < ENOUGH_PART else {"value": value}
