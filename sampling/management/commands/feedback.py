"""Take in what production says about items: the right label, or only that the model was wrong."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.management.base import BaseCommand, CommandError

from projects import files
from projects.errors import Refused
from projects.files.columns import Columns
from sampling import feedback, feedback_files
from sampling.feedback_files import FeedbackColumns, Found
from sampling.management.commands.predict import found as project_of

SHOWN = 50


class Command(BaseCommand):
    help = (
        "Read CSV or JSON lines with the id or the exact text of items, and the right label of each, or"
        " nothing where the model was only wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="number or name of the project")
        parser.add_argument("file", type=Path)
        for name in ("id", "text", "label", "note"):
            parser.add_argument(f"--{name}", metavar="COLUMN", default="")
        parser.add_argument("--separator", metavar="MARK", default="", help="between labels of one item")
        parser.add_argument("--encoding", choices=[name for name, _words in files.ENCODINGS], default="")
        parser.add_argument("--delimiter", choices=list(files.DELIMITERS), default="")
        parser.add_argument("--by", metavar="EMAIL", help="who gives it, for the history")
        parser.add_argument(
            "--good-rows", action="store_true", help="take the good rows and leave the bad ones"
        )
        parser.add_argument("--check", action="store_true", help="only say what is in the file")

    def handle(self, **options: Any) -> None:
        try:
            project = project_of(options["project"])
            found = self._read(project, options)
            self._say_problems(found)
            if found.problems.count and not options["good_rows"]:
                raise Refused("Nothing was taken in. Correct the rows, or give --good-rows.")
            if options["check"]:
                self.stdout.write(f"{len(found.words):,} of {found.rows:,} rows name an item.")
                return
            report = feedback.take(project, _person(options["by"]), found.words)
        except Refused as refusal:
            raise CommandError(str(refusal), returncode=1) from None
        self.stdout.write(self.style.SUCCESS(f"{report.stored:,} of {found.rows:,} rows were taken in."))
        for number, words in report.lines:
            self.stdout.write(f"  {number:,} {words}")
        if report.known:
            were = "was" if report.known == 1 else "were"
            self.stdout.write(f"{report.known:,} {were} known already.")

    def _read(self, project: Any, options: dict[str, Any]) -> Found:
        path: Path = options["file"]
        if not path.is_file():
            raise Refused(f"There is no file {path}.")
        names = ("id", "text", "label", "note", "separator")
        wanted = FeedbackColumns(**{name: options[name] for name in names})
        reading = Columns(encoding=options["encoding"], delimiter=options["delimiter"])
        with path.open("rb") as file:
            return feedback_files.read_file(project, cast(BinaryIO, file), wanted, reading)

    def _say_problems(self, found: Found) -> None:
        for problem in found.problems.to_json()[:SHOWN]:
            line = "row {row}: {column} “{value}”: {reason} {remedy}".format(**problem)
            self.stderr.write(line.replace(":  “", ": “"))
        if found.problems.count > SHOWN:
            self.stderr.write(f"and {found.problems.count - SHOWN:,} more bad rows")


def _person(email: str | None) -> AbstractBaseUser | None:
    if not email:
        return None
    person = get_user_model()._default_manager.filter(email__iexact=email).first()
    if person is None:
        raise Refused(f"Nobody here has the address {email}.")
    return person
