"""What every reader gives: rows of named fields, with a number that the file's owner would use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from projects.files.problems import Problem, shorten
from projects.saying import Said


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file; ``read`` gives the bytes of its picture."""

    number: int
    fields: dict[str, object]
    read: Callable[[], bytes] | None = None


class Reader(Protocol):
    """A file opened for reading, any number of times over, a row at a time."""

    kind: str
    media: str
    columns: list[str]
    encoding: str
    # Whether the encoding is certain; if not, ``note`` says what a person should look at.
    sure: bool
    note: Said | str
    delimiter: str

    def rows(self) -> Iterator[Row | Problem]:
        """Yield every row, or the problem in its place."""


def preview(reader: Reader, count: int = 5) -> list[dict[str, str]]:
    """Return the first good rows with their values shortened."""
    good = (row for row in islice(reader.rows(), 100 * count) if isinstance(row, Row))
    return [
        {name: shorten(_words(value), 200) for name, value in row.fields.items()}
        for row in islice(good, count)
    ]


def _words(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
