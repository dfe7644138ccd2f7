"""Take a project's log of events out, or check that it alone rebuilds what every item's label rests on."""

from __future__ import annotations

from argparse import ArgumentParser
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from projects import history, replaying
from projects.files.writing import jsonl
from projects.models import Project

SHOWN = 50


class Command(BaseCommand):
    help = "Check a project's log of events against its items (ends with 1 where they differ), or export it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="number or name of the project")
        parser.add_argument("--check", action="store_true", help="rebuild every item from the log")
        parser.add_argument("--export", type=Path, metavar="FILE", help="write all events as JSON lines")

    def handle(self, **options: Any) -> None:
        project = _project(options["project"])
        out: Path | None = options["export"]
        if not (options["check"] or out):
            raise CommandError("Say what to do: --check, --export FILE, or both.")
        if out:
            self._export(project, out)
        if options["check"]:
            self._check(project)

    def _export(self, project: Project, out: Path) -> None:
        if not out.parent.is_dir():
            raise CommandError(f"There is no folder {out.parent}.")
        lines = 0
        with out.open("wb") as file:
            for piece in jsonl(history.rows(project.events.all())):
                file.write(piece)
                lines += piece.count(b"\n")
        self.stdout.write(f"{lines:,} events written to {out}.")

    def _check(self, project: Project) -> None:
        found = replaying.differences(project)
        shown = list(islice(found, SHOWN))
        for one in shown:
            where = f"event {one.event_id} begins with" if one.event_id else "the item rests on"
            self.stdout.write(f"Item {one.number}: the log says {one.logged}, {where} {one.found}.")
        if shown:
            rest = sum(1 for _one in found)
            more = f", {rest:,} more" if rest else ""
            raise CommandError(f"The log and the items differ: {len(shown)} shown{more}.", returncode=1)
        self.stdout.write(f"The log alone rebuilds all {project.items.count():,} items of {project.name}.")


def _project(named: str) -> Project:
    """Return the project that is meant; CommandError where there is none, or more than one."""
    found = Project.objects.filter(pk=int(named)) if named.isdecimal() else Project.objects.filter(name=named)
    if len(mine := list(found[:2])) != 1:
        what = "no project" if not mine else "more than one project"
        raise CommandError(f"There is {what} called {named}.")
    return mine[0]
