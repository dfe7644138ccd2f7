"""Files of labelled data, read for a simulation: contents, and the position of each one's label."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, overload

import numpy as np

from .arrays import IntArray

if TYPE_CHECKING:
    from PIL.Image import Image

# Rows of a bad file that the message names.
NAMED = 5


@dataclass(frozen=True)
class Known:
    """Contents with known labels. ``skipped`` rows had no label."""

    contents: Sequence[Any]
    positions: IntArray  # (n,)
    labels: list[str]
    skipped: int = 0

    def only(self, rows: IntArray) -> Known:
        """The same with some of the rows."""
        if isinstance(self.contents, Pictures):
            contents: Sequence[Any] = self.contents.only(rows)
        else:
            contents = [self.contents[row] for row in rows]
        return Known(contents, self.positions[rows], self.labels, self.skipped)


class Pictures(Sequence["Image | None"]):
    """Pictures that are opened when they are asked for; None for one that cannot be opened."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, row: int) -> Image | None: ...
    @overload
    def __getitem__(self, row: slice) -> list[Image | None]: ...
    def __getitem__(self, row: int | slice) -> Image | list[Image | None] | None:
        if isinstance(row, slice):
            return [_opened(path) for path in self._paths[row]]
        return _opened(self._paths[row])

    def only(self, rows: IntArray) -> Pictures:
        """The same with some of the rows."""
        return Pictures([self._paths[row] for row in rows])


def texts(path: Path, text_column: str, label_column: str) -> Known:
    """Read texts and labels from .jsonl, .jsonl.gz, .csv or .csv.gz.

    Raises ValueError with the row, the column and what to do about it.
    """
    rows = list(_rows(path, [text_column, label_column]))
    return _known([(row[text_column], row[label_column]) for row in rows], path)


def pictures(folder: Path, path: Path) -> Known:
    """Read labels from columns ``file`` and ``label``; files are looked for below ``folder``.

    Raises ValueError when the folder or files are missing.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    rows = list(_rows(path, ["file", "label"]))
    # The list may name its files from its own place (images/a.jpg) or from the folder (a.jpg).
    found = [
        next((place for place in (folder / name, path.parent / name) if place.is_file()), None)
        for name in (row["file"] for row in rows)
    ]
    missing = [row["file"] for row, place in zip(rows, found, strict=True) if place is None]
    if missing:
        named = ", ".join(missing[:NAMED])
        raise ValueError(f"{len(missing)} files of {path} are not in {folder}: {named}")
    known = _known([(place, row["label"]) for row, place in zip(rows, found, strict=True)], path)
    return Known(Pictures(known.contents), known.positions, known.labels, known.skipped)


def _opened(path: Path) -> Image | None:
    from PIL import Image as pil

    try:
        with pil.open(path) as picture:
            picture.load()
            return picture
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, pil.DecompressionBombError):
        return None


def _known(pairs: list[tuple[Any, str]], path: Path) -> Known:
    kept = [(content, label) for content, label in pairs if label]
    labels = sorted({label for _, label in kept})
    if len(labels) < 2:
        raise ValueError(
            f"{path} has {len(labels)} different labels in {len(pairs)} rows; 2 at least are needed"
        )
    position = {label: i for i, label in enumerate(labels)}
    positions = np.array([position[label] for _, label in kept], np.int64)
    return Known([content for content, _ in kept], positions, labels, len(pairs) - len(kept))


def _rows(path: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    """The wanted columns of each row, as text."""
    if not path.is_file():
        raise ValueError(f"{path} is not there")
    name = path.name.removesuffix(".gz")
    if not name.endswith((".jsonl", ".csv")):
        raise ValueError(f"{path} is neither .jsonl nor .csv (either may be packed as .gz)")
    try:
        with _text(path) as file:
            read = _objects(file, columns) if name.endswith(".jsonl") else _table(file, columns)
            for number, row in read:
                yield {column: _plain(row.get(column), number, column) for column in columns}
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, csv.Error) as error:
        raise ValueError(
            f"{path} cannot be read ({error}); it must be UTF-8, plain or packed by gzip"
        ) from error


def _text(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _objects(file: IO[str], columns: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"row {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"row {number} is not an object with the keys {' and '.join(columns)}")
        if missing := [column for column in columns if column not in row]:
            raise ValueError(f"row {number} has no {missing[0]!r}; it has: {', '.join(row) or 'nothing'}")
        yield number, row


def _table(file: IO[str], columns: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(file)
    names = reader.fieldnames or []
    if missing := [column for column in columns if column not in names]:
        raise ValueError(f"there is no column {missing[0]!r}; there are: {', '.join(names) or 'none'}")
    for row in reader:
        yield reader.line_num, row


def _plain(value: Any, number: int, column: str) -> str:
    if isinstance(value, list | dict):
        raise ValueError(
            f"row {number}: {column!r} holds several values; a simulation needs one text or label"
        )
    return "" if value is None else str(value)
