"""A round of a large project, from the last label of a batch to the published queue, on both databases.

    python benchmarks/rounds.py --n 100000 --json OUT

Everything is real: items, features in shards of files, answers, a Celery worker of two processes on a folder
or on Redis. Features are drawn, not computed, for they are there already when a round begins. ``wall_s`` runs
from the moment when the last answer is handed in to the moment when the new queue is visible to everybody;
``cpu_s`` is what the worker's processes spent in that time. ``waited_ms`` is the longest that an annotator,
who goes on labelling all the while, waited for an answer to be stored and the next item to come. ``peak_mb``
is the most memory of its own that a process of the worker ever held (files that are mapped do not count).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

LABELS = 20
SHARD_ROWS = 2_048
HOLDOUT = 500


def make_project(n: int, columns: int, labelled: int, batch: int, kinds: int = LABELS) -> Any:
    """A project of n items, their features, a settled hold-out and so many settled labels."""
    from django.db import connection, transaction
    from django.utils import timezone

    from projects.files import publishing
    from projects.models import Label, Policy, Project

    project = Project.objects.create(name="Benchmark", state="active", seed=7)
    Policy.objects.create(project=project, version=1, batch_size=batch)
    labels = [
        Label.objects.create(
            project=project, position=at, order=at, name=f"label {at}", key=str(at + 1) if at < 9 else ""
        )
        for at in range(kinds)
    ]
    at = connection.ops.adapt_datetimefield_value(timezone.now())

    def rows() -> Iterator[tuple[Any, ...]]:
        for number in range(1, n + 1):
            holdout, shuffle = number % 20 == 0, number * 7919 % 1_000_003
            known = number <= labelled or (holdout and number <= HOLDOUT * 20)
            given = json.dumps([labels[number % kinds].pk])
            state = (None, "settled", given, "seed", at) if known else (None, "open", None, "", None)
            text = f"Item {number} of kind {number % kinds}"
            item = (f"key {number}", "", text, "", None, None, "{}", shuffle, holdout, number % 10 == 5)
            yield (*item, project.pk, "", number, *state, None, "")

    with transaction.atomic():
        publishing._insert(rows())
    Project.objects.filter(pk=project.pk).update(item_count=n)
    make_features(project, n, columns, kinds)
    return project


def make_features(project: Any, n: int, columns: int, kinds: int) -> None:
    """Draw a row of length 1 for each item, near the centre of its label, and store them in shards."""
    import numpy as np

    from sampling import shards
    from sampling.core.featurizers import default_for
    from sampling.models import FeatureSet, FeatureShard

    feature_set = FeatureSet.objects.create(
        project=project, generation=1, featurizer=default_for("text"), state="ready", fitted_items=n
    )
    ids = np.array(project.items.order_by("number").values_list("pk", flat=True), np.int64)
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(kinds, columns)).astype(np.float32)
    made = []
    for start in range(0, n, SHARD_ROWS):
        items = ids[start : start + SHARD_ROWS]
        kind = (np.arange(start, start + len(items)) + 1) % kinds
        x = centres[kind] + 4 * rng.normal(size=(len(items), columns)).astype(np.float32)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        path = shards.save(f"features/{project.pk}/1/{start + 1}.npz", {"items": items, "x": x})
        last = start + len(items)
        made.append(
            FeatureShard(feature_set=feature_set, first=start + 1, last=last, path=path, rows=len(items))
        )
    FeatureShard.objects.bulk_create(made)


@contextmanager
def worker() -> Iterator[Processes]:
    """A Celery worker of two processes with its clock."""
    from annotator.management.commands import serve

    found = serve.worker(2)
    environment = {**os.environ, **(found.environment or {})}
    process = subprocess.Popen(found.command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        with Processes(process.pid) as watched:
            yield watched
    finally:
        process.terminate()
        process.wait(60)


class Processes:
    """A process and its children: what they spend, and the most memory of its own that one of them held."""

    def __init__(self, pid: int) -> None:
        import psutil

        self._root, self.peak_mb, self._stop = psutil.Process(pid), 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def cpu_s(self) -> float:
        return sum(sum(one.cpu_times()[:2]) for one in (self._root, *self._root.children(recursive=True)))

    def _watch(self) -> None:
        import psutil

        while not self._stop.wait(0.02):
            try:
                own = [_own_mb(one.pid) for one in (self._root, *self._root.children(recursive=True))]
            except (psutil.Error, OSError):
                continue
            self.peak_mb = max(self.peak_mb, *own)


def _own_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return round(int(line.split()[1]) / 1000, 1)
    return 0.0


class Annotator:
    """Somebody who labels rightly, one item after the other."""

    def __init__(self, project: Any, name: str) -> None:
        from tests.factories import make_member

        self._person, self._labels = make_member(project, name), list(project.labels.order_by("position"))
        self.longest_ms, self._stop = 0.0, threading.Event()

    def label(self) -> None:
        """Take the next item and answer it; the longest of these is kept."""
        from projects import actions, queue
        from tests.factories import submission

        began = time.perf_counter()
        item = queue.lease(self._person, 1)[0].item
        right = self._labels[item.number % LABELS]
        (verdict,) = actions.submit(self._person, [submission(item, right)])
        assert verdict.status == "stored", verdict
        self.longest_ms = max(self.longest_ms, round(1000 * (time.perf_counter() - began), 1))

    @contextmanager
    def labelling(self) -> Iterator[None]:
        """Let them go on, an item every half second, while the block runs."""
        thread = threading.Thread(target=self._go_on)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _go_on(self) -> None:
        from django.db import connection

        while not self._stop.wait(0.5):
            self.label()
        connection.close()


def finished(project: Any, number: int) -> Any:
    """Wait for a round to be published."""
    for _ in range(30_000):
        if found := project.rounds.filter(number=number, state="done").first():
            return found
        if failed := project.rounds.filter(state="failed").first():
            raise SystemExit(failed.error)
        time.sleep(0.02)
    raise SystemExit("the round did not end within ten minutes")


def facts(round_: Any) -> dict[str, Any]:
    """What a round knew and made, so that nobody takes an empty one for a fast one."""
    live = round_.project.queue.filter(state="live", round_number=round_.number)
    return {
        "labelled": round_.labelled,
        "picked": round_.picked,
        "entries": live.count(),
        "strategy": round_.metrics["strategy"],
    }


def measure(n: int, columns: int, labelled: int, batch: int) -> dict[str, Any]:
    """Run a first round, label a batch, and measure the next one."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    project = make_project(n, columns, labelled, batch)
    made_s = round(time.perf_counter() - began, 1)
    hand, other = Annotator(project, "First"), Annotator(project, "Second")
    with worker() as processes:
        first = finished(project, 1)
        for _ in range(batch - 1):
            hand.label()
        cpu = processes.cpu_s()
        hand.longest_ms = 0.0
        began = time.perf_counter()
        hand.label()
        with other.labelling():
            second = finished(project, 2)
            wall = time.perf_counter() - began
        spent = processes.cpu_s() - cpu
        peak = processes.peak_mb
    return {
        "database": connection.vendor,
        "n": n,
        "d": columns,
        **facts(second),
        "wall_s": round(wall, 2),
        "cpu_s": round(spent, 2),
        "waited_ms": other.longest_ms,
        "peak_mb": peak,
        "seconds": second.metrics["seconds"],
        "seconds_of_the_first": first.metrics["seconds"],
        "prepared_in_s": made_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=100_000, help="items (default: %(default)s)")
    parser.add_argument("--d", type=int, default=384, help="numbers a row (default: %(default)s)")
    parser.add_argument("--labelled", type=int, default=500, help="settled items at the start")
    parser.add_argument("--batch", type=int, default=50, help="items that a round picks")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.n, given.d, given.labelled, given.batch)))
        return
    from benchmarks import databases
    from tests import services

    arguments = [f"--{name}={getattr(given, name)}" for name in ("n", "d", "labelled", "batch")]
    found: dict[str, Any] = {"cores": os.cpu_count()}
    if given.database != "postgresql":
        found["sqlite"] = databases.measured(__file__, arguments, "")
    if given.database != "sqlite":
        with services.running() as addresses:
            found["postgresql"] = databases.measured(
                __file__,
                arguments,
                databases.created(addresses.database_url, "rounds"),
                addresses.redis_url,
            )
    text = json.dumps(found, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
