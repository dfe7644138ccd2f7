"""Simulations over files: runs side by side on all cores, and the file where finished ones are kept."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from sampling.core import simulation
from sampling.core.comparison import Run
from sampling.core.simulation import Plan


@dataclass(frozen=True)
class Case:
    """One data set under one featurizer: two arrays in files, and what is simulated on them."""

    data: str
    featurizer: str
    x: Path
    targets: Path
    plan: Plan


class Task(NamedTuple):
    """One run to make."""

    case: Case
    learner: str
    strategy: str
    seed: int

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        return self.case.data, self.case.featurizer, self.learner, self.strategy, self.seed


def tasks(cases: Sequence[Case], learners: Sequence[str], seeds: int) -> list[Task]:
    """All runs, seed by seed: whenever one stops, all strategies have about as many."""
    return [
        Task(case, learner, strategy, seed)
        for seed in range(seeds)
        for case in cases
        for learner in learners
        for strategy in case.plan.strategies
    ]


def computed(wanted: Sequence[Task], jobs: int) -> Iterator[Run]:
    """Runs as they finish. Whoever stops asking stops the work."""
    jobs = min(jobs, len(wanted))
    if jobs <= 1:
        yield from map(one, wanted)
        return
    before = set(active_children())
    # Fresh processes: a fork would copy the threads of the featurizers half.
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_deaf)
    try:
        for future in as_completed([pool.submit(one, task) for task in wanted]):
            yield future.result()
    except BrokenProcessPool as error:
        raise ValueError("a process was ended from outside; with less memory, take fewer --jobs") from error
    except BaseException:
        for process in set(active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def one(task: Task) -> Run:
    """Make one run, on one thread."""
    case = task.case
    x, targets = np.asarray(np.load(case.x, mmap_mode="r")), np.load(case.targets)
    plan = replace(case.plan, settings=replace(case.plan.settings, learner=task.learner))
    with threadpool_limits(1):
        made = simulation.run(x, targets, plan, task.strategy, task.seed)
    return replace(made, data=case.data, featurizer=case.featurizer, learner=task.learner)


def _deaf() -> None:
    """Ctrl-C is for the process that shares the work out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Book:
    """Finished runs, and the file that they are kept in, if any."""

    def __init__(self, path: Path | None, facts: Mapping[str, Any]) -> None:
        self.path, self._facts = path, dict(facts)
        self.runs: list[Run] = []

    def resume(self) -> None:
        """Take over the runs of the file. Raises ValueError where it is about something else."""
        if self.path is None or not self.path.exists():
            return
        try:
            kept = json.loads(self.path.read_text())
            runs = [Run(**run) for run in kept["runs"]]
            plan, sets = kept["plan"], kept["sets"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"{self.path} does not hold runs of this version; leave out --resume") from error
        ours = json.loads(json.dumps(self._facts))
        for name in plan:
            if plan[name] != ours["plan"].get(name):
                raise ValueError(
                    f"{self.path} was made with {name} {plan[name]}, not {ours['plan'].get(name)};"
                    " give the same, another file, or no --resume"
                )
        for name in sets.keys() & ours["sets"].keys():
            if sets[name]["digest"] != ours["sets"][name]["digest"]:
                raise ValueError(f"{self.path} was made with other items of {name}; leave out --resume")
        self._facts["sets"] = {**sets, **self._facts["sets"]}
        self.runs = runs

    def missing(self, wanted: Sequence[Task]) -> list[Task]:
        """What is not there yet."""
        there = {_key(run) for run in self.runs}
        return [task for task in wanted if task.key not in there]

    def add(self, run: Run) -> None:
        """Keep one more run, at once."""
        self.runs.append(run)
        self.save()

    def save(self, **more: Any) -> None:
        """Write everything anew: whoever reads finds the old file or the new one."""
        if self.path is None:
            return
        found = {**self._facts, **more, "runs": [asdict(run) for run in self.runs]}
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        part.write_text(json.dumps(found) + "\n")
        part.replace(self.path)

    def sort(self, wanted: Sequence[Task]) -> None:
        """Put the runs in the order in which they were asked for, whatever finished first; others last."""
        places = {task.key: place for place, task in enumerate(wanted)}
        last = len(wanted)
        self.runs.sort(key=lambda run: places.get(_key(run), last))


def _key(run: Run) -> tuple[str, str, str, str, int]:
    return run.data, run.featurizer, run.learner, run.strategy, run.seed
