"""Measure the labelling cycle under load: submit one answer, receive the next item, over real HTTP.

    python benchmarks/load.py --annotators 16 --items 10000 --seconds 20 --json OUT

Starts PostgreSQL and Redis from their wheels (or takes DATABASE_URL and REDIS_URL, whose database it fills),
the product's own server, and people who send the very requests that the labelling page sends.
``--sqlite`` runs on SQLite instead, ``--pause`` is the time that a person thinks (seconds),
``--worker`` lets the loop retrain meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psutil

if TYPE_CHECKING:
    from projects.models import Project

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
REFERENCES = 500


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--annotators", type=int, default=16)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pause", type=float, default=0.2)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--worker", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with environment(options.sqlite) as folder:
        project_id, people = prepare(options)
        with server(folder, options.worker) as (port, process):
            result = measure(options, port, process, project_id, people)
        result |= check(project_id, result.pop("_players"))
    text = json.dumps(result, indent=2)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)


@contextlib.contextmanager
def environment(sqlite: bool) -> Iterator[str]:
    """Give the server a database, a Redis and a data folder that end with the run."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="annotator-load-"))
        os.environ["DATA_DIR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "annotator.settings"
        if sqlite:
            os.environ["DATABASE_URL"] = os.environ["REDIS_URL"] = ""
        elif not os.environ.get("DATABASE_URL"):
            from tests.services import running

            os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = stack.enter_context(running())
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        if connection.vendor == "postgresql":
            create_database()
            durable(connection)
        call_command("migrate", verbosity=0)
        yield folder
        connection.close()


def create_database() -> None:
    """Make the database that DATABASE_URL names, where it is missing."""
    import psycopg
    from django.conf import settings

    database = settings.DATABASES["default"]
    place = {"host": database["HOST"], "user": database["USER"], "port": database["PORT"] or None}
    with (
        psycopg.connect(dbname="postgres", autocommit=True, **place) as server_connection,
        contextlib.suppress(psycopg.errors.DuplicateDatabase),
    ):
        server_connection.execute(f'CREATE DATABASE "{database["NAME"]}"')


def durable(connection: Any) -> None:
    """Undo the tests' shortcuts: here every commit waits for the disk, as in earnest."""
    with connection.cursor() as cursor:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"ALTER SYSTEM SET {name} = on")
        cursor.execute("SELECT pg_reload_conf()")


def prepare(options: argparse.Namespace) -> tuple[int, list[str]]:
    """Fill a project as an import and a round leave it; return its id and a session for each person."""
    from django.db import connection

    from projects import queries, queue
    from projects.models import Label, Policy, Project

    project = Project.objects.create(name="Load", state="active", item_count=options.items)
    Policy.objects.create(project=project, version=1)
    Label.objects.bulk_create(
        Label(project=project, position=n, order=n, name=f"label {n}", key=str(n + 1)) for n in range(8)
    )
    fill(project.pk, options.items)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # As autovacuum does after an import of this size.
            cursor.execute("VACUUM ANALYZE projects_item")
    sessions = [signed_in(project, number) for number in range(options.annotators)]
    batch = queries.pool(project).order_by("shuffle").values_list("pk", flat=True)[:3000]
    Project.objects.filter(pk=project.pk).update(has_model=True)
    queue.publish(project, [queue.Pick(pk, "strategy", {"why": "unsure_between"}) for pk in batch], 1)
    return project.pk, sessions


def fill(project_id: int, items: int) -> None:
    """Add open items, a twentieth of them held out and a tenth to be labelled by two.

    Made inside the database, by arithmetic that spreads them. A million takes a minute.
    """
    from django.db import connection

    text = "'A message of ordinary length, number ' || n || ', that somebody sent to their bank.'"
    columns = {
        "project_id": str(project_id),
        "number": "n",
        "key": f"'{project_id}-' || n",
        "text": text,
        "metadata": "'{}'",
        "shuffle": "(n * 2654435761) % 4294967291",
        "holdout": "(n * 37) % 100 < 5",
        "agreement": "(n * 59) % 97 < 10",
        "calibration": "1 = 0",
        "state": "'open'",
        **dict.fromkeys(("estimate", "votes_from"), "0"),
        **dict.fromkeys(("external_id", "image", "thumbnail", "settled_source", "method"), "''"),
    }
    counted = "SELECT CAST(1 AS bigint) UNION ALL SELECT n + 1 FROM counted WHERE n < %s"
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE counted(n) AS ({counted})"
            f" INSERT INTO projects_item ({names})"
            f" SELECT {', '.join(columns.values()).replace('%', '%%')} FROM counted",
            [items],
        )


def signed_in(project: Project, number: int) -> str:
    """Make a person who labels; return the key of their session."""
    from tests.factories import make_member, session_of

    return session_of(make_member(project, f"Person {number}").user)


@contextlib.contextmanager
def server(folder: str, worker: bool) -> Iterator[tuple[int, psutil.Process]]:
    """Run the product's own server on a free port."""
    from tests.services import free_port

    port = free_port()
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    log = Path(folder, "server.log").open("w")  # noqa: SIM115
    process = subprocess.Popen(
        command + ([] if worker else ["--no-worker"]), cwd=ROOT, stdout=log, stderr=log
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/account/login/")
                connection.getresponse().read()
                break
            time.sleep(0.2)
        else:
            raise SystemExit(f"The server did not start:\n{Path(log.name).read_text()[-3000:]}")
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


class Player(threading.Thread):
    """A person: answers the item on the stage, keeps five ahead, thinks for a moment."""

    def __init__(
        self,
        port: int,
        project_id: int,
        session: str,
        options: argparse.Namespace,
        start_line: threading.Barrier,
    ) -> None:
        super().__init__(daemon=True)
        self.start_line = start_line
        self.port, self.project_id, self.options = port, project_id, options
        self.cookies = {"sessionid": session}
        self.times: list[float] = []
        self.served: set[int] = set()
        self.accepted: set[str] = set()
        self.errors: Counter[str] = Counter()
        self.rng = random.Random(session)

    def run(self) -> None:
        """Open the page, answer three items, and label from the moment that all are there."""
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        page = self.request("GET", f"/projects/{self.project_id}/label/")
        desk = json.loads(page.split('id="desk-data" type="application/json">')[1].split("</script>")[0])
        labels = [int(part.split('"')[0]) for part in page.split('name="label" value="')[1:]]
        hand = [item["id"] for item in desk["items"]]
        self.served.update(hand)
        for _ in range(3):
            self.cycle(hand, labels)
        self.times.clear()
        self.start_line.wait(120)
        self.start_line.wait(120)
        until = time.monotonic() + self.options.seconds
        while time.monotonic() < until:
            self.cycle(hand, labels)
            time.sleep(self.options.pause * self.rng.uniform(0.5, 1.5))

    def cycle(self, hand: list[int], labels: list[int]) -> None:
        """Submit the item on the stage and take what comes for it."""
        sent = []
        if hand:
            answer = {
                "id": str(uuid4()),
                "item": hand.pop(0),
                "kind": "answer",
                "labels": [self.rng.choice(labels)],
            }
            sent.append({**answer, "note": "", "reason": "", "active_ms": 900})
        body = json.dumps({"submissions": sent, "want": 6, "have": hand})
        start = time.perf_counter()
        try:
            answer = json.loads(self.request("POST", f"/projects/{self.project_id}/answers/", body))
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.errors[type(error).__name__] += 1
            self.connection.close()
            return
        self.times.append(time.perf_counter() - start)
        self.accepted.update(verdict["id"] for verdict in answer["verdicts"] if verdict["status"] == "stored")
        hand.extend(item["id"] for item in answer["items"])
        self.served.update(item["id"] for item in answer["items"])

    def request(self, method: str, path: str, body: str | None = None) -> str:
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if body is not None:
            headers |= {"Content-Type": "application/json", "X-CSRFToken": self.cookies["csrftoken"]}
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        text = response.read().decode()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        if response.status != 200:
            raise ValueError(f"{response.status} {text[:200]}")
        return text


def part(process: psutil.Process, name: str) -> psutil.Process | None:
    """The web server or the worker below a process, if it runs."""
    return next((c for c in process.children(recursive=True) if name in " ".join(c.cmdline())), None)


def rounds(project_id: int) -> int:
    """How many rounds are over."""
    from projects.models import Project

    return Project.objects.get(pk=project_id).rounds.filter(state="done").count()


def cpu(process: psutil.Process | None) -> float:
    """CPU seconds of a process and everything below it; 0 of none."""
    total = 0.0
    for each in [process, *process.children(recursive=True)] if process else []:
        with contextlib.suppress(psutil.Error):
            times = each.cpu_times()
            total += times.user + times.system
    return total


def database_process() -> psutil.Process | None:
    """The PostgreSQL server on this machine that the run uses."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    with contextlib.suppress(psutil.Error):
        return psutil.Process(backend).parent()
    return None


def reference(port: int, root: psutil.Process, cycle: float) -> dict[str, float]:
    """What a request costs that does nothing but ask the database one thing, and how many of them a cycle is.

    Measured right after the cycles: where the machine is slow or busy, both are.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    before = cpu(root)
    for _ in range(REFERENCES):
        connection.request("GET", "/healthz")
        connection.getresponse().read()
    each = (cpu(root) - before) / REFERENCES
    return {
        "reference_cpu_ms": round(1000 * each, 2),
        "cycle_per_reference": round(cycle / each, 2) if each else 0.0,
    }


def measure(
    options: argparse.Namespace, port: int, process: psutil.Process, project_id: int, sessions: list[str]
) -> dict[str, Any]:
    """Let everybody label for a while; return the figures and, under ``_players``, the players."""
    root = part(process, "granian") or process
    worker = part(process, "celery")
    postgres = database_process()
    start_line = threading.Barrier(len(sessions) + 1)
    players = [Player(port, project_id, session, options, start_line) for session in sessions]
    for player in players:
        player.start()
    start_line.wait(120)  # Everybody is warm, and waits.
    before, before_database, start = cpu(root), cpu(postgres), time.monotonic()
    before_worker, before_rounds = cpu(worker), rounds(project_id)
    start_line.wait(120)
    for player in players:
        player.join(options.seconds + 120)
    seconds = time.monotonic() - start
    used, worked = cpu(root) - before, cpu(worker) - before_worker
    times = sorted(t for player in players for t in player.times)
    cycles = max(1, len(times))
    return {
        "annotators": options.annotators,
        "items": options.items,
        "database": "sqlite" if options.sqlite else "postgresql",
        "cycles": len(times),
        "cycles_per_s": round(len(times) / seconds, 1),
        "p50_ms": round(1000 * times[len(times) // 2], 1) if times else None,
        "p95_ms": round(1000 * times[int(len(times) * 0.95)], 1) if times else None,
        "server_cpu_ms_per_cycle": round(1000 * used / cycles, 2),
        "database_cpu_ms_per_cycle": round(1000 * (cpu(postgres) - before_database) / cycles, 2),
        "rounds": rounds(project_id) - before_rounds,
        "worker_cores": round(worked / seconds, 2),
        **reference(port, root, used / cycles),
        "errors": dict(sum((player.errors for player in players), Counter())),
        "_players": players,
    }


def check(project_id: int, players: list[Player]) -> dict[str, int]:
    """Count items that went to more people than they have places, and accepted answers that are not there."""
    from projects.models import Annotation, QueueEntry

    places = dict(QueueEntry.objects.filter(project_id=project_id).values_list("item_id", "places"))
    served = Counter(item for player in players for item in player.served)
    stored = {
        str(pk)
        for pk in Annotation.objects.filter(project_id=project_id).values_list("submission", flat=True)
    }
    accepted = set().union(*(player.accepted for player in players))
    return {
        "double_served": sum(count > places.get(item, 1) for item, count in served.items()),
        "lost": len(accepted - stored),
    }


if __name__ == "__main__":
    main()
