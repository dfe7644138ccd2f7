"""Sentences that one person causes and another reads: kept as what they are made of, told in any language.

A worker does not know who will read what it found, and in which language. So it stores the English template
and the values (``kept``), and the page tells them to whoever asks (``told``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from django.utils import translation


@dataclass(frozen=True, eq=False)
class Said:
    """A sentence as template and values; as a string it is in the language that is active now."""

    template: str
    # What it is with any number but one, and the number; blank where nothing is counted.
    plural: str = ""
    number: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.plural:
            return translation.ngettext(self.template, self.plural, self.number) % self.values
        words = translation.gettext(self.template)
        return words % self.values if self.values else words

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)

    def __contains__(self, words: str) -> bool:
        return words in str(self)

    def __hash__(self) -> int:
        return hash((self.template, self.number))


# By the names of gettext, so that its tools find the sentences.
def gettext(template: str, **values: Any) -> Said:
    """Say a sentence; values are texts, numbers or sentences."""
    return Said(template, values=values)


def ngettext(one: str, many: str, number: int, **values: Any) -> Said:
    """Say a sentence that counts something."""
    return Said(one, many, number, values)


def both(first: Said | str, second: Said | str) -> Said:
    """Say one sentence after the other."""
    return Said("%(first)s %(second)s", values={"first": first, "second": second})


def joined(sentences: Iterable[Said | str]) -> Said | str:
    """Say all of them, one after the other; there is at least one."""
    return reduce(both, sentences)


def plain(words: object) -> str:
    """Return the English words: for logs, exports and whoever asks without a language."""
    with translation.override("en"):
        return str(words)


def kept(words: object) -> Any:
    """Return what JSON can hold of a sentence: template, values, and where it counts plural and number."""
    if not isinstance(words, Said):
        return words if isinstance(words, int | float) else str(words)
    made: list[Any] = [words.template, {name: kept(value) for name, value in words.values.items()}]
    if words.plural:
        return [*made, words.plural, words.number]
    return made if words.values else made[:1]


def told(stored: Any) -> Any:
    """Return what ``kept`` stored as a sentence again; what is a plain text stays one."""
    if not isinstance(stored, list):
        return stored
    left_out: list[Any] = [{}, "", 0]
    template, values, plural, number = stored + left_out[len(stored) - 1 :]
    return Said(template, plural, number, {name: told(value) for name, value in values.items()})
