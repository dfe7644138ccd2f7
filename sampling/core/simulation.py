"""The loop with known labels as the annotator: what is simulated, and one learning curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from .arrays import FloatArray, IntArray
from .comparison import BASELINE, Run, area, labels_to_reach, mean_curve, report, summary
from .crowd import Crowd
from .evaluation import evaluate
from .learners import Task
from .loop import Trained, next_batch, train
from .pool import Pool
from .settings import Settings, Stream
from .strategies import MODES, STRATEGIES

__all__ = [
    "BASELINE", "Plan", "Run", "Step", "area", "labels_to_reach", "mean_curve", "parts", "replay", "report",
    "run", "settings_for", "summary", "targets_of",
]  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What is simulated. A strategy picks the first ``initial`` items as it does without a model.

    ``settings`` holds for all strategies, but for what the name of a strategy says itself, and a committee
    is trained only for those that listen to one.
    """

    strategies: tuple[str, ...] = (BASELINE, "default")
    initial: int = 20
    batch: int = 20
    budget: int = 500
    test: float = 0.3
    settings: Settings = field(default_factory=Settings)
    crowd: Crowd = field(default_factory=Crowd)
    # Positions of labels that are looked for, where a strategy can: else the rarest so far.
    wanted: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.strategies:
            raise ValueError(f"strategies has no name; known: {', '.join(STRATEGIES)}")
        for name in self.strategies:
            settings_for(name, self.settings)
        if min(self.initial, self.batch) < 1 or self.budget < self.initial:
            raise ValueError(
                f"initial is {self.initial}, batch {self.batch}, budget {self.budget};"
                " initial and batch at least 1, budget at least initial"
            )
        if not 0 < self.test < 1:
            raise ValueError(f"test is {self.test}, but must lie between 0 and 1")


def settings_for(name: str, base: Settings) -> Settings:
    """The settings that the name of a strategy asks for: ``STRATEGY[/MODE][+STREAM:SHARE]…``.

    So ``default+random:0.15`` is the default with 15 % of each batch at random, and ``entropy/clustered`` the
    most uncertain of each cluster. Raises ValueError naming what is wrong.
    """
    main, *others = name.split("+")
    strategy, _, mode = main.partition("/")
    if strategy not in STRATEGIES:
        raise ValueError(f"strategies has {strategy!r}; known: {', '.join(STRATEGIES)}")
    if mode and mode not in MODES:
        raise ValueError(f"strategies has {name!r}, but modes are: {', '.join(MODES)}")
    if strategy != BASELINE:  # What everything is compared with stays what it is.
        mode = mode or base.mode
    streams = tuple(_stream(name, text) for text in others) or base.streams
    settings = replace(base, strategy=strategy, mode=mode, streams=streams)
    used = [settings.strategy, *(stream.strategy for stream in streams)]
    listens = any(settings.of(one).needs == "committee" for one in used)
    # Elsewhere the committee only explains picks.
    return settings if listens else replace(settings, committee_size=0)


def _stream(name: str, text: str) -> Stream:
    strategy, _, share = text.partition(":")
    try:
        return Stream(f"{strategy} {share}", strategy, float(share))
    except ValueError as error:
        raise ValueError(f"strategies has {name!r}: a stream is NAME:SHARE ({error})") from error


@dataclass(frozen=True)
class Step:
    """One turn of a simulated loop: the rows that are labelled by now, and what was learnt from them."""

    labelled: IntArray
    trained: Trained


def parts(n: int, test: float, seed: int) -> tuple[IntArray, IntArray]:
    """Rows to learn from and rows to test on, drawn at random; the same for every strategy of a seed."""
    if n < 4:
        raise ValueError(f"{n} items are too few; 4 at least")
    held = min(max(1, round(n * test)), n - 2)
    order = np.random.default_rng([seed, 0]).permutation(n)
    return np.sort(order[held:]), np.sort(order[:held])


def targets_of(known: IntArray | FloatArray, task: Task) -> FloatArray:
    """Label positions (n,) as a matrix (n, k); a matrix stays what it is.

    Raises ValueError where single choice has rows without one label.
    """
    if known.ndim == 1:
        return np.eye(int(known.max()) + 1, dtype=np.float32)[known.astype(np.int64)]
    if task == "single" and not (known.sum(axis=1) == 1).all():
        raise ValueError(f"targets of shape {known.shape} must have one label a row for single choice")
    return np.asarray(known, np.float32)


def replay(
    x: FloatArray, targets: FloatArray, plan: Plan, strategy: str, draw: tuple[int, IntArray]
) -> Iterator[Step]:
    """Run the loop on features x (n, d) and targets (n, k) until the budget is spent.

    ``draw`` is the seed and the rows that may be asked for.
    """
    seed, learn = draw
    settings = settings_for(strategy, plan.settings)
    # Whatever picks an item, it gets the same answers.
    said, sure = plan.crowd.said(x, targets, settings.task, np.random.default_rng([seed, 2]))
    rng = np.random.default_rng([seed, 1])
    wanted = np.array(plan.wanted, np.int64) if plan.wanted else None
    labelled, waiting, trained, centres = learn[:0], learn, None, None
    while len(waiting) and len(labelled) < plan.budget:
        size = min(plan.batch if len(labelled) else plan.initial, plan.budget - len(labelled))
        pool = Pool(x[waiting], x[labelled], centres, targets=said[labelled], wanted=wanted)
        batch = next_batch(pool, trained, size, settings, rng)
        centres = batch.centres
        labelled = np.append(labelled, waiting[batch.rows])
        waiting = np.delete(waiting, batch.rows)
        trained = train(x[labelled], said[labelled], settings, rng, sure[labelled], trained)
        yield Step(labelled, trained)


def run(x: FloatArray, known: IntArray | FloatArray, plan: Plan, strategy: str, seed: int) -> Run:
    """Replay the loop and test each model on rows that it may not ask for, by their true labels.

    ``known`` holds label positions (n,), or targets (n, k) of 0 and 1.
    """
    if len(x) != len(known):
        raise ValueError(f"x has {len(x)} rows, known has {len(known)}")
    task = plan.settings.task
    targets = targets_of(known, task)
    learn, test = parts(len(x), plan.test, seed)
    curve = Run(strategy, seed, learner=plan.settings.learner)
    labelled = learn[:0]
    for step in replay(x, targets, plan, strategy, (seed, learn)):
        labelled = step.labelled
        found = evaluate(step.trained.champion.proba(x[test]), targets[test], task)
        curve.labels.append(len(labelled))
        curve.accuracy.append(round(found.accuracy or 0.0, 5))
        curve.macro_f1.append(round(found.macro_f1 or 0.0, 5))
    there, asked = targets[learn].sum(axis=0), targets[labelled].sum(axis=0)
    curve.found.extend(np.round(np.asarray(asked / np.maximum(there, 1), np.float64), 4).tolist())
    return curve
