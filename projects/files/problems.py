"""What is wrong with a row, said so that its owner can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from projects.files import limits

_SHOWN = 80


def shorten(value: object, width: int = _SHOWN) -> str:
    """Return a value as one short line that any database and any page can hold."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) > width:
        text = f"{text[: width - 1]}…"
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else f"\\x{ord(mark):02x}" for mark in text)


@dataclass(frozen=True)
class Problem:
    """One row that cannot come in: its number as people count, column, value, why, and what to do."""

    row: int
    column: str
    value: str
    reason: str
    remedy: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Bad(Exception):
    """A value that cannot come in; whoever knows the row number makes a problem of it."""

    def __init__(self, value: object, reason: str, remedy: str, column: str = "") -> None:
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


def listing(names: Iterable[str], most: int = 6) -> str:
    """Return names for a sentence: “a”, “b” and 3 more."""
    shown = [f"“{shorten(name, 40)}”" for name in names]
    rest = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {rest} more" if rest > 0 else "")
