"""Replay the loop on labelled data: how many labels does each strategy need?"""

from __future__ import annotations

import os
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sampling import datasets, results, trials
from sampling.core.comparison import Run
from sampling.core.crowd import MISTAKES
from sampling.core.featurizers import FEATURIZERS
from sampling.core.learners import LEARNERS
from sampling.core.simulation import Plan
from sampling.core.strategies import MODES, STRATEGIES
from sampling.meter import Meter

# What a shell expects of a program that Ctrl-C ended.
STOPPED = 130


class Command(BaseCommand):
    help = (
        "Replay the loop with known labels as the annotator, and compare strategies. No database is touched;"
        " features are kept under DATA_DIR/cache, so that the next call begins at once."
    )
    # It asks nothing of the site: no database, no addresses.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        _about_data(parser)
        _about_loop(parser)
        _about_people(parser)
        _about_results(parser)

    def handle(self, **options: Any) -> None:
        try:
            _check(options)
            with tempfile.TemporaryDirectory() as folder:
                self._compare(options, Path(folder))
        except ValueError as error:
            raise CommandError(f"{error}.", returncode=2) from error

    def _compare(self, options: dict[str, Any], folder: Path) -> None:
        sets = datasets.told_apart([datasets.Set.of(path, options) for path in options["data"]])
        # What cannot be done is said before features are computed.
        for one in sets:
            one.plan(options)
        book = trials.Book(options["json"], datasets.facts(options, sets))
        if options["resume"]:
            book.resume()
        cases = [case for one in sets for case in one.cases(options, folder, self._say)]
        wanted = trials.tasks(cases, datasets.names(options["learners"]), options["seeds"])
        self._run(book, wanted, options["jobs"] or _cores())
        book.sort(wanted)
        labels = {one.name: one.known.labels for one in sets}
        book.save(**results.report(book.runs, labels, options["judge"]))
        if options["plot"]:
            options["plot"].write_text(results.plot(book.runs), encoding="utf-8")
            self._say(f"Plot: {options['plot']}")
        self.stdout.write(results.text(book.runs, labels, options))

    def _run(self, book: trials.Book, wanted: Sequence[trials.Task], jobs: int) -> None:
        missing = book.missing(wanted)
        there = len(wanted) - len(missing)
        if there:
            self._say(f"{there} of {len(wanted)} runs are there already.")
        meter = Meter(self._raw, len(wanted), there, live=self.stderr.isatty())
        try:
            for run in trials.computed(missing, jobs):
                book.add(run)
                meter.step(_words(run))
        except KeyboardInterrupt:
            kept = f"{len(book.runs)} runs are kept; go on with --resume" if book.path else "no run was kept"
            raise CommandError(f"Stopped: {kept}.", returncode=STOPPED) from None
        finally:
            meter.end()

    def _say(self, words: str) -> None:
        self.stderr.write(words, style_func=str)

    def _raw(self, words: str) -> None:
        self.stderr.write(words, style_func=str, ending="")
        self.stderr.flush()


def _about_data(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("--data", type=Path, required=True, nargs="+", metavar="FILE",
        help="contents and labels: .jsonl or .csv (also .gz) with texts, .csv with names of picture files,"
        " .npz with images and labels; several files are several data sets")  # fmt: skip
    add("--images", type=Path, metavar="FOLDER", help="where the files of a .csv are, if not beside it")
    add("--text-column", default="text", metavar="NAME")
    add("--label-column", default="label", metavar="NAME", help="lists in it make it multi-label")
    add("--label-separator", default="", metavar="SIGN", help="parts several labels in one cell")
    add("--limit", type=int, metavar="ITEMS", help="draw at most so many items at random")
    add("--only-labels", default="", metavar="A,B", help="leave out items of other labels")
    add("--rare", action="append", default=[], metavar="LABEL:SHARE", help="thin a label out to this share")
    add("--imbalance", type=float, default=1.0, metavar="TIMES", help="thin labels out until the commonest"
        " is so many times as common as the rarest")  # fmt: skip
    add("--featurizers", default="", metavar="NAMES",
        help=f"any of {', '.join(FEATURIZERS)}; otherwise the default for texts or pictures")  # fmt: skip


def _about_loop(parser: ArgumentParser) -> None:
    add, plan = parser.add_argument_group("loop").add_argument, Plan()
    add("--strategies", default=",".join(plan.strategies), metavar="NAMES",
        help=f"any of {', '.join(STRATEGIES)}; NAME/MODE for another way to make batches,"
        " NAME+STREAM:SHARE for streams beside it, as default+random:0.15")  # fmt: skip
    add("--mode", default="", choices=["", *MODES], help="how batches are made of every score")
    add("--learners", default=plan.settings.learner, metavar="NAMES", help=f"any of {', '.join(LEARNERS)}")
    add("--committee", type=int, default=plan.settings.committee_size, metavar="MODELS",
        help="members, for strategies that ask one")  # fmt: skip
    add(
        "--class-weights", default="", choices=["", "balanced"], help="let rare labels weigh more in training"
    )
    add("--quota", action="append", default=[], metavar="LABEL:LEAST[-MOST]",
        help="share of each batch that the model takes for this label")  # fmt: skip
    add("--seek", action="append", default=[], metavar="LABEL", help="label that rare streams look for")
    add("--initial", type=int, default=plan.initial, help="labels before the first model")
    add("--batch", type=int, default=plan.batch, help="labels between two rounds")
    add("--budget", type=int, default=plan.budget, help="labels at the end")
    add("--seeds", type=int, default=5, help="runs of each strategy")
    add("--test", type=float, default=plan.test, help="share of the items that is tested on")


def _about_people(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("annotators").add_argument
    add("--noise", type=float, default=0.0, metavar="SHARE", help="answers that are wrong")
    add("--mistakes", default="uniform", choices=MISTAKES, help="for any other label, or rather one alike")
    add("--overlap", type=int, default=1, metavar="PEOPLE", help="answers an item; the majority counts")


def _about_results(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("results").add_argument
    add("--json", type=Path, metavar="OUT", help="write all curves and figures there, run by run")
    add(
        "--resume", action="store_true", help="keep the runs that are in the --json file, and make the others"
    )
    add("--plot", type=Path, metavar="OUT.svg", help="draw the curves")
    add("--judge", metavar="STRATEGY", help="say on each set whether this one is at least the best other one"
        " minus one standard error")  # fmt: skip
    add("--jobs", type=int, default=0, help="runs side by side; otherwise one a core")


def _check(options: dict[str, Any]) -> None:
    """Refuse nonsense now rather than after an hour of work."""
    if options["seeds"] < 1 or options["jobs"] < 0:
        raise ValueError("seeds must be at least 1, and jobs not negative")
    if options["limit"] is not None and options["limit"] < 4:
        raise ValueError("limit must be at least 4")
    for name in ("json", "plot"):
        if options[name] and not options[name].parent.is_dir():
            raise ValueError(f"{options[name].parent} is not a folder to write to")
    if options["plot"] and options["plot"].suffix.lower() != ".svg":
        raise ValueError(f"plot is {options['plot']}, but plots are SVG; give a name that ends in .svg")
    if options["resume"] and not options["json"]:
        raise ValueError("resume needs --json: the file that has the finished runs")
    if options["images"] and len(options["data"]) > 1:
        raise ValueError("images is for one --data file; of several, each finds its pictures beside it")
    for name in datasets.names(options["featurizers"]):
        datasets.kind_of(name)
    plan = datasets.plan_of(options)
    if options["judge"] and options["judge"] not in plan.strategies:
        raise ValueError(f"judge is {options['judge']!r}, but strategies are: {', '.join(plan.strategies)}")
    datasets.scarcity_of(options)


def _words(run: Run) -> str:
    reached = f"{run.accuracy[-1]:.3f} with {run.labels[-1]} labels"
    return f"{run.data} · {run.strategy}, {run.learner}, seed {run.seed}: {reached}"


def _cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
