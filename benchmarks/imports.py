"""Import many text rows on both databases, and say what it costs beside the least that it could cost.

    python benchmarks/imports.py --rows 100000 --json OUT

The floor is measured in the same run: parse the same CSV and insert the same columns, by ``executemany`` on
SQLite and COPY on PostgreSQL, without looking at anything. ``waited_ms`` is the longest that another
writer, who changes one row again and again, had to wait during the import.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def write_rows(path: Path, rows: int) -> None:
    """Write messages of some 120 characters with ids, labels and two further columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "source", "place"])
        for n in range(rows):
            text = (
                f'Message {n}: the "quoted" order {n * 7919 % rows} did not arrive, what now? Grüße, {n % 97}'
            )
            writer.writerow([f"doc-{n}", text + " and more" * (n % 5), f"label {n % 10}", "mail", "Köln"])


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """Run the work and return its wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall_s": round(time.perf_counter() - wall, 2), "cpu_s": round(time.process_time() - cpu, 2)}


def peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, 1)


def measure(path: Path) -> dict[str, Any]:
    """Import the file into a fresh database and return the figures."""
    import django

    django.setup()
    from django.core.files.base import File
    from django.core.management import call_command
    from django.db import connection

    from projects import files
    from projects.models import Policy, Project, Upload

    call_command("migrate", verbosity=0)
    project = Project.objects.create(name="Benchmark", state=Project.State.ACTIVE)
    Policy.objects.create(project=project, version=1)
    figures: dict[str, Any] = {"database": connection.vendor, "idle_mb": peak_mb()}
    columns = files.Columns("text", "id", "label", "seed", keep=("source", "place"), new_labels=True)
    with path.open("rb") as opened:
        upload = Upload(project=project, name=path.name, columns=columns.to_json())
        upload.file.save(path.name, File(opened))
    figures["check"] = timed(lambda: files.check(upload))
    with OtherWriter() as other:
        figures["import"] = timed(lambda: files.import_upload(upload))
    figures |= {"items": project.items.count(), "waited_ms": other.longest_ms, "peak_mb": peak_mb()}
    again = Upload.objects.create(project=project, name=path.name, columns=columns.to_json())
    with path.open("rb") as opened:
        again.file.save(path.name, File(opened))
    figures["the_same_again"] = timed(lambda: files.import_upload(files.check(again)))
    assert project.items.count() == figures["items"]
    figures["floor"] = timed(lambda: floor(path))
    cost = figures["check"]["cpu_s"] + figures["import"]["cpu_s"]
    figures["cpu_over_floor"] = round(cost / max(figures["floor"]["cpu_s"], 0.01), 2)
    return figures


def floor(path: Path) -> None:
    """Parse the file and insert the same columns into a second project, and nothing else."""
    from django.db import connection, transaction
    from django.utils import timezone

    from projects.files import publishing
    from projects.models import Project

    pk = Project.objects.create(name="Floor").pk
    at = connection.ops.adapt_datetimefield_value(timezone.now())
    settled = (None, "settled", "[1]", "seed", at, 1.0, "import")
    with path.open(newline="", encoding="utf-8") as file, transaction.atomic():
        rows = csv.reader(file)
        next(rows)
        publishing._insert(
            (key, key, text, "", None, None, "{}", n * 7919, False, False, pk, "", n, *settled)
            for n, (key, text, *_) in enumerate(rows, 1)
        )


class OtherWriter:
    """Somebody who writes a little all the time, as an annotator's page does."""

    def __init__(self) -> None:
        self.longest_ms, self._stop = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> OtherWriter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        from django.db import connection

        from projects.models import Project

        mine = Project.objects.create(name="Other")
        while not self._stop.wait(0.02):
            began = time.perf_counter()
            Project.objects.filter(pk=mine.pk).update(name=f"Other {began}")
            self.longest_ms = max(self.longest_ms, round(1000 * (time.perf_counter() - began), 1))
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    from benchmarks import databases
    from tests import services

    with tempfile.TemporaryDirectory(prefix="annotator-rows-") as folder:
        path = Path(folder) / "rows.csv"
        write_rows(path, given.rows)
        found: dict[str, Any] = {"rows": given.rows, "file_mb": round(path.stat().st_size / 1e6, 1)}
        found["sqlite"] = databases.measured(__file__, [str(path)], "")
        with services.running() as addresses:
            found["postgresql"] = databases.measured(
                __file__, [str(path)], databases.created(addresses.database_url, "imports")
            )
    text = json.dumps(found, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
