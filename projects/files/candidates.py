"""Make a row into something that could become an item, or say why it cannot."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from projects.files import limits
from projects.files.columns import FILE, Columns
from projects.files.encodings import BROKEN, whole
from projects.files.images import Picture, clean, verify
from projects.files.problems import Bad, shorten
from projects.files.records import Row
from projects.models import Project
from projects.saying import Said
from projects.saying import gettext as _

_KINDS: Final = {
    bool: _("true or false"),
    int: _("a number"),
    float: _("a number"),
    list: _("a list"),
    dict: _("an object"),
}
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
# Blank to the eye, though not white space.
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"


@dataclass(slots=True)
class Candidate:
    """What a row holds once it was found good."""

    row: int
    # The external id, or a hash of the content.
    key: str
    external_id: str
    # Hash of the text, or of the picture's bytes as they came.
    content: str
    text: str
    metadata: str
    # Names of known labels; None: not known. Empty: known to be none of them.
    labels: tuple[str, ...] | None
    picture: Picture | None = None


def _kind(value: object) -> Said:
    return _KINDS.get(type(value), _("something else"))


def checked_text(value: object, column: str) -> str:
    """Return a text that any database and any page can hold, unchanged. Raises Bad."""
    if value is None:
        raise Bad("null", _("The text is missing."), _("Give every row a text, or remove the row."), column)
    if not isinstance(value, str):
        kind = _kind(value)
        raise Bad(value, _("This is %(kind)s, not a text.", kind=kind), _("Write texts in quotes."), column)
    if len(value) > limits.TEXT:
        reason = _(
            "The text has %(count)s characters; %(limit)s is the limit.",
            count=f"{len(value):,}",
            limit=f"{limits.TEXT:,}",
        )
        raise Bad(value, reason, _("Shorten it or split it into several rows."), column)
    _refuse_broken(value, column)
    if not value.strip().strip(_INVISIBLE).strip():
        raise Bad(value, _("The text is empty."), _("Give every row a text, or remove the row."), column)
    return value


def _refuse_broken(value: str, column: str) -> None:
    if whole(value):
        return
    if "\0" in value:
        raise Bad(value, _("The value holds a NUL character."), _("Remove the character."), column)
    if BROKEN in value:
        remedy = _("Choose the right encoding, or save the file as UTF-8.")
        raise Bad(
            value.replace(BROKEN, "�"),
            _("The value holds bytes that the encoding does not have."),
            remedy,
            column,
        )
    shown = value.encode("utf-8", "replace").decode()
    raise Bad(
        shown,
        _("The value holds half of a character (a lone surrogate)."),
        _("Write the character whole."),
        column,
    )


def id_of(row: Row, column: str) -> str:
    """Return the id that the column gives a row. Raises Bad."""
    value = row.fields.get(column)
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise Bad(value, _("An id is a text or a whole number."), _("Write ids as text."), column)
    found = "" if value is None else str(value).strip()
    if not found:
        raise Bad("", _("The id is missing."), _("Give every row an id, or choose no id column."), column)
    if len(found) > limits.EXTERNAL_ID:
        reason = _(
            "The id has %(count)s characters; %(limit)s is the limit.",
            count=f"{len(found):,}",
            limit=limits.EXTERNAL_ID,
        )
        raise Bad(found, reason, _("Shorten it, or choose no id column."), column)
    _refuse_broken(found, column)
    return found


def label_name(value: object, column: str) -> str:
    """Return a label's name as it is compared: in Unicode's composed form, without space around it."""
    if isinstance(value, bool):
        value = str(value).lower()
    if not isinstance(value, str | int | float):
        raise Bad(
            value,
            _("This is %(kind)s, not a label.", kind=_kind(value)),
            _("Write its name."),
            column,
        )
    name = unicodedata.normalize("NFC", str(value).strip())
    if len(name) > limits.LABEL_NAME:
        reason = _(
            "The label has %(count)s characters; %(limit)s is the limit.",
            count=f"{len(name):,}",
            limit=limits.LABEL_NAME,
        )
        raise Bad(name, reason, _("Shorten it, or choose another column for the label."), column)
    _refuse_broken(name, column)
    return name


def _labels(row: Row, columns: Columns, task: str) -> tuple[str, ...] | None:
    value = row.fields.get(columns.label)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not columns.known:
        # Only counted, so that the person sees what the column holds.
        return (shorten(value, limits.LABEL_NAME),)
    if isinstance(value, list):
        names = [label_name(part, columns.label) for part in value]
    elif isinstance(value, str) and columns.separator:
        names = [label_name(part, columns.label) for part in value.split(columns.separator)]
    else:
        names = [label_name(value, columns.label)]
    found = tuple(sorted({name for name in names if name}))
    if task == Project.Task.SINGLE and len(found) != 1:
        reason = _("The project asks for one label; here are %(count)s.", count=len(found))
        raise Bad(
            value, reason, _("Leave one label, or make the project one of several labels."), columns.label
        )
    return found


def _metadata(row: Row, columns: Columns) -> str:
    kept: dict[str, object] = {name: row.fields[name] for name in columns.keep if name in row.fields}
    if row.read:
        kept[FILE] = row.fields[FILE]
    if not kept:
        return "{}"
    for name, value in kept.items():
        _refuse_deep(value, name)
    try:
        written = _ENCODE(kept)
    except ValueError:
        raise Bad(kept, _("A number is too large."), _("Write it as text, in quotes.")) from None
    if len(written) > limits.METADATA:
        reason = _(
            "The columns kept beside it have %(count)s characters; %(limit)s is the limit.",
            count=f"{len(written):,}",
            limit=f"{limits.METADATA:,}",
        )
        raise Bad(written, reason, _("Keep fewer columns."))
    if not whole(written) or "\\u0000" in written:
        for name, value in kept.items():
            _refuse_broken(f"{name}{value}" if isinstance(value, str) else f"{name}{_leaves(value)}", name)
    return written


def _leaves(value: object) -> str:
    """Return all strings within a value, one after the other."""
    if isinstance(value, dict):
        return "".join(f"{key}{_leaves(part)}" for key, part in value.items())
    if isinstance(value, list):
        return "".join(map(_leaves, value))
    return value if isinstance(value, str) else ""


def _refuse_deep(value: object, column: str) -> None:
    level, depth = [value], 0
    while level := [
        part
        for outer in level
        if isinstance(outer, list | dict)
        for part in (outer.values() if isinstance(outer, dict) else outer)
    ]:
        depth += 1
        if depth > limits.JSON_DEPTH:
            reason = _(
                "Lists or objects are nested more than %(limit)s levels deep.", limit=limits.JSON_DEPTH
            )
            raise Bad("…", reason, _("Flatten it, or do not keep the column."), column)


def digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Recipe:
    """How rows become candidates: columns, kind of task, and whether pictures are written anew."""

    columns: Columns
    task: str
    write: bool = False

    def candidate(self, row: Row) -> Candidate:
        """Return what the row holds. Raises Bad."""
        columns = self.columns
        text, picture, content = "", None, ""
        external_id = id_of(row, columns.id) if columns.id else ""
        labels = _labels(row, columns, self.task) if columns.label else None
        metadata = _metadata(row, columns)
        if row.read:
            content, picture = self._picture(row)
        else:
            text = checked_text(row.fields.get(columns.content), columns.content)
            content = digest(text.encode())
        key = f"id:{external_id}" if external_id else f"hash:{content}"
        return Candidate(row.number, key, external_id, content, text, metadata, labels, picture)

    def _picture(self, row: Row) -> tuple[str, Picture | None]:
        assert row.read
        data, name = row.read(), str(row.fields[FILE])
        try:
            if not self.write:
                verify(data, name)
            return digest(data), clean(data, name) if self.write else None
        except Bad as bad:
            bad.column = bad.column or FILE
            if bad.value != name:
                bad.value = f"{name}: {bad.value}"
            raise
