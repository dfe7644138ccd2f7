"""What is wrong with a row, said so that its owner can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from projects.files import limits
from projects.saying import Said, gettext, kept, plain, told

if TYPE_CHECKING:
    from projects.models import Upload

_SHOWN = 80


def shorten(value: object, width: int = _SHOWN) -> str:
    """Return a value as one short line that any database and any page can hold."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) > width:
        text = f"{text[: width - 1]}…"
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else f"\\x{ord(mark):02x}" for mark in text)


def refusal(upload: Upload) -> str:
    """Return why an upload was refused, in the language of whoever asks; blank where it was not."""
    said = told(upload.report.get("message"))
    return str(said) if said and plain(said) == upload.message else upload.message


def notes_told(report: dict[str, Any]) -> list[str]:
    """Return what was worth knowing about a file, in the language of whoever asks."""
    return [str(told(one)) for one in report.get("noted", report.get("notes", []))]


@dataclass(frozen=True)
class Problem:
    """One row that cannot come in: its number as people count, column, value, why, and what to do."""

    row: int
    column: str
    value: str
    reason: Said | str
    remedy: Said | str

    def to_json(self) -> dict[str, Any]:
        """Return what is stored: in English, and as what the sentences are made of."""
        place = {"row": self.row, "column": self.column, "value": self.value}
        english = {"reason": plain(self.reason), "remedy": plain(self.remedy)}
        return place | english | {"said": {"reason": kept(self.reason), "remedy": kept(self.remedy)}}


def rows_told(stored: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return stored problems as texts in the language of whoever asks."""
    return [
        {name: value for name, value in row.items() if name != "said"}
        | {name: str(told(said)) for name, said in row.get("said", {}).items()}
        for row in stored
    ]


class Bad(Exception):
    """A value that cannot come in; whoever knows the row number makes a problem of it."""

    def __init__(self, value: object, reason: Said | str, remedy: Said | str, column: str = "") -> None:
        super().__init__(reason)
        self.value, self.reason, self.remedy, self.column = shorten(value), reason, remedy, column

    def at(self, row: int) -> Problem:
        """Return the problem of row ``row``."""
        return Problem(row, shorten(self.column), self.value, self.reason, self.remedy)


@dataclass
class Problems:
    """The first problems whole, all of them counted."""

    first: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, *problems: Problem) -> None:
        self.count += len(problems)
        self.first.extend(problems[: max(0, limits.PROBLEMS - len(self.first))])

    def to_json(self) -> list[dict[str, Any]]:
        return [problem.to_json() for problem in sorted(self.first, key=lambda problem: problem.row)]


def listing(names: Iterable[str], most: int = 6) -> Said | str:
    """Return names for a sentence: “a”, “b” and 3 more."""
    shown = [f"“{shorten(name, 40)}”" for name in names]
    first, rest = ", ".join(shown[:most]), len(shown) - most
    return gettext("%(names)s and %(rest)s more", names=first, rest=rest) if rest > 0 else first
