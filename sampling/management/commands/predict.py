"""Let a model say which labels the rows of a file would get."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from threadpoolctl import threadpool_limits

from projects import files
from projects.errors import Refused
from projects.files.candidates import Recipe
from projects.files.columns import FILE, Columns
from projects.files.writing import FORMATS
from projects.models import Project
from sampling import predicting
from sampling.predicting import Prediction, Predictor, Tally

# Seconds between two lines of progress where nothing can be drawn over.
EVERY = 10.0


class Command(BaseCommand):
    help = "Predict labels for CSV, JSON lines, a zip or a folder of pictures: a row out for each row in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="number or name of the project")
        parser.add_argument("file", type=Path, help="a file, or a folder of pictures")
        parser.add_argument(
            "--out", type=Path, required=True, help="what to write; the name ends in .csv or .jsonl"
        )
        parser.add_argument(
            "--model", type=int, metavar="N", help="number of the model (else: the one in use)"
        )
        parser.add_argument("--text", metavar="COLUMN", help="the column with the texts")
        parser.add_argument("--id", metavar="COLUMN", help="the column with ids")
        parser.add_argument("--with-text", action="store_true", help="write the texts as well")
        parser.add_argument(
            "--spreadsheet", action="store_true", help="CSV safe to open in a spreadsheet, for people"
        )
        parser.add_argument("--encoding", choices=[name for name, _words in files.ENCODINGS])
        parser.add_argument("--delimiter", choices=list(files.DELIMITERS))

    def handle(self, **options: Any) -> None:
        out: Path = options["out"]
        form = out.suffix.removeprefix(".").lower()
        try:
            if form not in FORMATS:
                raise Refused(f"The name of {out} must end in .csv or .jsonl.")
            if not options["file"].exists():
                raise Refused(f"There is no file {options['file']}.")
            if out.exists() and out.samefile(options["file"]):
                raise Refused("The predictions cannot be written over the file that is read.")
            if not out.parent.is_dir():
                raise Refused(f"There is no folder {out.parent}.")
            with threadpool_limits(settings.WORKER_THREADS):
                self._predict(options, out, form)
        except Refused as refusal:
            raise CommandError(str(refusal), returncode=1) from None

    def _predict(self, options: dict[str, Any], out: Path, form: str) -> None:
        project = found(options["project"])
        predictor = Predictor.of(project, options["model"])
        content, id_ = options["text"] or "", options["id"] or ""
        reading: dict[str, Any] = {name: options[name] or "" for name in ("encoding", "delimiter")}
        wanted = Columns(content=content, id=id_, **reading)
        tally, part = Tally(), out.with_name(f".{out.name}.{os.getpid()}.part")
        progress = _Progress(self.stderr, tally)
        with predicting.opened(options["file"], wanted) as reader:
            columns = predicting.chosen(reader, wanted, predictor)
            self._say_columns(columns)
            recipe = Recipe(columns, project.task, write=reader.media == Project.Media.IMAGE)
            rows = predicting.predictions(predictor, reader, recipe, tally, progress.tell)
            rows = _without_text(rows) if not options["with_text"] else rows
            rows = predicting.flat(rows, predictor.labels) if form == "csv" else rows
            try:
                with part.open("wb") as file:
                    for piece in FORMATS[form][0](rows, form == "csv" and options["spreadsheet"]):
                        file.write(piece)
                # Whoever waits for the file finds it whole.
                part.replace(out)
            finally:
                part.unlink(missing_ok=True)
        progress.end()
        self._say(predictor, tally, out)

    def _say_columns(self, columns: Columns) -> None:
        texts = "" if columns.content == FILE else f"Texts: column “{columns.content}”. "
        ids = f"column “{columns.id}”" if columns.id else "numbers of rows" if texts else "names of files"
        self.stderr.write(f"{texts}Ids: {ids}.", style_func=str)

    def _say(self, predictor: Predictor, tally: Tally, out: Path) -> None:
        number = predictor.version.round.number
        said = f"Model {number} predicted {_rows(tally.predicted)}: {out}"
        self.stderr.write(self.style.SUCCESS(said), ending="\n")
        if tally.problems:
            self.stderr.write(
                f"{_rows(tally.problems)} could not be read; the column “problem” says why.", ending="\n"
            )


class _Progress:
    """Rows so far and rows a second: drawn over itself on a terminal, else a line now and then."""

    def __init__(self, stream: Any, tally: Tally) -> None:
        self._stream, self._tally, self._since = stream, tally, time.monotonic()
        self._last, self._live = self._since, bool(stream.isatty())

    def tell(self) -> None:
        at, done = time.monotonic(), self._tally.predicted + self._tally.problems
        if not self._live and at - self._last < EVERY:
            return
        self._last = at
        words = f"{done:,} rows, {done / max(at - self._since, 0.01):,.0f} a second"
        self._stream.write(f"\r\x1b[K{words}" if self._live else words, ending="" if self._live else "\n")

    def end(self) -> None:
        if self._live:
            self._stream.write("", ending="\n")


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _without_text(rows: Iterator[Prediction]) -> Iterator[Prediction]:
    for row in rows:
        del row["text"]
        yield row


def found(wanted: str) -> Project:
    """Return the project of this number, or the only one of this name."""
    named = Project.objects.filter(name=wanted)
    if wanted.isdecimal():
        named = Project.objects.filter(pk=int(wanted))
    if named.count() != 1:
        raise Refused(f"There is {'more than one' if named.count() else 'no'} project “{wanted}”.")
    return named.get()
