"""Leaving a person's votes out of what labels rest on: previewed, done as one act, and taken back exactly.

The votes stay as they are. ``Membership.excluded_at`` says that they count for nothing; every item that has
one is judged anew. What a lead decided never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import now
from django.utils.translation import gettext as _

from projects import audit, settle
from projects.audit import Act
from projects.errors import Refused
from projects.models import Annotation, Dispute, Event, Item, Membership, QueueEntry

# A preview tries so many items; beyond that it says «about».
TRIED: Final = 200
_State = Item.State


@dataclass(frozen=True)
class Effect:
    """What becomes of settled items; ``items`` have a vote of the person that counts or would count.

    ``changed`` get another label, ``reopened`` are asked again, ``disputed`` go to a lead. ``about``: the
    numbers come from a part of the items.
    """

    items: int
    changed: int = 0
    reopened: int = 0
    disputed: int = 0
    about: bool = False


def concerned(membership: Membership) -> QuerySet[Item]:
    """Items on which a person's vote stands and could decide: none that a lead decided."""
    mine = Annotation.objects.filter(
        project_id=membership.project_id,
        annotator_id=membership.user_id,
        superseded_by=None,
        kind__in=Annotation.COUNTED,
    ).exclude(stream=QueueEntry.Stream.GOLD)
    return (
        Item.objects.filter(pk__in=mine.values("item_id"))
        .exclude(state=_State.EXCLUDED)
        .exclude(state=_State.SETTLED, settled_source__in=settle.FIXED)
    )


def preview(membership: Membership, at: datetime | None = None) -> Effect:
    """Say what leaving a person's votes out would do, by doing it and taking it back at once."""
    found = concerned(membership)
    total = found.count()
    ids = list(found.order_by("shuffle").values_list("pk", flat=True)[:TRIED])
    with transaction.atomic():
        member = _hold(membership)
        before = _labels(ids)
        member.excluded_at = at or now()
        member.save(update_fields=["excluded_at"])
        settle.rejudge_items(member.project, ids, Act(member.project), member.excluded_at)
        tried = _effect(before, _labels(ids))
        transaction.set_rollback(True)
    if total <= len(ids):
        return tried
    times = total / len(ids)
    scaled = {name: round(times * getattr(tried, name)) for name in ("changed", "reopened", "disputed")}
    return Effect(total, **scaled, about=True)


@transaction.atomic
def exclude(
    membership: Membership, lead: AbstractBaseUser, reason: str, at: datetime | None = None
) -> Effect:
    """Let a person's votes count for nothing; the items that they were given on are judged anew."""
    if not reason.strip():
        raise Refused(_("Say why: the reason stands in the record."))
    at = at or now()
    project = audit.hold(membership.project)
    member = _hold(membership)
    if member.excluded_at is not None:
        raise Refused(_("These votes are left out already."))
    ids = list(concerned(member).values_list("pk", flat=True))
    before, whole = _labels(ids), _snapshots(ids)
    member.excluded_at = at
    member.save(update_fields=["excluded_at"])
    act = audit.by(project, lead, reason.strip(), uuid4())
    settle.rejudge_items(project, ids, act, at)
    effect = _effect(before, _labels(ids))
    disputed = Item.objects.filter(pk__in=whole, state=_State.DISPUTED).values_list("pk", flat=True)
    after = {"member": member.pk, "items": effect.items, "disputed": {str(pk): whole[pk] for pk in disputed}}
    audit.record(
        project,
        lead,
        "person.excluded",
        str(member.user),
        before={"excluded": False},
        after={"excluded": True, "changed": effect.changed, "reopened": effect.reopened, **after},
        reason=reason.strip(),
        bulk=act.bulk,
    )
    return effect


@transaction.atomic
def include(membership: Membership, lead: AbstractBaseUser, at: datetime | None = None) -> Effect:
    """Let a person's votes count again. What nobody touched meanwhile is exactly as it was before."""
    at = at or now()
    project = audit.hold(membership.project)
    member = _hold(membership)
    if member.excluded_at is None:
        raise Refused(_("These votes count."))
    ids = list(concerned(member).values_list("pk", flat=True))
    before, since = _labels(ids), member.excluded_at
    member.excluded_at = None
    member.save(update_fields=["excluded_at"])
    act = audit.by(project, lead, "", uuid4())
    restored = _undispute(member, since, act, at)
    settle.rejudge_items(project, [pk for pk in ids if pk not in restored], act, at)
    effect = _effect(before, _labels(ids))
    audit.record(
        project,
        lead,
        "person.included",
        str(member.user),
        before={"excluded": True},
        after={"excluded": False, "member": member.pk, "items": effect.items, "changed": effect.changed},
        bulk=act.bulk,
    )
    return effect


def _undispute(member: Membership, since: datetime, act: Act, at: datetime) -> set[int]:
    """Close disputes that only the missing votes made, and give their items back what they were."""
    events = Event.objects.filter(project_id=member.project_id, action="person.excluded")
    last = events.filter(after__member=member.pk).order_by("-pk").first()
    kept: dict[str, dict[str, Any]] = last.after["disputed"] if last and last.after else {}
    untouched = Dispute.objects.filter(
        item_id__in=[int(pk) for pk in kept], state=Dispute.State.OPEN, opened_at=since, version=1
    )
    items = Item.objects.filter(pk__in=untouched.values("item_id"), state=_State.DISPUTED).order_by("pk")
    restored = set()
    for item in items.select_for_update(no_key=True).defer("text", "metadata", "gold"):
        said = Annotation.objects.filter(item=item, created_at__gt=since)
        if said.exists():
            continue
        facts = kept[str(item.pk)]
        untouched.filter(item=item).update(state=Dispute.State.DISMISSED, closed_at=at)
        settle.become(item, act, at, **{**facts, "settled_at": parse_datetime(facts["settled_at"])})
        restored.add(item.pk)
    return restored


def _hold(membership: Membership) -> Membership:
    members = Membership.objects.select_for_update(of=("self",), no_key=True)
    return members.select_related("project", "user").get(pk=membership.pk)


def _labels(ids: list[int]) -> dict[int, tuple[str, Any]]:
    rows = Item.objects.filter(pk__in=ids).values_list("pk", "state", "settled_labels")
    return {pk: (state, labels) for pk, state, labels in rows}


def _snapshots(ids: list[int]) -> dict[int, dict[str, Any]]:
    """What settled items rest on, whole, as JSON keeps it."""
    names = [name for name in settle.EMPTY if name != "settled_at"]
    rows = Item.objects.filter(pk__in=ids, state=_State.SETTLED).values("pk", "settled_at", *names)
    return {
        row["pk"]: {**{name: row[name] for name in names}, "settled_at": row["settled_at"].isoformat()}
        for row in rows
        if row["settled_at"]
    }


def _effect(before: dict[int, tuple[str, Any]], after: dict[int, tuple[str, Any]]) -> Effect:
    pairs = [(before[pk], after[pk]) for pk in before]
    moved = [(old[0], new[0]) for old, new in pairs if old[0] != new[0]]
    return Effect(
        items=len(pairs),
        changed=sum(old[0] == new[0] == _State.SETTLED and old[1] != new[1] for old, new in pairs),
        reopened=sum(new == _State.OPEN for _old, new in moved),
        disputed=sum(new == _State.DISPUTED for _old, new in moved),
    )
