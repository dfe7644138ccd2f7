"""Which key does what on the labelling page, for everybody and as a person likes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Where labels are found by typing, each of these asks for Alt as well.
COMMANDS: Final[Mapping[str, str]] = {
    "undo": "u",
    "skip": "s",
    "cant_tell": "x",
    "flag": "f",
    "none": "n",
    "guidelines": "g",
    "suggestion": "m",
    "together": "b",
    "zoom_in": "+",
    "zoom_out": "-",
    "zoom_reset": "0",
    "help": "?",
}


def keys_of(own: Mapping[str, str]) -> dict[str, str]:
    """Return the key of each command: a person's ``own`` choice, else the page's; blank: none."""
    return {command: own.get(command, key) for command, key in COMMANDS.items()}
