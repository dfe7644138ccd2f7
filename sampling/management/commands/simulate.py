"""Replay the loop on labelled data: how many labels does each strategy need?"""

from __future__ import annotations

import json
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from threadpoolctl import threadpool_limits

from sampling.core import known, simulation
from sampling.core.arrays import FloatArray, IntArray
from sampling.core.featurizers import FEATURIZERS, default_for
from sampling.core.simulation import Plan, Run
from sampling.core.strategies import STRATEGIES


class Command(BaseCommand):
    help = "Replay the loop with known labels as the annotator, and compare strategies."
    # It asks nothing of the site: no database, no addresses.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add, plan = parser.add_argument, Plan()
        add(
            "--data",
            type=Path,
            required=True,
            metavar="FILE",
            help=".jsonl, .jsonl.gz or .csv; with --images: .csv",
        )
        add(
            "--images",
            type=Path,
            metavar="FOLDER",
            help="pictures; --data then has the columns file and label",
        )
        add("--text-column", default="text", metavar="NAME")
        add("--label-column", default="label", metavar="NAME")
        add("--strategies", default=",".join(plan.strategies), help=f"any of {', '.join(STRATEGIES)}")
        add("--featurizer", choices=sorted(FEATURIZERS), help="otherwise the default for texts or pictures")
        add("--initial", type=int, default=plan.initial, help="labels before the first model")
        add("--batch", type=int, default=plan.batch, help="labels between two rounds")
        add("--budget", type=int, default=plan.budget, help="labels at the end")
        add("--seeds", type=int, default=5, help="runs of each strategy")
        add("--test", type=float, default=plan.test, help="share of the items that is tested on")
        add("--limit", type=int, metavar="ITEMS", help="draw at most so many items at random")
        add("--jobs", type=int, default=1, help="runs side by side")
        add("--json", type=Path, metavar="OUT", help="write all curves there")

    def handle(self, **options: Any) -> None:
        try:
            plan = _plan(options)
            data = self._read(options)
            x = self._features(data, options)
            runs = list(self._runs(x, data.positions, plan, options))
        except ValueError as error:
            raise CommandError(f"{error}.", returncode=2) from error
        found = simulation.report(runs)
        if options["json"]:
            options["json"].write_text(json.dumps(found, indent=1) + "\n")
        self._table(found["summary"], plan)

    def _read(self, options: dict[str, Any]) -> known.Known:
        if options["images"]:
            data = known.pictures(options["images"], options["data"])
        else:
            data = known.texts(options["data"], options["text_column"], options["label_column"])
        if data.skipped:
            self.stderr.write(f"{data.skipped} rows without a label are left out.")
        limit = options["limit"]
        if limit and limit < len(data.contents):
            data = data.only(np.sort(np.random.default_rng(0).permutation(len(data.contents))[:limit]))
        return data

    def _features(self, data: known.Known, options: dict[str, Any]) -> FloatArray:
        media = "image" if options["images"] else "text"
        name = options["featurizer"] or default_for(media)
        if FEATURIZERS[name].media != media:
            raise ValueError(f"{name} is not for {media}s")
        self.stderr.write(
            f"{len(data.contents)} items, {len(data.labels)} labels; computing features ({name})."
        )
        featurizer = FEATURIZERS[name]().fit(data.contents, np.random.default_rng(0))
        return featurizer.transform(data.contents)

    def _runs(self, x: FloatArray, positions: IntArray, plan: Plan, options: dict[str, Any]) -> Iterator[Run]:
        """One run a strategy and seed, in this order whatever finishes first."""
        tasks = [(strategy, seed) for seed in range(options["seeds"]) for strategy in plan.strategies]
        with tempfile.TemporaryDirectory() as folder:
            np.savez(Path(folder, "data.npz"), x=x, positions=positions)
            done: dict[tuple[str, int], Run] = {}
            for one in _computed(Path(folder, "data.npz"), plan, tasks, options["jobs"]):
                done[one.strategy, one.seed] = one
                reached = f"{one.accuracy[-1]:.3f} with {one.labels[-1]} labels"
                self.stderr.write(f"{len(done)} of {len(tasks)}: {one.strategy}, seed {one.seed}: {reached}")
        return (
            done[task] for task in sorted(tasks, key=lambda task: (plan.strategies.index(task[0]), task[1]))
        )

    def _table(self, summary: dict[str, dict[str, float | None]], plan: Plan) -> None:
        self.stdout.write(
            f"{'strategy':<18}{'mean accuracy':>15}{f'labels for random at {plan.budget}':>28}{'ratio':>8}"
        )
        for name, row in summary.items():
            needed = "not reached" if row["ratio"] is None else f"{row['labels_for_random_at_budget']:.0f}"
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
            self.stdout.write(f"{name:<18}{row['area']:>15.3f}{needed:>28}{ratio:>8}")


def _plan(options: dict[str, Any]) -> Plan:
    if options["seeds"] < 1 or options["jobs"] < 1:
        raise ValueError("seeds and jobs must be at least 1")
    if options["limit"] is not None and options["limit"] < 4:
        raise ValueError("limit must be at least 4")
    # Better now than after an hour of work.
    if options["json"] and not options["json"].parent.is_dir():
        raise ValueError(f"{options['json'].parent} is not a folder to write to")
    names = [name.strip() for name in options["strategies"].split(",") if name.strip()]
    return Plan(
        tuple(dict.fromkeys(names)), options["initial"], options["batch"], options["budget"], options["test"]
    )


def _computed(path: Path, plan: Plan, tasks: list[tuple[str, int]], jobs: int) -> Iterator[Run]:
    if jobs == 1:
        yield from (_run(path, plan, *task) for task in tasks)
        return
    # Fresh processes: a fork would copy the threads of the featurizers half.
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(_run, path, plan, *task) for task in tasks]):
            yield future.result()


def _run(path: Path, plan: Plan, strategy: str, seed: int) -> Run:
    with np.load(path) as data, threadpool_limits(1):
        return simulation.run(data["x"], data["positions"], plan, strategy, seed)
