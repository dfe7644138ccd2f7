"""The loop with known labels as the annotator: how many labels does a strategy need?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .arrays import FloatArray, IntArray
from .evaluation import evaluate
from .loop import next_batch, train
from .pool import Pool
from .settings import Settings
from .strategies import STRATEGIES

BASELINE = "random"


@dataclass(frozen=True)
class Plan:
    """What is simulated. A strategy picks the first ``initial`` items as it does without a model."""

    strategies: tuple[str, ...] = (BASELINE, "default")
    initial: int = 20
    batch: int = 20
    budget: int = 500
    test: float = 0.3

    def __post_init__(self) -> None:
        unknown = [name for name in self.strategies if name not in STRATEGIES]
        if unknown or not self.strategies:
            raise ValueError(f"strategies has {unknown or 'no name'}; known: {', '.join(STRATEGIES)}")
        if min(self.initial, self.batch) < 1 or self.budget < self.initial:
            raise ValueError(
                f"initial is {self.initial}, batch {self.batch}, budget {self.budget};"
                " initial and batch at least 1, budget at least initial"
            )
        if not 0 < self.test < 1:
            raise ValueError(f"test is {self.test}, but must lie between 0 and 1")


@dataclass(frozen=True)
class Run:
    """One learning curve: figures on the test part after each batch."""

    strategy: str
    seed: int
    labels: list[int]
    accuracy: list[float]
    macro_f1: list[float]


def parts(n: int, test: float, seed: int) -> tuple[IntArray, IntArray]:
    """Rows to learn from and rows to test on, drawn at random; the same for every strategy of a seed."""
    if n < 4:
        raise ValueError(f"{n} items are too few; 4 at least")
    held = min(max(1, round(n * test)), n - 2)
    order = np.random.default_rng([seed, 0]).permutation(n)
    return np.sort(order[held:]), np.sort(order[:held])


def run(x: FloatArray, positions: IntArray, plan: Plan, strategy: str, seed: int) -> Run:
    """Replay the loop on features x (n, d) and label positions (n,) until the budget is spent."""
    if len(x) != len(positions):
        raise ValueError(f"x has {len(x)} rows, positions has {len(positions)}")
    targets = np.eye(int(positions.max()) + 1, dtype=np.float32)[positions]
    learn, test = parts(len(x), plan.test, seed)
    # The committee only explains picks; no strategy listens to it.
    settings = Settings(strategy=strategy, committee_size=0)
    rng = np.random.default_rng([seed, 1])
    labelled, waiting, trained, centres = learn[:0], learn, None, None
    curve = Run(strategy, seed, [], [], [])
    while len(waiting) and len(labelled) < plan.budget:
        size = min(plan.batch if len(labelled) else plan.initial, plan.budget - len(labelled))
        batch = next_batch(
            Pool(x[waiting], x[labelled], centres, targets=targets[labelled]), trained, size, settings, rng
        )
        centres = batch.centres
        labelled = np.append(labelled, waiting[batch.rows])
        waiting = np.delete(waiting, batch.rows)
        trained = train(x[labelled], targets[labelled], settings, rng)
        found = evaluate(trained.champion.proba(x[test]), targets[test], settings.task)
        curve.labels.append(len(labelled))
        curve.accuracy.append(round(found.accuracy or 0.0, 5))
        curve.macro_f1.append(round(found.macro_f1 or 0.0, 5))
    return curve


def mean_curve(runs: Sequence[Run]) -> tuple[FloatArray, FloatArray]:
    """Labels and mean accuracy over the seeds, as far as every run goes."""
    shortest = min(len(run.labels) for run in runs)
    labels = np.array(runs[0].labels[:shortest], np.float32)
    return labels, np.array([run.accuracy[:shortest] for run in runs]).mean(axis=0).astype(np.float32)


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


def summary(runs: Sequence[Run]) -> dict[str, dict[str, float | None]]:
    """For each strategy: area, labels for random's accuracy at the budget, and those over the budget (ratio).

    All from the mean curve over the seeds. Without runs of ``random`` there is nothing to compare with: None.
    """
    by_strategy: dict[str, list[Run]] = {}
    for one in runs:
        by_strategy.setdefault(one.strategy, []).append(one)
    curves = {name: mean_curve(of_one) for name, of_one in by_strategy.items()}
    out: dict[str, dict[str, float | None]] = {}
    for name, (labels, accuracy) in curves.items():
        needed = None
        if BASELINE in curves:
            needed = labels_to_reach(labels, accuracy, float(curves[BASELINE][1][-1]))
        ratio = None if needed is None else round(needed / float(curves[BASELINE][0][-1]), 3)
        needed = None if needed is None else round(needed, 1)
        out[name] = {
            "area": round(area(labels, accuracy), 4),
            "labels_for_random_at_budget": needed,
            "ratio": ratio,
        }
    return out


def report(runs: Sequence[Run]) -> dict[str, Any]:
    """Runs and summary as plain data for JSON."""
    return {"runs": [asdict(one) for one in runs], "summary": summary(runs)}
