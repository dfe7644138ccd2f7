"""manage.py demo: a live demonstration in one foreground command."""

from __future__ import annotations

import fcntl
import json
import shutil
import socket
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.urls import reverse

from annotator import accounts, demonstration
from annotator.management.commands import serve
from annotator.models import User
from annotator.processes import run

# Written when the demonstration is complete: what it made.
MARK = "demonstration.json"
HOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Run a live demonstration until Ctrl-C: made at the first start, reused at the next."
    requires_system_checks = []  # they load every page, and with them scikit-learn: seconds of a start

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--reset", action="store_true", help="Throw the demonstration away and begin again."
        )
        parser.add_argument("--port", type=int, help="Port to listen on: the first free one from 8000.")
        parser.add_argument("--prepare", action="store_true", help="Only make the data; start nothing.")

    def handle(self, *_args: Any, **options: Any) -> None:
        folder = Path(settings.DATA_DIR)
        with _alone_in(folder):
            mark = folder / MARK
            if options["reset"] or not mark.exists():
                _refuse_real_data(folder, mark)
                self._make(folder, mark)
            else:
                call_command("migrate", interactive=False, verbosity=0)
            serve.collect_static()
            if not options["prepare"]:
                self._run(options["port"] or _free_port(), json.loads(mark.read_text()))

    def _make(self, folder: Path, mark: Path) -> None:
        """Empty the folder and fill it; only a complete demonstration is marked."""
        started = time.monotonic()
        _empty(folder)
        self._say("Making the demonstration …")
        call_command("migrate", interactive=False, verbosity=0)
        crew = demonstration.make_people()
        made = {}
        for name in demonstration.PROJECTS:
            project = demonstration.make_project(name, crew)
            made[name] = project.pk
            self._say(f"  {project.name}: {project.item_count:,} items")
        mark.write_text(json.dumps(made))
        self._say(f"  done in {time.monotonic() - started:.0f} s")

    def _run(self, port: int, made: dict[str, int]) -> None:
        connection.close()
        address = f"http://{HOST}:{port}"

        def ready() -> bool:
            try:
                socket.create_connection((HOST, port), timeout=0.2).close()
            except OSError:
                return False
            self._welcome(address, made)
            return True

        run([serve.web(HOST, port), serve.worker(2)], ready)

    def _welcome(self, address: str, made: dict[str, int]) -> None:
        lines = [
            "",
            f"The demonstration runs at {address}",
            "Four people work in it. Each link signs one of them in, in one browser, once:",
            "",
        ]
        for key, (what_for, name, page) in demonstration.TOURS.items():
            person, role = demonstration.PEOPLE[key]
            link = accounts.make_sign_in_link(User.objects.get(email=demonstration.address(key)))
            lines.append(f"  {person}, {role.label.lower()}: {what_for}")
            lines.append(f"    {address}{link}?next={reverse(page, args=[made[name]])}")
        lines += [
            "",
            "Use a private window to be two people at once. The next start prints new links.",
            "Ctrl-C ends everything, make demo goes on, make demo-reset begins again.",
            "",
        ]
        self._say("\n".join(lines))
        connection.close()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone; the lock goes with the process."""
    with (folder / "demonstration.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CommandError(
                "The demonstration is running already, in another terminal. Use that, or end it with Ctrl-C."
            ) from error
        yield


def _refuse_real_data(folder: Path, mark: Path) -> None:
    """Never empty a folder, or fill a database, in which people may have worked."""
    if connection.vendor != "sqlite":
        raise CommandError(
            "The demonstration keeps to SQLite. Run it without DATABASE_URL, as make demo does."
        )
    database = folder / "annotator.sqlite3"
    if mark.exists() or (folder / f"{MARK}.begun").exists() or not database.exists():
        (folder / f"{MARK}.begun").touch()
        return
    raise CommandError(f"{folder} holds data that is no demonstration. Name another folder with DATA_DIR.")


def _empty(folder: Path) -> None:
    connection.close()
    (folder / MARK).unlink(missing_ok=True)
    for path in folder.glob("annotator.sqlite3*"):
        path.unlink()
    for name in ("files", "broker", "uploads"):
        for path in (folder / name).rglob("*"):
            if path.is_file():
                path.unlink()
    shutil.rmtree(folder / "files", ignore_errors=True)


def _free_port() -> int:
    for port in range(8000, 8100):
        try:
            serve.refuse_a_taken_port(HOST, port)
        except CommandError:
            continue
        return port
    raise CommandError("All ports from 8000 to 8099 are taken. Name a free one with --port.")
