"""Small pieces of the set-up pages: colours by name, events in words."""

from __future__ import annotations

from typing import Final

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from projects import audit, history, labelset
from projects.files.problems import notes_told, refusal
from projects.models import Event

# Subjects of events are kept for ever, in English.
SUBJECTS: Final = {
    "Item": gettext_lazy("Item %(number)d"),
    "Model": gettext_lazy("Model %(number)s"),
    "Version": gettext_lazy("Version %(number)s"),
}
register = template.Library()
register.filter(refusal)
register.filter("notes", notes_told)
register.filter("why", audit.why)

HUES: Final = {
    1: gettext_lazy("Blue"),
    2: gettext_lazy("Orange"),
    3: gettext_lazy("Cyan"),
    4: gettext_lazy("Pink"),
    5: gettext_lazy("Green"),
    6: gettext_lazy("Violet"),
    7: gettext_lazy("Amber"),
    8: gettext_lazy("Sky"),
    9: gettext_lazy("Red"),
    10: gettext_lazy("Teal"),
    11: gettext_lazy("Purple"),
    12: gettext_lazy("Olive"),
}


@register.simple_tag
def hue_options(chosen: int) -> SafeString:
    """Return the options of the twelve colours; quick, since a list may have hundreds of such menus."""
    rows = ((number, " selected" if number == chosen else "", str(name)) for number, name in HUES.items())
    return format_html_join("", '<option value="{}"{}>{}</option>', rows)


@register.filter
def event_changes(event: Event) -> list[history.Change]:
    """Say from what to what."""
    return history.changes(event)


@register.filter
def subject(event: Event) -> str:
    """Say what an event is about in the language of the page; names of labels and people stay as they are."""
    if event.action == "label.sorted":
        return gettext("A to Z")
    if event.action == "label.added" and isinstance(event.after, dict) and "names" in event.after:
        return str(labelset.counted(len(event.after["names"])))
    what, _space, number = event.subject.partition(" ")
    if what not in SUBJECTS or not number.isdecimal() or event.action.startswith("label"):
        return event.subject
    return str(SUBJECTS[what]) % {"number": int(number)}
