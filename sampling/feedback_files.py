"""Read feedback from a file: which item a row means, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO, Final

from django.utils.translation import gettext as _

from projects.errors import Refused
from projects.files.candidates import digest, label_name
from projects.files.columns import Columns
from projects.files.problems import Bad, Problem, Problems, shorten
from projects.files.records import Reader, Row
from projects.files.sources import open_file
from projects.models import Item, Label, Project
from sampling.feedback import CHUNK, Word

ROWS: Final = 200_000
_NAMES: Final = {
    "id": ("id", "key", "external_id", "item", "item_id", "file"),
    "text": ("text", "content", "message", "sentence", "title"),
    "label": ("label", "labels", "right_label", "correct_label", "correct", "class", "category"),
    "note": ("note", "comment", "remark"),
}
# In the place of a label: the model was wrong, and nothing else is known.
WRONG: Final = "wrong"
# How files of pictures and archives of them begin.
_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"7z\xbc\xaf\x27\x1c")


@dataclass(frozen=True)
class FeedbackColumns:
    """Which column is what; blank: found by its usual name, or not there."""

    id: str = ""
    text: str = ""
    label: str = ""
    note: str = ""
    separator: str = ""

    @classmethod
    def of(cls, reader: Reader, wanted: FeedbackColumns) -> FeedbackColumns:
        """Fill in what was not named. Refuses columns that are not there, and files that name no item."""
        by_name = {column.casefold().replace(" ", "_"): column for column in reversed(reader.columns)}
        chosen = {}
        for what, usual in _NAMES.items():
            named = getattr(wanted, what)
            if named and named not in reader.columns:
                raise Refused(_("The file has no column “%(column)s”.") % {"column": named})
            chosen[what] = named or next((by_name[name] for name in usual if name in by_name), "")
        if not chosen["id"] and not chosen["text"]:
            raise Refused(_("The file has neither a column “id” nor a column “text”: which items are meant?"))
        return cls(separator=wanted.separator, **chosen)


@dataclass(frozen=True)
class _Said:
    number: int
    id: str
    text: str
    labels: tuple[int, ...] | None
    note: str

    @property
    def keys(self) -> list[str]:
        """Keys that the item may have: an id as exports write it, a whole key, a hash of the text."""
        if self.id:
            return [f"id:{self.id}", self.id]
        return [f"hash:{digest(self.text.encode())}"]


@dataclass
class Found:
    """What a file says of items of the project, and the rows that say nothing we understand."""

    words: list[Word] = field(default_factory=list)
    rows: int = 0
    problems: Problems = field(default_factory=Problems)


def read_file(
    project: Project, file: BinaryIO, wanted: FeedbackColumns, reading: Columns | None = None
) -> Found:
    """Open a table and read the whole of it. Refuses what is no table, and what ``read`` refuses."""
    _refuse_no_table(file)
    with open_file(file, reading or Columns()) as reader:
        if reader.media != "text":
            raise Refused(_no_table())
        return read(project, reader, wanted)


def _refuse_no_table(file: BinaryIO) -> None:
    """Say what feedback needs, where whoever opens the file would speak of pictures to import."""
    file.seek(0)
    head = file.read(4096)
    if not head.strip():
        raise Refused(_("The file is empty. Hand in CSV or JSON lines, one row an item."))
    if head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        raise Refused(_no_table())


def _no_table() -> str:
    return _("Feedback is a table. Hand in CSV or JSON lines, and name pictures in it by their “id”.")


def read(project: Project, reader: Reader, wanted: FeedbackColumns) -> Found:
    """Read the whole file. Refuses one without a column that names items, or with too many rows."""
    columns, found = FeedbackColumns.of(reader, wanted), Found()
    rules, left = _Rules(project, columns), []
    rows = iter(reader.rows())
    while piece := list(islice(rows, CHUNK)):
        found.rows += len(piece)
        if found.rows > ROWS:
            raise Refused(_("The file has more than %(rows)s rows. Split it.") % {"rows": f"{ROWS:,}"})
        said = [one for row in piece if (one := _said(row, rules, found.problems))]
        left += _by_key(project, said, found)
    _by_text(project, left, found)
    return found


def _by_key(project: Project, said: Sequence[_Said], found: Found) -> list[_Said]:
    """Find items by their key or number; return what only a look at all texts can find."""
    keys = [key for one in said for key in one.keys]
    items = {item.key: item for item in Item.objects.filter(project=project, key__in=keys)}
    numbers = [int(one.id) for one in said if one.id.isdecimal() and len(one.id) < 10]
    # An export gives the number where an item came without an id.
    nameless = Item.objects.filter(project=project, number__in=numbers, external_id="")
    by_number = {str(item.number): item for item in nameless}
    left = []
    for one in said:
        item = next((items[key] for key in one.keys if key in items), None) or by_number.get(one.id)
        if item is not None:
            found.words.append(Word(item, one.labels, one.note))
        elif one.id:
            reason = _("No item of this project has this id.")
            found.problems.add(
                Bad(one.id, reason, _("Correct the id, or import the item first.")).at(one.number)
            )
        else:
            left.append(one)
    return left


def _by_text(project: Project, said: Sequence[_Said], found: Found) -> None:
    """Find items that have an id by their exact text: one pass over all of them."""
    if not said:
        return
    wanted = {digest(one.text.encode()) for one in said}
    matches: dict[str, list[int]] = {}
    texts = Item.objects.filter(project=project).exclude(external_id="").values_list("pk", "text")
    for pk, text in texts.iterator(2000):
        if (mark := digest(text.encode())) in wanted:
            matches.setdefault(mark, []).append(pk)
    items = Item.objects.in_bulk([pk for pks in matches.values() for pk in pks[:1]])
    for one in said:
        pks = matches.get(digest(one.text.encode()), [])
        if len(pks) == 1:
            found.words.append(Word(items[pks[0]], one.labels, one.note))
            continue
        reason = _("Several items have this text.") if pks else _("No item of this project has this text.")
        remedy = _("Name the item by its id.") if pks else _("Write it exactly, or import the item first.")
        found.problems.add(Bad(one.text, reason, remedy).at(one.number))


# --- rows --------------------------------------------------------------------------------------------------


class _Rules:
    """How cells become labels of the project."""

    def __init__(self, project: Project, columns: FeedbackColumns) -> None:
        self.columns, self.single = columns, project.task == Project.Task.SINGLE
        self._labels = {label.name.casefold(): label for label in project.labels.all()}

    def labels(self, row: Row) -> tuple[int, ...] | None:
        """Ids of the right labels; None: only that it was wrong. Raises Bad."""
        column = self.columns.label
        names = list(self._names(row.fields.get(column), column)) if column else []
        if not names or (len(names) == 1 and names[0].casefold() == WRONG and WRONG not in self._labels):
            return None
        found = sorted({self._label(name, column).pk for name in names})
        if self.single and len(found) != 1:
            reason = _("The project asks for one label; here are %(count)s.") % {"count": len(found)}
            raise Bad(names, reason, _("Leave one label."), column)
        return tuple(found)

    def _names(self, value: object, column: str) -> Iterator[str]:
        if isinstance(value, list):
            parts = value
        elif isinstance(value, str) and self.columns.separator:
            parts = value.split(self.columns.separator)
        else:
            parts = [] if value is None else [value]
        yield from filter(None, (label_name(part, column) for part in parts))

    def _label(self, name: str, column: str) -> Label:
        label = self._labels.get(name.casefold())
        if label is None:
            raise Bad(
                name, _("The project has no such label."), _("Correct it, or add the label first."), column
            )
        if label.retired_at:
            raise Bad(name, _("The label is retired."), _("Give the label that took its place."), column)
        return label


def _said(row: Row | Problem, rules: _Rules, problems: Problems) -> _Said | None:
    if isinstance(row, Problem):
        problems.add(row)
        return None
    columns = rules.columns
    named = row.fields.get(columns.id) if columns.id else None
    text = row.fields.get(columns.text) if columns.text else None
    try:
        name = "" if named is None or isinstance(named, bool | list | dict) else str(named).strip()
        if not name and not (isinstance(text, str) and text.strip()):
            raise Bad(
                "",
                _("The row names no item."),
                _("Give its id, or its exact text."),
                columns.id or columns.text,
            )
        labels = rules.labels(row)
    except Bad as bad:
        problems.add(bad.at(row.number))
        return None
    note = row.fields.get(columns.note) if columns.note else None
    words = shorten(note, 500) if isinstance(note, str) else ""
    return _Said(row.number, name, text if isinstance(text, str) else "", labels, words)
