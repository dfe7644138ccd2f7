"""Files of labelled data, read for a simulation: contents, and the labels of each one as targets."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, overload

import numpy as np

from .arrays import FloatArray, IntArray
from .learners import Task

if TYPE_CHECKING:
    from PIL.Image import Image

# Rows of a bad file that the message names.
NAMED = 5


@dataclass(frozen=True)
class Known:
    """Contents with known labels. ``skipped`` rows had none."""

    contents: Sequence[Any]
    targets: FloatArray  # (n, k) of 0 and 1
    labels: list[str]
    skipped: int = 0
    task: Task = "single"

    @property
    def positions(self) -> IntArray:
        """The label of each item (n,), for single choice."""
        return np.asarray(self.targets.argmax(axis=1), np.int64)

    def only(self, rows: IntArray) -> Known:
        """The same with some of the rows, and the labels that these have."""
        if isinstance(self.contents, Pictures):
            contents: Sequence[Any] = self.contents.only(rows)
        else:
            contents = [self.contents[row] for row in rows]
        targets = self.targets[rows]
        kept = np.flatnonzero(targets.any(axis=0))
        labels = [self.labels[place] for place in kept]
        return replace(self, contents=contents, targets=targets[:, kept], labels=labels)


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

    def raw(self) -> Iterator[bytes]:
        """The files as they are."""
        return (path.read_bytes() for path in self._paths)

    def only(self, rows: IntArray) -> Pictures:
        """The same with some of the rows."""
        return Pictures([self._paths[row] for row in rows])


@dataclass(frozen=True)
class Columns:
    """Where a file has what. ``separator`` parts several labels in one cell; lists in JSON need none."""

    text: str = "text"
    label: str = "label"
    file: str = "file"
    separator: str = ""


def read(path: Path, columns: Columns, folder: Path | None = None) -> tuple[str, Known]:
    """Read any kind of labelled file: its media ("text" or "image"), and what it holds.

    Texts from .jsonl, .csv (both also as .gz); pictures where a table names files, found below ``folder`` or
    beside the table; arrays of pictures from .npz. Raises ValueError saying what to do.
    """
    if path.name.endswith(".npz"):
        return "image", arrays(path)
    if folder is None and _names_files(path, columns):
        folder = path.parent
    if folder is not None:
        return "image", pictures(folder, path, columns)
    return "text", texts(path, columns)


def texts(path: Path, columns: Columns) -> Known:
    """Read texts and labels. Raises ValueError with the row, the column and what to do about it."""
    rows = list(_rows(path, columns.text, columns))
    return _known(rows, path)


def pictures(folder: Path, path: Path, columns: Columns) -> Known:
    """Read labels of files that are looked for below ``folder``.

    Raises ValueError when the folder or files are missing.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    rows = list(_rows(path, columns.file, columns))
    # The list may name its files from its own place (images/a.jpg) or from the folder (a.jpg).
    found = [
        next((place for place in (folder / name, path.parent / name) if place.is_file()), None)
        for name, _ in rows
    ]
    missing = [name for (name, _), place in zip(rows, found, strict=True) if place is None]
    if missing:
        named = ", ".join(missing[:NAMED])
        raise ValueError(f"{len(missing)} files of {path} are not in {folder}: {named}")
    known = _known([(place, labels) for (_, labels), place in zip(rows, found, strict=True)], path)
    return replace(known, contents=Pictures(known.contents))


def arrays(path: Path) -> Known:
    """Read ``images`` (n, height, width[, 3]), ``labels`` (n,) and perhaps their names ``classes``."""
    from PIL import Image as pil

    if not path.is_file():
        raise ValueError(f"{path} is not there")
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"].ravel()
            names = file["classes"].astype(str).tolist() if "classes" in file else None
    except (KeyError, OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} needs arrays named images and labels ({error})") from error
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or len(images) != len(labels):
        raise ValueError(f"{path} has images of shape {images.shape} and {len(labels)} labels")
    given = [str(names[int(label)] if names else label) for label in labels]
    return _known([(pil.fromarray(one), (label,)) for one, label in zip(images, given, strict=True)], path)


def _names_files(path: Path, columns: Columns) -> bool:
    """Whether the table has a column of files and none of texts."""
    if not path.is_file() or not path.name.removesuffix(".gz").endswith(".csv"):
        return False
    try:
        with _text(path) as file:
            names = csv.DictReader(file).fieldnames or []
    except (UnicodeDecodeError, OSError, EOFError, csv.Error):
        return False  # Whoever reads the whole file says what is wrong.
    return columns.file in names and columns.text not in names


def _opened(path: Path) -> Image | None:
    from PIL import Image as pil

    try:
        with pil.open(path) as picture:
            picture.load()
            return picture
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, pil.DecompressionBombError):
        return None


def _known(rows: list[tuple[Any, tuple[str, ...] | None]], path: Path) -> Known:
    kept = [(content, given) for content, given in rows if given is not None]
    labels = sorted({label for _, given in kept for label in given})
    if len(labels) < 2:
        raise ValueError(
            f"{path} has {len(labels)} different labels in {len(rows)} rows; 2 at least are needed"
        )
    position = {label: i for i, label in enumerate(labels)}
    targets = np.zeros((len(kept), len(labels)), np.float32)
    for row, (_, given) in enumerate(kept):
        targets[row, [position[label] for label in given]] = 1
    task: Task = "single" if (targets.sum(axis=1) == 1).all() else "multi"
    return Known([content for content, _ in kept], targets, labels, len(rows) - len(kept), task)


def _rows(path: Path, content: str, columns: Columns) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """Content and labels of each row; None where nobody gave one."""
    wanted = [content, columns.label]
    if not path.is_file():
        raise ValueError(f"{path} is not there")
    name = path.name.removesuffix(".gz")
    if not name.endswith((".jsonl", ".csv")):
        raise ValueError(f"{path} is neither .jsonl nor .csv (either may be packed as .gz)")
    try:
        with _text(path) as file:
            found = _objects(file, wanted) if name.endswith(".jsonl") else _table(file, wanted)
            for number, row in found:
                given = _labels(row.get(columns.label), number, columns)
                yield _plain(row.get(content), number, content), given
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
        raise ValueError(f"row {number}: {column!r} holds several values; a simulation needs one text")
    return "" if value is None else str(value)


def _labels(value: Any, number: int, columns: Columns) -> tuple[str, ...] | None:
    """The labels of one row. An empty list says that none applies, an empty cell that nobody said."""
    if isinstance(value, list):
        if any(isinstance(one, list | dict) or one in (None, "") for one in value):
            raise ValueError(f"row {number}: {columns.label!r} must be a list of names")
        return tuple(dict.fromkeys(map(str, value)))
    if isinstance(value, dict):
        raise ValueError(f"row {number}: {columns.label!r} must be a name or a list of names")
    if value is None or value == "":
        return None
    if not columns.separator:
        return (str(value),)
    parts = (part.strip() for part in str(value).split(columns.separator))
    return tuple(dict.fromkeys(part for part in parts if part))
