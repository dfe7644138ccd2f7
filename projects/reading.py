"""How texts are read: what a person likes, and which language an item is in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from projects.models import Item, Project

# What a person may choose; the first of each is what everybody starts with.
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "size": ("m", "s", "l", "xl"),
    "width": ("normal", "narrow", "wide"),
    "lines": ("normal", "close", "loose"),
}

# A language tag that is well formed, RFC 5646, section 2.1: language, script, region, variants, extensions,
# private use. The grandfathered ones, which nobody should write any more, are left out.
_TAG: Final = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})"
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*"
    r"(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*"
    r"(?:-x(?:-[a-z\d]{1,8})+)?",
    re.IGNORECASE | re.ASCII,
)
_LONGEST: Final = 35


def preferences(stored: object) -> dict[str, str]:
    """Return a value for each choice: the stored one where it is allowed, else what everybody starts with."""
    own = stored if isinstance(stored, dict) else {}
    return {name: own[name] if own.get(name) in allowed else allowed[0] for name, allowed in CHOICES.items()}


def tag(value: object) -> str:
    """Return a language tag (BCP 47) as it is written, or blank for what is none."""
    if not isinstance(value, str):
        return ""
    written = value.strip().replace("_", "-")
    return written if len(written) <= _LONGEST and _TAG.fullmatch(written) else ""


def language(item: Item, project: Project) -> str:
    """Return the language of an item's text: its own, else the project's; blank where nobody knows."""
    named = item.metadata.get(project.language_field) if project.language_field else None
    return tag(named) or tag(project.language)


class Piece(NamedTuple):
    """A part of a long text that a browser lays out by itself: whole paragraphs."""

    text: str
    several: bool


# Characters of one piece: about what a screen holds.
_PIECE: Final = 1500


def pieces(text: str) -> list[Piece]:
    """Cut a text into pieces at ends of lines; together they are the text, to the last sign."""
    found, held = [], ""
    for paragraph in re.findall(r"[^\n]*\n|[^\n]+", text):
        if held and len(held) + len(paragraph) > _PIECE:
            found.append(held)
            held = ""
        held += paragraph
    return [Piece(part, "\n" in part[:-1]) for part in [*found, held] if part]
