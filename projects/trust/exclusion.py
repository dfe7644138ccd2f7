"""Leaving a person's votes out of what labels rest on: previewed, done as one act, and taken back exactly.

The votes stay as they are. ``Membership.excluded_at`` says that they count for nothing; every item that has
one is judged anew, a chunk at a time: ``Membership.recounted`` says up to which item that is done. What a
lead decided never changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic, sleep
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
from projects.trust import notices, standing

# A preview tries so many items; beyond that it says that it is a sample.
TRIED: Final = 50
# Items that are judged anew in one transaction, and for so long in a request; the tick goes on.
CHUNK: Final = 100
REQUEST_SECONDS: Final = 2.0
# Between two chunks others get the one writer of a small database.
PAUSE: Final = 0.1
_State = Item.State
_COUNTS: Final = ("items", "changed", "reopened", "disputed")


@dataclass(frozen=True)
class Effect:
    """What becomes of settled items; ``items`` have a vote of the person that counts or would count.

    ``changed`` get another label, ``reopened`` are asked again, ``disputed`` go to a lead. ``tried``: so many
    items of a sample the numbers come from, 0: from all; ``left`` are still to be judged.
    """

    items: int
    changed: int = 0
    reopened: int = 0
    disputed: int = 0
    tried: int = 0
    left: int = 0

    def __add__(self, other: Effect) -> Effect:
        pairs = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        return replace(self, **pairs)


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
    return Effect(total, **scaled, tried=len(ids))


def exclude(
    membership: Membership, lead: AbstractBaseUser, reason: str, at: datetime | None = None
) -> Effect:
    """Let a person's votes count for nothing; the items that they were given on are judged anew.

    That takes long where there are many: what is done at once is told, and the tick goes on with the rest.
    """
    if not reason.strip():
        raise Refused(_("Say why: the reason stands in the record."))
    at = at or now()
    with transaction.atomic():
        project = audit.hold(membership.project)
        member = _hold(membership)
        if member.excluded_at is not None:
            raise Refused(_("These votes are left out already."))
        standing.stop(member)
        _begin(member, at)
        after = {"excluded": True, "member": member.pk, "items": concerned(member).count()}
        audit.record(
            project,
            lead,
            "person.excluded",
            str(member.user),
            before={"excluded": False},
            after=after,
            reason=reason.strip(),
            bulk=uuid4(),
        )
    return _recount_now(membership, at)


def include(membership: Membership, lead: AbstractBaseUser, at: datetime | None = None) -> Effect:
    """Let a person's votes count again. What nobody touched meanwhile is exactly as it was before.

    Also where leaving them out was not through yet. Nobody does it for themselves while another lead is
    there.
    """
    at = at or now()
    with transaction.atomic():
        project = audit.hold(membership.project)
        member = _hold(membership)
        if member.excluded_at is None:
            raise Refused(_("These votes count."))
        if member.user_id == lead.pk and notices.leads(project, but=lead.pk):
            raise Refused(_("Another lead has to do this."))
        _begin(member, None)
        standing.start(member)
        audit.record(
            project,
            lead,
            "person.included",
            str(member.user),
            before={"excluded": True},
            after={"excluded": False, "member": member.pk, "items": concerned(member).count()},
            bulk=uuid4(),
        )
    return _recount_now(membership, at)


# --- a chunk at a time -----------------------------------------------------------------------------------


def recount(membership: Membership, at: datetime | None = None) -> Effect | None:
    """Judge the next items anew that a person's votes were given on; None when all are done.

    Each chunk stands for itself: whoever comes after a worker that was killed goes on where it ended.
    """
    with transaction.atomic():
        member = _hold(membership)
        if member.recounted is None:
            return None
        at = at or now()
        found = concerned(member).filter(pk__gt=member.recounted).order_by("pk")
        ids = list(found.values_list("pk", flat=True)[:CHUNK])
        effect = _judge(member, ids, at)
        member.recounted = ids[-1] if len(ids) == CHUNK else None
        member.save(update_fields=["recounted"])
        return effect


def recount_all(until: float) -> None:
    """Go on with whatever is left, until a time of the monotonic clock; doing it twice does no harm."""
    for membership in Membership.objects.filter(recounted__isnull=False).order_by("pk"):
        while monotonic() < until and recount(membership) is not None:
            sleep(PAUSE)


def progress(membership: Membership) -> tuple[int, int] | None:
    """How many items are judged anew, of how many; None when all are."""
    if membership.recounted is None:
        return None
    found = concerned(membership)
    return found.filter(pk__lte=membership.recounted).count(), found.count()


def _begin(member: Membership, excluded_at: datetime | None) -> None:
    member.excluded_at, member.recounted = excluded_at, 0
    member.save(update_fields=["excluded_at", "recounted"])


def _recount_now(membership: Membership, at: datetime) -> Effect:
    """Judge as much as a request may take; ``left`` says how much that leaves."""
    end, done = monotonic() + REQUEST_SECONDS, Effect(0)
    while (effect := recount(membership, at)) is not None:
        done += effect
        if monotonic() > end:
            break
    so_far = progress(Membership.objects.get(pk=membership.pk))
    return replace(done, left=so_far[1] - so_far[0] if so_far else 0)


def _judge(member: Membership, ids: list[int], at: datetime) -> Effect:
    """Judge these items anew as part of the act that began it, and write down what it came to."""
    if (begun := _begun(member)) is None:
        raise LookupError(f"nothing says why the votes of member {member.pk} are judged anew")
    before, whole = _labels(ids), _snapshots(ids)
    policy = member.project.policy.version
    act = Act(member.project, begun.actor_id, begun.kind, policy, begun.reason, begun.bulk)
    restored = set() if member.excluded_at else _undispute(member, ids, act, at)
    settle.rejudge_items(member.project, [pk for pk in ids if pk not in restored], act, at)
    after = _labels(ids)
    effect = _effect(before, after)
    disputed = {str(pk): facts for pk, facts in whole.items() if after[pk][0] == _State.DISPUTED}
    if effect.changed or effect.reopened or effect.disputed:
        audit.record(
            member.project,
            begun.actor,
            "person.recounted",
            str(member.user),
            after={
                "member": member.pk,
                "first": ids[0],
                "last": ids[-1],
                "changed": effect.changed,
                "reopened": effect.reopened,
                "disputed": disputed,
                "at": at.isoformat(),
            },
            reason=begun.reason,
            bulk=begun.bulk,
        )
    return effect


def _begun(member: Membership, action: str = "") -> Event | None:
    """The event by which a person's votes were last left out or let count again."""
    actions = [action] if action else ["person.excluded", "person.included"]
    events = Event.objects.filter(project_id=member.project_id, action__in=actions, after__member=member.pk)
    return events.select_related("actor").order_by("-pk").first()


def _undispute(member: Membership, ids: list[int], act: Act, at: datetime) -> set[int]:
    """Close disputes that only the missing votes made, and give their items back what they were."""
    left_out = _begun(member, "person.excluded")
    if left_out is None or not ids:
        return set()
    parts = Event.objects.filter(bulk=left_out.bulk, action="person.recounted", project_id=member.project_id)
    restored = set()
    for part in parts.filter(after__first__lte=ids[-1], after__last__gte=ids[0]):
        told: dict[str, Any] = part.after or {}
        here = {int(pk): facts for pk, facts in told["disputed"].items() if ids[0] <= int(pk) <= ids[-1]}
        restored |= _restore(here, datetime.fromisoformat(told["at"]), act, at)
    return restored


def _restore(kept: dict[int, dict[str, Any]], since: datetime, act: Act, at: datetime) -> set[int]:
    """Give items back what ``kept`` says, where nothing happened to their disputes since these opened."""
    untouched = Dispute.objects.filter(item_id__in=kept, state=Dispute.State.OPEN, opened_at=since, version=1)
    items = Item.objects.filter(pk__in=untouched.values("item_id"), state=_State.DISPUTED).order_by("pk")
    restored = set()
    for item in items.select_for_update(no_key=True).defer("text", "metadata", "gold"):
        if Annotation.objects.filter(item=item, created_at__gt=since).exists():
            continue
        facts = kept[item.pk]
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
