"""An item's history in a few words a line, for whoever decides about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import votes
from projects.models import Event, Item, Label, Project, Resolution

SHOWN: Final = 12
# What an event says, without who said what: that is told after the decision only.
_WORDS: Final = {
    "item.open": gettext_lazy("Asked for answers again"),
    "item.settled": gettext_lazy("Settled as"),
    "item.disputed": gettext_lazy("Handed to leads"),
    "item.stale": gettext_lazy("To be looked at again, since the guidelines changed"),
    "item.excluded": gettext_lazy("Left out"),
    "dispute.undone": gettext_lazy("Decision taken back"),
    "dispute.assigned": gettext_lazy("Handed to"),
    "dispute.model_shown": gettext_lazy("Looked at what the model says"),
}


@dataclass(frozen=True)
class Line:
    """One thing that happened: when, by whom (blank: by itself), what, and the labels that it names."""

    at: datetime
    who: str
    words: str
    labels: Sequence[Label]


def story(project: Project, item: Item, *, names: bool) -> list[Line]:
    """The newest events of an item, newest first; ``names``: also who annotated."""
    found = Event.objects.filter(project=project, item=item).select_related("actor").order_by("-pk")
    labels = votes.named(project)
    lines = [_line(event, labels, names=names) for event in found[: 2 * SHOWN]]
    return [line for line in lines if line is not None][:SHOWN]


def _line(event: Event, labels: dict[int, Label], *, names: bool) -> Line | None:
    after: dict[str, Any] = event.after if isinstance(event.after, dict) else {}
    words = str(_WORDS.get(event.action, ""))
    chosen = [labels[pk] for pk in after.get("label_ids") or [] if pk in labels]
    if event.action == "dispute.resolved":
        words = str(dict(Resolution.Outcome.choices).get(after.get("outcome", ""), _("Decided")))
    elif event.action.startswith("item.") and event.kind in {Event.Kind.LEAD, Event.Kind.ADMIN}:
        return None  # The decision beside it says the same.
    if event.action == "item.settled" and not chosen:
        words = _("Settled: nobody can tell")
    if event.action == "dispute.assigned":
        words = f"{words} {after.get('assigned') or _('nobody')}"
    if not words:
        return None
    return Line(event.at, _who(event, names=names), words, chosen)


def _who(event: Event, *, names: bool) -> str:
    if event.actor is None:
        return ""
    return str(event.actor) if names or event.kind != Event.Kind.PERSON else _("An annotator")
