"""Write rows as JSON lines or CSV, piece by piece: never more than a page of them in memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final

Row = dict[str, Any]
_PIECE: Final = 200
# A cell that begins so is a formula to a spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
# Some readers take these for the end of a line.
_LINE_ENDS: Final = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}


def jsonl(rows: Iterable[Row], _for_spreadsheets: bool = False) -> Iterator[bytes]:
    """Yield UTF-8 with one object a line."""
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    lines = (encode(row).translate(_LINE_ENDS) + "\n" for row in rows)
    while piece := "".join(islice(lines, _PIECE)):
        yield piece.encode()


def as_csv(rows: Iterable[Row], for_spreadsheets: bool = False) -> Iterator[bytes]:
    """Yield UTF-8 with a header; lists and objects are JSON in their cell.

    ``for_spreadsheets`` adds the mark that Excel needs to see UTF-8, and puts an apostrophe before
    what it would take for a formula: such a file is for people, not for programs to read back.
    """
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return
    into = io.StringIO(newline="")
    writer = csv.writer(into)
    if for_spreadsheets:
        into.write("\ufeff")
    writer.writerow([_safe(name) if for_spreadsheets else name for name in first])
    rows = chain([first], rows)
    while piece := list(islice(rows, _PIECE)):
        writer.writerows([_cell(value, for_spreadsheets) for value in row.values()] for row in piece)
        yield into.getvalue().encode()
        into.seek(0)
        into.truncate()


def _cell(value: Any, for_spreadsheets: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _safe(value) if for_spreadsheets else value
    return json.dumps(value, ensure_ascii=False)


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


FORMATS: Final[dict[str, tuple[Callable[[Iterable[Row], bool], Iterator[bytes]], str]]] = {
    "jsonl": (jsonl, "application/x-ndjson"),
    "csv": (as_csv, "text/csv; charset=utf-8"),
}
