"""Import items from a file, by the same code as the web form."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

from django.core.files.base import File
from django.core.management.base import BaseCommand, CommandError

from projects import files
from projects.errors import Refused
from projects.files.columns import KNOWN
from projects.models import Project, Upload

SHOWN = 50


class Command(BaseCommand):
    help = "Import CSV, JSON lines or a zip of pictures into a project: all rows, or none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="number or name of the project")
        parser.add_argument("file", type=Path)
        parser.add_argument("--text", metavar="COLUMN", help="the column with the texts")
        parser.add_argument(
            "--id", metavar="COLUMN", help="the column with ids: the same id never comes in twice"
        )
        parser.add_argument("--label", metavar="COLUMN", help="the column with known labels")
        parser.add_argument("--known", choices=KNOWN[1:], help="what known labels are for")
        parser.add_argument("--separator", metavar="MARK", help="between several labels of one item")
        parser.add_argument(
            "--new-labels", action="store_true", help="create labels that the project does not have"
        )
        parser.add_argument(
            "--keep", nargs="*", metavar="COLUMN", help="columns kept as metadata (else: all others)"
        )
        parser.add_argument("--encoding", choices=[name for name, _words in files.ENCODINGS])
        parser.add_argument("--delimiter", choices=list(files.DELIMITERS))
        parser.add_argument(
            "--good-rows", action="store_true", help="import the good rows and leave the bad ones"
        )
        parser.add_argument("--check", action="store_true", help="only say what would be imported")

    def handle(self, **options: Any) -> None:
        upload = self._received(options)
        if upload.state == Upload.State.CHECKED:
            self._say_checked(upload)
            if options["check"]:
                upload.file.delete(save=False)
                upload.delete()
                return
            upload.good_rows_only = options["good_rows"]
            upload.save(update_fields=["good_rows_only"])
            upload = files.import_upload(upload)
        if upload.state != Upload.State.DONE:
            raise CommandError(f"Refused. {upload.message}", returncode=1)
        self.stdout.write(self.style.SUCCESS(f"Imported {upload.report['good']:,} items."))

    def _received(self, options: dict[str, Any]) -> Upload:
        """Keep the file and check it under the columns that were named; the rest is guessed."""
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            with path.open("rb") as opened:
                file = File(opened, name=path.name)
                upload = files.receive(_project(options["project"]), file, None, here=True)
            upload = _awaited(upload)
            wanted = _wanted(options)
            if wanted and upload.columns:
                columns = replace(files.Columns.from_json(upload.columns), **wanted)
                upload = _awaited(files.choose(upload, columns, here=True))
        except Refused as refused:
            raise CommandError(str(refused)) from None
        return upload

    def _say_checked(self, upload: Upload) -> None:
        report, columns = upload.report, files.Columns.from_json(upload.columns)
        names = {
            "text": columns.content,
            "id": columns.id,
            "label": columns.label,
            "kept": ", ".join(columns.keep),
        }
        self.stdout.write("; ".join(f"{what}: {name}" for what, name in names.items() if name))
        counts = {
            "rows": "rows",
            "good": "new",
            "bad": "bad",
            "known": "already there",
            "repeated": "repeated",
        }
        self.stdout.write(", ".join(f"{report[key]:,} {words}" for key, words in counts.items()))
        for note in report["notes"]:
            self.stdout.write(note)
        for problem in upload.problems[:SHOWN]:
            line = "row {row}: {column} “{value}”: {reason} {remedy}".format(**problem)
            self.stdout.write(self.style.WARNING(line))
        if report["bad"] > SHOWN:
            self.stdout.write(f"and {report['bad'] - SHOWN:,} more bad rows")


def _awaited(upload: Upload) -> Upload:
    """Return the upload when its check is done, should a worker have been quicker to take it."""
    while upload.state in {Upload.State.WAITING, Upload.State.CHECKING}:
        sleep(0.2)
        upload.refresh_from_db()
    return upload


def _project(wanted: str) -> Project:
    """Return the project of this number, or the only one of this name."""
    found = Project.objects.filter(name=wanted)
    if wanted.isdecimal():
        found = Project.objects.filter(pk=int(wanted))
    if found.count() != 1:
        raise CommandError(f"There is {'more than one' if found.count() else 'no'} project “{wanted}”.")
    return found.get()


def _wanted(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that differ from a guess, under the names of ``Columns``."""
    names = ("id", "label", "known", "separator", "encoding", "delimiter")
    wanted = {name: options[name] for name in names if options[name] is not None}
    if options["text"] is not None:
        wanted["content"] = options["text"]
    if options["keep"] is not None:
        wanted["keep"] = tuple(options["keep"])
    return wanted | ({"new_labels": True} if options["new_labels"] else {})
