"""Read JSON lines, and lists of JSON objects, one object at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, Final, NoReturn

from projects.errors import Refused
from projects.files import encodings, limits
from projects.files.problems import Bad, Problem
from projects.files.records import Row
from projects.saying import Said, both
from projects.saying import gettext as _

_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_PIECE: Final = 1 << 16


def _no_constant(name: str) -> NoReturn:
    raise Bad(name, _("%(name)s is not JSON.", name=name), _("Write null, or leave the key out."))


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise Bad(
            twin,
            _("The key “%(twin)s” stands twice in one object.", twin=twin),
            _("Keep one of them."),
            column=twin,
        )
    return found


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_no_twins)


def _fault(text: str, error: Exception) -> Bad:
    """Say what is wrong with text that is not JSON."""
    if isinstance(error, RecursionError):
        return Bad(
            text,
            _("Lists or objects are nested too deep."),
            _("Keep to %(limit)s levels.", limit=limits.JSON_DEPTH),
        )
    if isinstance(error, json.JSONDecodeError):
        reason = _(
            "This is not JSON: %(fault)s at character %(place)s.",
            fault=error.msg.lower().removesuffix(" at"),
            place=error.pos + 1,
        )
        return Bad(
            text, reason, _('Write one complete object, such as {"text": "…"}, with straight double quotes.')
        )
    return Bad(
        text,
        _("This is not JSON that can be kept: %(error)s.", error=str(error)),
        _("Write very long numbers as text, in quotes."),
    )


def parse(text: str) -> dict[str, object]:
    """Return the object that a line holds; raise Bad for anything else."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise _fault(text, error) from None
    if not isinstance(value, dict):
        raise Bad(text, _("This is not an object."), 'Write {"text": "…"}.')
    return value


@dataclass
class JsonReader:
    """JSON lines: rows are numbered by line; or one list: rows are numbered by place."""

    file: BinaryIO
    encoding: str
    sure: bool
    note: Said | str
    kind: str
    columns: list[str] = field(default_factory=list)
    delimiter: str = ""
    media: str = "text"

    def rows(self) -> Iterator[Row | Problem]:
        """Yield every object, or what is wrong with its line."""
        return self._listed() if self.kind == "json" else self._lined()

    def _lined(self) -> Iterator[Row | Problem]:
        number, size = 1, 0
        parts: list[str] = []
        for piece in encodings.pieces(self.file, self.encoding):
            size += len(piece)
            if size <= limits.RECORD:
                parts.append(piece)
            if piece.endswith(("\n", "\r")):
                yield from _line(number, size, parts)
                number, size, parts = number + 1, 0, []
        yield from _line(number, size, parts)

    def _listed(self) -> Iterator[Row | Problem]:
        stream = _Stream(encodings.pieces(self.file, self.encoding))
        stream.skip("[")
        number = 0
        try:
            while not stream.starts("]"):
                number += 1
                if number > 1:
                    stream.comma()
                value = stream.value()
                if isinstance(value, dict):
                    yield Row(number, value)
                else:
                    yield Bad(value, _("This is not an object."), 'Write {"text": "…"}.').at(number)
        except Bad as bad:
            reason = both(bad.reason, _("The list cannot be read beyond it."))
            yield Problem(max(number, 1), "", bad.value, reason, bad.remedy)


def _line(number: int, size: int, parts: list[str]) -> Iterator[Row | Problem]:
    if size > limits.RECORD:
        reason = _(
            "The line has %(size)s characters; %(limit)s is the limit.",
            size=f"{size:,}",
            limit=f"{limits.RECORD:,}",
        )
        yield Bad(parts[0] if parts else "", reason, _("Shorten its texts or split it.")).at(number)
        return
    line = "".join(parts).strip(" \t\r\n")
    if line:
        try:
            yield Row(number, parse(line))
        except Bad as bad:
            yield bad.at(number)


def open_json(file: BinaryIO, encoding: str = "") -> JsonReader:
    """Open JSON lines or a list of objects. Raises Refused where nothing can be read."""
    found = encodings.Encoding(encoding) if encoding else encodings.detect(file)
    start = next((piece for piece in encodings.pieces(file, found.name) if piece.strip()), "").lstrip()
    kind = "json" if start.startswith("[") else "jsonl"
    reader = JsonReader(file, found.name, found.sure, found.note, kind)
    first = list(islice(reader.rows(), 100))
    good = [row for row in first if isinstance(row, Row)]
    reader.columns = list(dict.fromkeys(name for row in good for name in row.fields))
    if not reader.columns:
        refused = _("The file holds no row that can be read.")
        why = next((both(row.reason, row.remedy) for row in first if isinstance(row, Problem)), None)
        raise Refused(both(refused, why) if why else refused)
    return reader


class _Stream:
    """Values of a JSON list, taken from text that comes in pieces."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces, self._text, self._at = pieces, "", 0

    def _more(self) -> bool:
        """Take in about as much again as is here, so that a long value is not parsed too often."""
        parts = [self._text[self._at :]]
        wanted = len(parts[0]) + _PIECE
        added = 0
        for piece in self._pieces:
            parts.append(piece)
            added += len(piece)
            if added >= wanted:
                break
        self._text, self._at = "".join(parts), 0
        return added > 0

    def starts(self, mark: str) -> bool:
        """Whether the next character that is not blank is ``mark``. Raises Bad at the end of the text."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text.startswith(mark, self._at)
            if not self._more():
                raise Bad(
                    "",
                    _("The file ends before its list does."),
                    _("Write the file again; it seems to be cut off."),
                )

    def skip(self, mark: str) -> bool:
        if self.starts(mark):
            self._at += 1
            return True
        return False

    def value(self) -> object:
        """Take one value; raise Bad where there is none."""
        self.starts("")
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
                return value
            except (ValueError, RecursionError) as error:
                rest = self._text[self._at :]
                if (
                    len(rest) > limits.RECORD
                    or not isinstance(error, json.JSONDecodeError)
                    or not self._more()
                ):
                    raise _fault(rest, error) from None

    def comma(self) -> None:
        """Pass the comma between two values. Raises Bad where there is none."""
        if not self.skip(","):
            rest = self._text[self._at : self._at + 80]
            raise Bad(rest, _("Before this stands no comma."), _("Write the list again with a JSON library."))
