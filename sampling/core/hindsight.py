"""What another strategy would have done with the labels that are there: replays, and what chance explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from .arrays import FloatArray, IntArray
from .evaluation import predicted
from .simulation import Plan, replay

# Each seed sees so much of what may be asked for: the labels might have been others.
SEEN: Final = 0.8
ROUNDS: Final = 12
LABELS: Final = 400


@dataclass(frozen=True)
class Bench:
    """Labelled items: rows to choose from and, apart from them, rows to test on."""

    x: FloatArray  # (n, d)
    targets: FloatArray  # (n, k)
    learn: IntArray
    test: IntArray

    def drawn(self, seed: int) -> IntArray:
        """The rows that strategies may ask for under this seed, rising: the same for all of them."""
        some = np.random.default_rng([seed, 3]).permutation(self.learn)
        return np.sort(some[: max(1, round(SEEN * len(some)))])

    @property
    def budget(self) -> int:
        """Half of what there is to choose from, or there would be no choice in the end; 400 at most."""
        return max(2, min(LABELS, len(self.drawn(0)) // 2))

    @property
    def batch(self) -> int:
        """Labels between two trainings: twelve rounds at most."""
        return -(-self.budget // ROUNDS)


@dataclass(frozen=True)
class Replay:
    """One replay: accuracy after each batch; and of each test row, the share of models that got it right.

    ``right`` weighs models as the area under the curve does, so that its mean is the curve's mean height.
    """

    strategy: str
    seed: int
    labels: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)

    @property
    def height(self) -> float:
        """Mean height of the curve."""
        return float(np.mean(self.right))


def replayed(bench: Bench, plan: Plan, strategy: str, seed: int) -> Replay:
    """Replay one strategy with one seed."""
    task, out, hits = plan.settings.task, Replay(strategy, seed), []
    truth, x = bench.targets[bench.test] > 0.5, bench.x[bench.test]
    for step in replay(bench.x, bench.targets, plan, strategy, (seed, bench.drawn(seed))):
        hit = (predicted(step.trained.champion.proba(x), task) == truth).all(axis=1)
        hits.append(hit)
        out.labels.append(len(step.labelled))
        out.accuracy.append(round(float(hit.mean()), 5))
    weights = _widths(np.array(out.labels, np.float64))
    out.right.extend(np.round(weights @ np.array(hits, np.float64), 4).tolist())
    return out


def _widths(labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each point of a curve counts in its mean height (trapezoids); they sum to 1."""
    if len(labels) < 2:
        return np.ones(1)
    gaps = np.diff(labels)
    both = np.append(gaps, 0) + np.append(0, gaps)
    return np.asarray(both / both.sum(), np.float64)


@dataclass(frozen=True)
class Difference:
    """How much higher one curve is than another on average, and how far its 95 % interval reaches."""

    mean: float
    reach: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves out 0."""
        return abs(self.mean) > self.reach


def difference(one: Sequence[Replay], other: Sequence[Replay]) -> Difference | None:
    """Compare replays of the same test rows, paired by seed; None under two seeds that both have.

    Two things are chance: the draws of a seed, and which items were there to be tested on. The reach is the
    root of the sum of both squares: Student's for the seeds, normal for the items.
    """
    paired = [(a.right, b.right) for a in one for b in other if a.seed == b.seed]
    if len(paired) < 2:
        return None
    gaps = np.array([np.subtract(mine, theirs) for mine, theirs in paired])  # (seeds, m)
    seeds, items = gaps.shape
    of_seeds = student.ppf(0.975, seeds - 1) * gaps.mean(axis=1).std(ddof=1) / np.sqrt(seeds)
    of_items = 1.96 * gaps.mean(axis=0).std(ddof=1) / np.sqrt(items) if items > 1 else np.inf
    return Difference(float(gaps.mean()), float(np.hypot(of_seeds, of_items)))
