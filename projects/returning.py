"""Items that a lead sent back to those who answered: each looks again, then the votes decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from projects.errors import Refused
from projects.models import Annotation, Assignment, Item, Membership, Project, QueueEntry

_State = Assignment.State
# Assignments by which a person still has to look again.
WAITING = (_State.SENT_BACK, _State.LEASED)


def people(item: Item) -> list[int]:
    """The ids of those whose answer or flag stands and who may be asked again.

    Not those who got it as a known item: that checked them, and must not be told.
    """
    kinds = (*Annotation.COUNTED, Annotation.Kind.FLAG)
    said = Annotation.objects.filter(item=item, superseded_by=None, kind__in=kinds)
    here = Membership.objects.filter(
        project_id=item.project_id, active=True, paused_at=None, excluded_at=None
    )
    asked = said.filter(annotator_id__in=here.values("user_id")).exclude(stream=QueueEntry.Stream.GOLD)
    found = asked.order_by("annotator_id")
    return list(found.values_list("annotator_id", flat=True))


def hold(item_id: int) -> None:
    """Hold what people have in hand of an item: assignments come before the item in the order of locks."""
    mine = Assignment.objects.filter(item_id=item_id).order_by("pk").select_for_update(no_key=True)
    list(mine.values_list("pk", flat=True))


def send_back(item: Item, note: str, at: datetime) -> list[int]:
    """Ask those who answered to look again; nobody else gets a place. Return their ids.

    The caller holds the assignments and the item. Refused where nobody who answered is still here.
    """
    asked = people(item)
    mine = Assignment.objects.filter(item=item, annotator_id__in=asked)
    if not asked or not mine.exists():
        raise Refused(_("Nobody who answered it can be asked now. Ask another person instead."))
    live = QueueEntry.objects.filter(item=item, state=QueueEntry.State.LIVE)
    live.update(state=QueueEntry.State.WITHDRAWN)
    entry = QueueEntry.objects.create(
        project_id=item.project_id,
        item=item,
        rank=0,
        stream=QueueEntry.Stream.RETURNED,
        reason={"why": "returned"},
        places=len(asked),
        free=0,
    )
    mine.update(entry=entry, state=_State.SENT_BACK, placed=True, note=note, expires_at=at)
    return asked


def take_back(item: Item) -> None:
    """Let those who were asked to look again be; what they said before stands. The caller holds as above."""
    returned = Assignment.objects.filter(item=item, entry__stream=QueueEntry.Stream.RETURNED)
    returned.filter(state__in=WAITING).update(state=_State.SUBMITTED, note="")


def own_answers(assignments: Sequence[Assignment], project: Project) -> dict[int, str]:
    """What those who look again said themselves, by item id; of others they are told nothing."""
    mine = [one for one in assignments if one.entry.stream == QueueEntry.Stream.RETURNED]
    if not mine:
        return {}
    names = dict(project.labels.values_list("pk", "name"))
    said = Annotation.objects.filter(
        item_id__in=[one.item_id for one in mine],
        annotator_id=mine[0].annotator_id,
        superseded_by=None,
        kind__in=Annotation.COUNTED,
    )
    return {one.item_id: _("Your answer was: %(answer)s.") % {"answer": _worded(one, names)} for one in said}


def _worded(annotation: Annotation, names: Mapping[int, str]) -> str:
    if annotation.kind == Annotation.Kind.CANT_TELL:
        return _("can't tell")
    return ", ".join(names.get(pk, "?") for pk in annotation.labels) or _("none of these")


def waits(item: Item) -> bool:
    """Whether somebody still has to look again: until then an item that was sent back stays open."""
    live = {"entry__stream": QueueEntry.Stream.RETURNED, "entry__state": QueueEntry.State.LIVE}
    return held(Assignment.objects.filter(item=item, **live)).exists()


def held(assignments: QuerySet[Assignment]) -> QuerySet[Assignment]:
    """Those by which an answer may still come: in somebody's hands, or sent back to who may still work."""
    theirs = {"project": OuterRef("project"), "user": OuterRef("annotator")}
    here = Membership.objects.filter(**theirs, active=True, paused_at=None, excluded_at=None)
    return assignments.filter(Q(state=_State.LEASED) | Q(Exists(here), state=_State.SENT_BACK))
