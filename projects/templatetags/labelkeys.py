"""Keys and groups of labels, as the labelling page shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from projects.models import Label

register = template.Library()


class Section(NamedTuple):
    """Labels of one group; ``path`` is «Vehicles / Cars», ``level`` how deep that is, 0: in no group."""

    path: str
    name: str
    level: int
    labels: list[Label]


@register.filter
def grouped(labels: Iterable[Label], find: bool) -> list[Section]:
    """Return labels by group as a tree is read: those in no group first, a group before what is in it.

    Where labels are not found by typing all are in one section, as the admin ordered them.
    """
    if not find:
        return [Section("", "", 0, list(labels))]
    sections = {"": Section("", "", 0, [])}
    below: dict[str, list[str]] = {"": []}
    for label in labels:
        path = ""
        for name in filter(None, label.group.split(" / ")):
            above, path = path, f"{path} / {name}" if path else name
            if path not in sections:
                sections[path] = Section(path, name, sections[above].level + 1, [])
                below[path] = []
                below[above].append(path)
        sections[path].labels.append(label)
    return _read(sections, below, "")


def _read(sections: dict[str, Section], below: dict[str, list[str]], path: str) -> list[Section]:
    return [sections[path], *(one for deeper in below[path] for one in _read(sections, below, deeper))]


@register.simple_tag
def shortcut(pressed: str) -> SafeString:
    """Return the attribute that tells assistive technology which key does it, or nothing."""
    return format_html(' aria-keyshortcuts="{}"', pressed) if pressed else SafeString()


@register.simple_tag
def kbd(pressed: str) -> SafeString:
    """Return the key as people read it on a button, or nothing."""
    words = pressed.replace("Alt+", "Alt ").replace("Plus", "+") if pressed else ""
    return format_html(' <kbd dir="ltr">{}</kbd>', words) if words else SafeString()
