"""Read CSV a record at a time; one that makes no sense is a problem, and never shifts or swallows another."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import BinaryIO, Final

from projects.errors import Refused
from projects.files import encodings, limits
from projects.files.problems import Bad, Problem, listing
from projects.files.records import Row
from projects.saying import Said, both
from projects.saying import gettext as _

# Stands for «one column»: a character that no text file uses between columns.
NONE: Final = "\x1f"
DELIMITERS: Final = {
    ",": _("comma"),
    ";": _("semicolon"),
    "\t": _("tab"),
    "|": _("vertical bar"),
    NONE: _("none, one column"),
}
_CLOSE: Final = re.compile('[^"]*+(?:""[^"]*+)*+"')
_QUOTES: Final = _('Close the quote, or write a quote inside a text as "".')
_SEP: Final = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
csv.field_size_limit(max(csv.field_size_limit(), 2 * limits.RECORD))


def _open_after(piece: str, delimiter: str, inside: bool) -> bool:
    """Whether a quoted field is still open at the end of ``piece``."""
    at = 0
    if not inside and piece.startswith('"'):
        at, inside = 1, True
    while True:
        if inside:
            closed = _CLOSE.match(piece, at)
            if not closed:
                return True
            at = closed.end()
        start = piece.find(delimiter + '"', at)
        if start < 0:
            return False
        at, inside = start + 2, True


@dataclass
class _Record:
    """One record as it comes in: its lines, unless they are too many to keep."""

    first: int
    delimiter: str
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    last: int = 0
    inside: bool = False

    def add(self, piece: str) -> None:
        if self.inside or '"' in piece:
            self.inside = _open_after(piece, self.delimiter, self.inside)
        self.size += len(piece)
        self.pieces.append(piece)

    @property
    def long(self) -> bool:
        return self.size > limits.RECORD

    @property
    def place(self) -> Said | str:
        """Where the record stands, to follow a sentence; blank where it is one line."""
        if self.last == self.first:
            return ""
        return _("Lines %(first)s to %(last)s.", first=self.first, last=self.last)

    def here(self, said: Said) -> Said:
        return both(said, self.place) if self.place else said

    def fields(self) -> list[str]:
        """Return the record's fields; raise Bad where there is no telling what they are."""
        start = self.pieces[0].rstrip("\r\n")
        if self.long:
            reason = self.here(_("The row has more than %(limit)s characters.", limit=f"{limits.RECORD:,}"))
            remedy = _("Shorten its texts, or look for a quote that does not close where it should.")
            raise Bad(start, reason, remedy)
        if self.inside:
            reason = self.here(_("A quote opens here and never closes."))
            raise Bad(start, reason, _QUOTES)
        line = "".join(self.pieces)
        if '"' not in line:
            line = line.rstrip("\r\n")
            return line.split(self.delimiter) if line else []
        try:
            return next(csv.reader((line,), delimiter=self.delimiter, strict=True), [])
        except csv.Error:
            reason = self.here(
                _("After a closing quote stands neither the delimiter nor the end of the row.")
            )
            raise Bad(start, reason, _QUOTES) from None


class _Records:
    """Groups lines into records: a record ends where a line ends outside of quotes."""

    def __init__(self, pieces: Iterator[str], delimiter: str) -> None:
        self._pieces, self._delimiter, self._line = pieces, delimiter, 1

    def __iter__(self) -> Iterator[_Record]:
        while (piece := next(self._pieces, None)) is not None:
            record = _Record(self._line, self._delimiter)
            while piece is not None:
                record.add(piece)
                record.last = self._line
                ended = piece.endswith(("\n", "\r"))
                self._line += ended
                if (ended and not record.inside) or (record.long and len(record.pieces) > 1):
                    break
                piece = next(self._pieces, None)
            yield record

    def again(self, record: _Record) -> None:
        """Read all but the first line of a record once more, each for itself."""
        self._pieces = chain(record.pieces[1:], self._pieces)
        self._line = record.first + 1

    def skip(self, record: _Record) -> None:
        """Pass over the rest of a record that is too long to keep."""
        while record.inside or not record.pieces[-1].endswith(("\n", "\r")):
            if (piece := next(self._pieces, None)) is None:
                return
            record.pieces = [record.pieces[0]]
            record.add(piece)
            record.last = self._line
            self._line += piece.endswith(("\n", "\r"))


def detect_delimiter(head: list[str]) -> str:
    """Return the delimiter that splits the first records most alike, and most often."""
    if head and (named := _SEP.fullmatch(head[0])):
        return named[1]
    best, score = NONE, (0.0, 0)
    for delimiter in ",;\t|":
        widths = [len(fields) for fields in _fields(head, delimiter) if fields]
        if not widths or widths[0] < 2:
            continue
        alike = Counter(widths)[widths[0]] / len(widths)
        if (alike, widths[0]) > score:
            best, score = delimiter, (alike, widths[0])
    return best


def _fields(head: list[str], delimiter: str) -> Iterator[list[str]]:
    for record in _Records(iter(head), delimiter):
        try:
            yield record.fields()
        except Bad:
            continue


@dataclass
class CsvReader:
    """A CSV file: its header is row 1, as in a spreadsheet."""

    file: BinaryIO
    encoding: str
    sure: bool
    note: Said | str
    delimiter: str
    columns: list[str] = field(default_factory=list)
    kind: str = "csv"
    media: str = "text"

    def rows(self) -> Iterator[Row | Problem]:
        """Yield every row below the header, or what is wrong with it; empty lines are passed over."""
        records = _Records(encodings.pieces(self.file, self.encoding), self.delimiter)
        for number, record in self._numbered(records):
            if number == 1:
                continue
            try:
                fields = record.fields()
                if fields:
                    yield Row(number, self._named(fields, record))
            except Bad as bad:
                yield (self._recovered(records, record) or bad).at(number)

    def _recovered(self, records: _Records, record: _Record) -> Bad | None:
        """Where one line left a quote open, refuse that line alone and read those after it once more.

        Only if each of them makes a row by itself: they could be lines of a long text.
        """
        if len(self.columns) > 1 and self._rows_of_their_own(record.pieces[1:50]):
            records.again(record)
            start = record.pieces[0].rstrip("\r\n")
            return Bad(start, _("A quote opens in this row and does not close in it."), _QUOTES)
        if record.long:
            records.skip(record)
        return None

    def _rows_of_their_own(self, pieces: list[str]) -> bool:
        wanted = len(self.columns)
        try:
            widths = [len(_Record(1, self.delimiter, [piece]).fields()) for piece in pieces]
        except Bad:
            return False
        return any(widths) and all(width in (0, wanted) for width in widths)

    def _named(self, fields: list[str], record: _Record) -> dict[str, object]:
        if len(fields) != len(self.columns):
            reason = record.here(
                _(
                    "The row has %(fields)s fields, the header %(columns)s.",
                    fields=len(fields),
                    columns=len(self.columns),
                )
            )
            remedy = _(
                "Put quotes around each text that holds this: %(delimiter)s.",
                delimiter=DELIMITERS.get(self.delimiter, self.delimiter),
            )
            raise Bad(self.delimiter.join(fields), reason, remedy)
        return dict(zip(self.columns, fields, strict=True))

    def _numbered(self, records: _Records) -> Iterator[tuple[int, _Record]]:
        """Number the records as a spreadsheet does: the header is 1."""
        number = 0
        for record in records:
            number += 1
            if number == 1 and _SEP.fullmatch(record.pieces[0]):
                number = 0  # A line for Excel, not for us.
                continue
            yield number, record

    def header(self) -> list[str]:
        """Return the names of the columns. Raises Refused where the first row gives none."""
        records = _Records(encodings.pieces(self.file, self.encoding), self.delimiter)
        first = next(self._numbered(records), None)
        if first is None:
            raise Refused(_("The file is empty. Upload a CSV file whose first row names its columns."))
        try:
            fields = first[1].fields()
        except Bad as bad:
            raise Refused(both(_("The first row cannot be read."), both(bad.reason, bad.remedy))) from None
        names = [name.strip() or f"column {place}" for place, name in enumerate(fields, 1)]
        if not any(name.strip() for name in fields):
            raise Refused(_("The first row is empty. It must name the columns, for example: id,text,label"))
        check_names(names)
        return names


def open_csv(file: BinaryIO, encoding: str = "", delimiter: str = "") -> CsvReader:
    """Open a CSV file, finding out its encoding and delimiter where they are not given.

    Raises Refused for a file without a usable header.
    """
    found = encodings.Encoding(encoding) if encoding else encodings.detect(file)
    if not delimiter:
        head = list(islice(encodings.pieces(file, found.name), 50))
        delimiter = detect_delimiter(head)
    reader = CsvReader(file, found.name, found.sure, found.note, delimiter)
    reader.columns = reader.header()
    return reader


def check_names(names: list[str]) -> None:
    """Refuse column names that nobody could choose between."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise Refused(
            _(
                "Two columns have the same name: %(names)s. Rename one and upload the file again.",
                names=listing(twice),
            )
        )
    if len(names) > limits.COLUMNS:
        raise Refused(
            _(
                "The first row names %(count)s columns; %(limit)s is the limit.",
                count=f"{len(names):,}",
                limit=limits.COLUMNS,
            )
        )
    broken = [name for name in names if not encodings.whole(name)]
    if broken:
        raise Refused(
            _(
                "The first row holds bytes that cannot be read: %(names)s. Save the file as UTF-8.",
                names=listing(broken),
            )
        )
