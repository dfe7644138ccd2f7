"""Learning curves side by side: means over seeds with their standard errors, and what random would need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from .arrays import FloatArray

BASELINE: Final = "random"
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Run:
    """One learning curve: figures on the test part after each batch.

    ``found``: of the items of each label in the pool, the share that was labelled in the end.
    """

    strategy: str
    seed: int
    labels: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    macro_f1: list[float] = field(default_factory=list)
    found: list[float] = field(default_factory=list)
    learner: str = "logistic"
    featurizer: str = ""
    data: str = ""

    @property
    def company(self) -> tuple[str, str, str]:
        """Runs that differ in strategy and seed alone."""
        return self.data, self.featurizer, self.learner

    @property
    def height(self) -> float:
        """Mean height of the curve."""
        return area(np.array(self.labels, np.float32), np.array(self.accuracy, np.float32))


class Curve(Protocol):
    """Anything with accuracies at numbers of labels."""

    @property
    def labels(self) -> list[int]: ...
    @property
    def accuracy(self) -> list[float]: ...


def mean_curve(runs: Sequence[Curve]) -> tuple[FloatArray, FloatArray]:
    """Labels and mean accuracy over the seeds, as far as every run goes."""
    labels, accuracy = stacked(runs)
    return labels, accuracy.mean(axis=0).astype(np.float32)


def stacked(runs: Sequence[Curve]) -> tuple[FloatArray, FloatArray]:
    """Labels (s,) and the accuracy of each run (r, s), as far as every run goes."""
    shortest = min(len(run.labels) for run in runs)
    labels = np.array(runs[0].labels[:shortest], np.float32)
    return labels, np.array([run.accuracy[:shortest] for run in runs], np.float32)


def area(labels: FloatArray, accuracy: FloatArray) -> float:
    """Mean height of a learning curve: its area (trapezoids) over the labels that it spans."""
    if len(labels) < 2:
        return float(accuracy[0])
    return float(np.trapezoid(accuracy, labels) / (labels[-1] - labels[0]))


def labels_to_reach(labels: FloatArray, accuracy: FloatArray, wanted: float) -> float | None:
    """The labels at which a curve, read as straight lines, first reaches ``wanted``; None if never."""
    above = np.flatnonzero(accuracy >= wanted)
    if not len(above):
        return None
    i = int(above[0])
    if i == 0:
        return float(labels[0])
    share = (wanted - accuracy[i - 1]) / (accuracy[i] - accuracy[i - 1])
    return float(labels[i - 1] + share * (labels[i] - labels[i - 1]))


def standard_error(values: Sequence[float]) -> float | None:
    """Of the mean of some values; None with fewer than two."""
    if len(values) < 2:
        return None
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def paired(one: Sequence[Run], other: Sequence[Run]) -> tuple[float, float | None] | None:
    """Mean difference in height over the seeds that both have, and its standard error; None without any."""
    heights = {run.seed: run.height for run in other}
    gaps = [run.height - heights[run.seed] for run in one if run.seed in heights]
    return (float(np.mean(gaps)), standard_error(gaps)) if gaps else None


def summary(runs: Sequence[Run]) -> dict[str, Figures]:
    """Figures of each strategy on one data set; see ``figures``.

    The name says the learner and the featurizer as well, where there are several.
    """
    names = naming(runs)
    groups = grouped(runs, lambda run: (run.featurizer, run.learner, run.strategy))
    out: dict[str, Figures] = {}
    for of_one in groups.values():
        baseline = [run for run in runs if run.strategy == BASELINE and run.company == of_one[0].company]
        out[names(of_one[0])] = figures(of_one, baseline)
    return out


def figures(runs: Sequence[Run], baseline: Sequence[Run]) -> Figures:
    """What runs of one strategy show beside those of random, which may be none (then the figures are None).

    ``area``: mean height of the mean curve; ``final`` and ``final_f1``: accuracy and macro-F1 in the end;
    ``over_random``: the mean difference in height, paired by seed;
    ``labels_for_random_at_budget``: where the mean curve reaches what random has in the end, and ``ratio``,
    the same as a share of the budget. ``*_se`` are standard errors over seeds, that of the ratio by leaving
    out one seed after the other (jackknife).
    """
    labels, accuracy = mean_curve(runs)
    gap = paired(runs, baseline)
    needed = needs(runs, baseline) if baseline else None
    budget = float(mean_curve(baseline)[0][-1]) if baseline else 1.0
    return {
        "seeds": len(runs),
        "area": round(area(labels, accuracy), 4),
        "area_se": _rounded(standard_error([run.height for run in runs]), 4),
        "final": round(float(accuracy[-1]), 4),
        "final_f1": round(float(np.mean([run.macro_f1[-1] for run in runs])), 4),
        "over_random": _rounded(gap[0], 4) if gap else None,
        "over_random_se": _rounded(gap[1], 4) if gap else None,
        "labels_for_random_at_budget": _rounded(needed, 1),
        "ratio": None if needed is None else round(needed / budget, 3),
        "ratio_se": _rounded(_ratio_se(runs, baseline, budget), 3),
    }


def needs(runs: Sequence[Run], baseline: Sequence[Run]) -> float | None:
    """The labels at which the mean curve of ``runs`` reaches the last point of the baseline's."""
    return labels_to_reach(*mean_curve(runs), float(mean_curve(baseline)[1][-1]))


def _ratio_se(runs: Sequence[Run], baseline: Sequence[Run], budget: float) -> float | None:
    """Jackknife over the seeds that both have: None under three, or where one of them never gets there."""
    seeds = {run.seed for run in runs} & {run.seed for run in baseline}
    if len(seeds) < 3:
        return None
    left = []
    for seed in seeds:
        without = [[run for run in some if run.seed != seed] for some in (runs, baseline)]
        needed = needs(*without)
        if needed is None:
            return None
        left.append(needed / budget)
    return float(np.sqrt((len(left) - 1) * np.var(left)))


def overall(runs: Sequence[Run]) -> dict[str, Figures]:
    """Each strategy over all data sets that have it: mean ratio, and mean points over random ± their error.

    ``reached`` counts the sets where a ratio is known; the mean ratio is over these alone.
    """
    names = naming(runs)
    rows: dict[str, list[Figures]] = defaultdict(list)
    for of_one in grouped(runs, lambda run: (*run.company, run.strategy)).values():
        baseline = [run for run in runs if run.strategy == BASELINE and run.company == of_one[0].company]
        rows[names(of_one[0])].append(figures(of_one, baseline))
    return {name: _over_sets(some) for name, some in rows.items()}


def _over_sets(rows: Sequence[Figures]) -> Figures:
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None]
    gains = [row["over_random"] for row in rows if row["over_random"] is not None]
    errors = [row["over_random_se"] for row in rows if row["over_random_se"] is not None]
    exact = bool(gains) and len(errors) == len(gains)
    return {
        "sets": len(rows),
        "reached": len(ratios),
        "mean_ratio": round(float(np.mean(ratios)), 3) if ratios else None,
        "area": round(float(np.mean([row["area"] for row in rows])), 4),
        "over_random": round(float(np.mean(gains)), 4) if gains else None,
        # Of the mean over just these sets: seeds are what was drawn.
        "over_random_se": round(float(np.sqrt(np.sum(np.square(errors))) / len(errors)), 4)
        if exact
        else None,
    }


def judged(runs: Sequence[Run], name: str) -> list[dict[str, Any]]:
    """Whether a strategy is at least the best other one, minus one standard error, on each data set.

    The standard error is that of the difference, paired by seed. Where learners or featurizers differ, each
    is a case of its own.
    """
    found = []
    for company, group in grouped(runs, lambda run: run.company).items():
        by_name = grouped(group, lambda run: run.strategy)
        others = {other: some for other, some in by_name.items() if other != name}
        if name not in by_name or not others:
            continue
        best = max(others, key=lambda other: float(np.mean([run.height for run in others[other]])))
        gap = paired(by_name[name], others[best])
        if gap is None:
            continue
        case = dict(zip(("data", "featurizer", "learner"), company, strict=True))
        base = paired(by_name[name], others[BASELINE]) if BASELINE in others else None
        found.append(
            {
                **case,
                "best_other": best,
                "difference": round(gap[0], 4),
                "difference_se": _rounded(gap[1], 4),
                "holds": gap[0] >= -(gap[1] or 0.0),
                "below_random": None if base is None else base[0] < 0,
            }
        )
    return found


def report(runs: Sequence[Run]) -> dict[str, Any]:
    """Runs and summary as plain data for JSON."""
    by_set = grouped(runs, lambda run: run.data)
    found: dict[str, Any] = {"runs": [asdict(one) for one in runs]}
    if len(by_set) < 2:
        return {**found, "summary": summary(runs)}
    return {
        **found,
        "sets": {name: summary(of_one) for name, of_one in by_set.items()},
        "overall": overall(runs),
    }


def grouped(runs: Iterable[Run], key: Callable[[Run], Any]) -> dict[Any, list[Run]]:
    """Runs by a key, in the order of their first."""
    out: dict[Any, list[Run]] = {}
    for one in runs:
        out.setdefault(key(one), []).append(one)
    return out


def naming(runs: Sequence[Run]) -> Callable[[Run], str]:
    """How to call a run's strategy: with learner and featurizer where a data set has several of them."""
    several = [
        attribute
        for attribute in ("learner", "featurizer")
        if any(len({getattr(run, attribute) for run in some}) > 1 for some in _by_data(runs))
    ]

    def name(run: Run) -> str:
        rest = ", ".join(getattr(run, attribute) for attribute in several)
        return f"{run.strategy} ({rest})" if rest else run.strategy

    return name


def _by_data(runs: Sequence[Run]) -> list[list[Run]]:
    return list(grouped(runs, lambda run: run.data).values())


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
