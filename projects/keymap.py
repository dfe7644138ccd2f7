"""Which key does what on the labelling page, for everybody and as a person likes it."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable, Mapping
from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Where labels are found by typing, letters and digits among these ask for Alt as well.
COMMANDS: Final[Mapping[str, str]] = {
    "undo": "u",
    "skip": "s",
    "cant_tell": "x",
    "flag": "f",
    "none": "n",
    "note": "w",
    "guidelines": "g",
    "suggestion": "m",
    "together": "b",
    "zoom_in": "+",
    "zoom_out": "-",
    "zoom_reset": "0",
    "help": "?",
}
# A label never gets these. The digit 0 stays free: it is the tenth label's, and zooming gives way.
RESERVED: Final = frozenset(key for key in COMMANDS.values() if not key.isdigit())
DIGITS: Final = frozenset("123456789")

# What only pictures have.
OF_PICTURES: Final = frozenset({"zoom_in", "zoom_out", "zoom_reset"})

# What each command is called, and what it does.
WORDS: Final[Mapping[str, tuple[Promise, Promise]]] = {
    "undo": (gettext_lazy("Undo"), gettext_lazy("Take the last answer back, as often as you like")),
    "skip": (gettext_lazy("Skip"), gettext_lazy("It comes back later. Then a digit for the reason")),
    "cant_tell": (gettext_lazy("Can't tell"), gettext_lazy("An answer, when nobody could know")),
    "flag": (gettext_lazy("Flag"), gettext_lazy("For the lead, with a note")),
    "none": (gettext_lazy("None of these"), gettext_lazy("No label fits, where several can be chosen")),
    "note": (gettext_lazy("Note"), gettext_lazy("Write a few words that go with the answer")),
    "guidelines": (gettext_lazy("Guidelines"), gettext_lazy("Open or fold them away")),
    "suggestion": (gettext_lazy("Suggestion"), gettext_lazy("Show what the model thinks")),
    "together": (gettext_lazy("Look-alikes"), gettext_lazy("Answer several at once")),
    "zoom_in": (gettext_lazy("Zoom in"), gettext_lazy("Make the picture larger")),
    "zoom_out": (gettext_lazy("Zoom out"), gettext_lazy("Make the picture smaller")),
    "zoom_reset": (gettext_lazy("Whole picture"), gettext_lazy("Show the picture as it was")),
    "help": (gettext_lazy("All keys"), gettext_lazy("Show the list of keys")),
}


class Shown(NamedTuple):
    """A command as a page shows it; ``key`` is blank where no key does it."""

    command: str
    name: Promise
    words: Promise
    key: str


def keys_of(own: Mapping[str, str], labels: Container[str] = ()) -> dict[str, str]:
    """Return the key of each command: a person's ``own`` choice, else the page's; blank: none.

    ``labels`` are keys that answer with a label on that page: there the label wins, the command has no key.
    """
    keys = {command: own.get(command, key) for command, key in COMMANDS.items()}
    return {command: "" if key in labels else key for command, key in keys.items()}


def pressed(keys: Mapping[str, str], find: bool) -> dict[str, str]:
    """Return what a person presses for each command, as ``aria-keyshortcuts`` writes it: «u», «Alt+u»."""
    return {command: _pressed(key, find) for command, key in keys.items()}


def _pressed(key: str, find: bool) -> str:
    name = "Plus" if key == "+" else key
    return f"Alt+{name}" if find and key.isalnum() else name


def shown(keys: Mapping[str, str], commands: Iterable[str] = COMMANDS) -> list[Shown]:
    """Return commands with their names and keys, in the page's order."""
    wanted = set(commands)
    return [Shown(command, *WORDS[command], keys[command]) for command in COMMANDS if command in wanted]


def tidy(key: str) -> str:
    """A key as it is compared: one form for each character, small letters."""
    return unicodedata.normalize("NFC", key).strip().lower()


def clean(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return what to keep of a person's whole choice: where it differs from the page's own keys."""
    keys = {command: tidy(wanted.get(command, own)) for command, own in COMMANDS.items()}
    return {command: key for command, key in keys.items() if key != COMMANDS[command]}


def faults(
    wanted: Mapping[str, str], labels: Mapping[str, str], of_pictures: Mapping[str, str]
) -> dict[str, str]:
    """Say in a sentence, by command, why a choice cannot be kept; empty: it can.

    ``labels`` says by key which label it answers with, and where; ``of_pictures`` likewise, of
    pictures. A key that is the page's own is never refused for a label: there the label wins.
    """
    keys = {command: tidy(wanted.get(command, own)) for command, own in COMMANDS.items()}
    found = {
        command: _fault(command, key, keys, of_pictures if command in OF_PICTURES else labels)
        for command, key in keys.items()
        if key
    }
    return {command: fault for command, fault in found.items() if fault}


def _fault(command: str, key: str, keys: Mapping[str, str], labels: Mapping[str, str]) -> str:
    if len(key) != 1 or not key.isprintable():
        return _("A key is one letter, digit or sign.")
    if key in DIGITS:
        return _("Digits 1 to 9 answer with labels. Choose another key.")
    other = next((name for name, its in keys.items() if its == key and name != command), None)
    if other:
        return _("“%(name)s” has this key, too. Choose another for one of them.") % {"name": WORDS[other][0]}
    if key in labels and key != COMMANDS[command]:
        return _("This key answers with %(label)s. Choose another.") % {"label": labels[key]}
    return ""
