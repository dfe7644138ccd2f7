"""Which column is what, as a person chose or as it can be guessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from projects.errors import Refused
from projects.files.csvs import DELIMITERS
from projects.files.encodings import ENCODINGS
from projects.files.problems import listing
from projects.files.records import Reader, preview
from projects.saying import gettext as _

KNOWN: Final = ("", "gold", "seed")
_CONTENT: Final = ("text", "content", "message", "body", "sentence", "document", "question", "title", "tweet")
_IDS: Final = ("id", "external_id", "item_id", "uid", "uuid", "key", "identifier", "doc_id", "text_id")
_LABELS: Final = (
    "label",
    "labels",
    "class",
    "category",
    "categories",
    "target",
    "gold",
    "annotation",
    "intent",
)
FILE: Final = "file"
FOLDER: Final = "folder"


@dataclass(frozen=True)
class Columns:
    """What a person said about a file; blank means: none, or find out."""

    content: str = ""
    id: str = ""
    label: str = ""
    # What a known label is for: "gold" checks annotators, "seed" trains at once; blank: only counted.
    known: str = ""
    # Between several labels in one cell; blank: a cell holds one label.
    separator: str = ""
    # Kept as metadata.
    keep: tuple[str, ...] = ()
    encoding: str = ""
    delimiter: str = ""
    # Whether labels that the project does not have are created.
    new_labels: bool = False

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Columns:
        """Read what ``to_json`` wrote; what is not ours is passed over."""
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in stored.items() if name in known}
        return cls(**values | {"keep": tuple(values.get("keep", ()))})

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"keep": list(self.keep)}

    def used(self) -> list[str]:
        """Return the chosen columns, the metadata last."""
        return [name for name in (self.content, self.id, self.label) if name] + list(self.keep)

    def validate(self, reader: Reader) -> None:
        """Refuse a choice that the file cannot serve."""
        missing = [name for name in self.used() if name not in reader.columns]
        # A key of JSON may first come late; the text must be there from the start.
        if missing and (reader.kind in {"csv", "images"} or self.content in missing):
            raise Refused(
                _(
                    "The file has no column %(names)s. It has %(names2)s.",
                    names=listing(missing),
                    names2=listing(reader.columns, 12),
                )
            )
        if not self.content:
            raise Refused(
                _("Choose the column with the texts: %(names)s.", names=listing(reader.columns, 12))
            )
        if self.label and self.label in (self.content, self.id):
            raise Refused(
                _("One column cannot be the label and something else. Choose another column for the label.")
            )
        if self.known not in KNOWN or (self.known and not self.label):
            raise Refused(
                _("Known labels need a column, and a use: gold (to check annotators) or seed (to train on).")
            )

    def validate_reading(self) -> None:
        """Refuse an encoding or a delimiter that is not on our lists."""
        if self.encoding not in ("", *dict(ENCODINGS)) or self.delimiter not in ("", *DELIMITERS):
            raise Refused(_("Choose an encoding and a delimiter from the lists."))


def _named(columns: Iterable[str], wanted: Iterable[str]) -> str:
    """Return the first column with one of the wanted names, in the order of wishes."""
    by_name = {name.casefold().replace(" ", "_").replace("-", "_"): name for name in reversed(list(columns))}
    return next((by_name[name] for name in wanted if name in by_name), "")


def guess_columns(reader: Reader) -> Columns:
    """Return a first choice: by the usual names, else the column with the longest values is the text.

    A label column is only proposed (``known`` stays blank): its owner alone knows whether it is right.
    """
    if reader.media == "image":
        label = _named(reader.columns, _LABELS) or (FOLDER if FOLDER in reader.columns else "")
        chosen = Columns(content=FILE, id=_named(reader.columns, _IDS), label=label)
    else:
        content = _named(reader.columns, _CONTENT) or _longest(reader)
        rest = [name for name in reader.columns if name != content]
        chosen = Columns(content=content, id=_named(rest, _IDS), label=_named(rest, _LABELS))
    keep = tuple(name for name in reader.columns if name not in chosen.used())
    return replace(chosen, keep=keep)


def _longest(reader: Reader) -> str:
    rows = preview(reader, 20)
    return max(reader.columns, key=lambda name: sum(len(row.get(name, "")) for row in rows))
