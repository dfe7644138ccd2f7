"""What people are told: in the page at once, by mail together with what else happened (see mailing)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now

from projects.models import Dispute, Membership, Notice, Project

# Nobody needs to know whether it is more.
MOST_COUNTED = 100
OPENED = "dispute.opened"


@transaction.atomic
def tell(user_ids: Iterable[int], project: Project, kind: str, address: str = "", **facts: Any) -> None:
    """Leave a notice for each person; ``kind`` names its sentence, ``facts`` fills it in.

    Who has not read an earlier one of this kind and address has that one counted up instead. One that another
    transaction holds is not waited for: then there are two, and nobody stands still.
    """
    wanted = dict.fromkeys(user_ids)
    unread = Notice.objects.filter(
        user_id__in=wanted, project=project, kind=kind, address=address, read_at=None
    )
    held = unread.order_by("pk").select_for_update(skip_locked=True, no_key=True)
    known = {notice.user_id: notice for notice in held}
    for notice in known.values():
        times = int(notice.facts.get("count", 1)) + int(facts.get("count", 1))
        notice.facts = {**notice.facts, **facts, "count": times, **_kept(notice.facts, facts)}
        # It is news again, also for a person who had a mail about the first.
        notice.created_at, notice.mailed_at = now(), None
    Notice.objects.bulk_update(known.values(), ["facts", "created_at", "mailed_at"])
    Notice.objects.bulk_create(
        Notice(user_id=pk, project=project, kind=kind, facts=facts, address=address)
        for pk in wanted
        if pk not in known
    )


def _kept(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What a notice keeps of what it told before: each item that it is about, and where it began to count."""
    found = {name: [*old.get(name, []), *new[name]] for name in ("numbers",) if name in new}
    return {**found, "after": old.get("after", 0)} if "after" in new else found


@transaction.atomic
def withdraw(project: Project, kind: str, number: int) -> None:
    """Let nobody read any more what is undone of an item; of several items the others are still told.

    Who was told by mail finds it among the read ones. What is held at this moment is being read.
    """
    unread = Notice.objects.filter(project=project, kind=kind, read_at=None)
    # Of several items only the newest stands in «number».
    held = unread.filter(Q(facts__number=number) | Q(facts__count__gt=1)).order_by("pk")
    for notice in held.select_for_update(skip_locked=True, no_key=True):
        numbers = notice.facts.get("numbers", [notice.facts.get("number")])
        if number not in numbers:
            continue
        left = [one for one in numbers if one != number]
        if left:
            notice.facts = {**notice.facts, "numbers": left, "number": left[-1], "count": len(left)}
            notice.save(update_fields=["facts"])
        elif notice.mailed_at is None:
            notice.delete()
        else:
            notice.facts, notice.read_at = {**notice.facts, "undone": True}, now()
            notice.save(update_fields=["facts", "read_at"])


def leads(project: Project, but: int | None = None) -> list[int]:
    """The ids of those who may decide in a project, without ``but``."""
    able = Q(role=Membership.Role.LEAD) | Q(role=Membership.Role.ADMIN)
    found = Membership.objects.filter(able, project=project, active=True).exclude(user_id=but or 0)
    return list(found.values_list("user_id", flat=True))


def tell_of_disputes(project: Project, address: str) -> None:
    """Tell leads of disputes that were opened since they were last told, all in one notice.

    Called every now and then, not where a dispute is opened: a thousand at once are one notice, and who
    opens one waits for nobody's notices. What was told last stands in the notice itself.
    """
    waiting = Dispute.objects.filter(project=project, state=Dispute.State.OPEN).order_by("-pk")
    newest = waiting.values_list("pk", flat=True).first()
    if newest is None:
        return
    people = leads(project)
    told = dict.fromkeys(people, 0)
    earlier = Notice.objects.filter(user_id__in=people, project=project, kind=OPENED)
    for user_id, facts in earlier.order_by("pk").values_list("user_id", "facts"):
        told[user_id] = max(told[user_id], int(facts.get("last", 0)))
    for last in sorted({last for last in told.values() if last < newest}):
        behind = [pk for pk in people if told[pk] == last]
        count = waiting.filter(pk__gt=last).count()
        tell(behind, project, OPENED, address, count=count, last=newest, after=last)


def mine(user_id: int) -> QuerySet[Notice]:
    """A person's notices, of projects that he may see."""
    member = Membership.objects.filter(user_id=user_id, project=OuterRef("project"), active=True)
    return Notice.objects.filter(Exists(member), user_id=user_id)


def fresh(user_id: int) -> QuerySet[Notice]:
    """What a person has not read and should: not that disputes wait where none waits any more."""
    return still(mine(user_id).filter(read_at=None))


def still(found: QuerySet[Notice]) -> QuerySet[Notice]:
    """Leave out notices of new disputes of projects where no dispute waits any more."""
    waiting = Dispute.objects.filter(project=OuterRef("project"), state=Dispute.State.OPEN)
    return found.filter(~Q(kind=OPENED) | Exists(waiting))


def as_of_now(found: Iterable[Notice]) -> list[Notice]:
    """Give notices of new disputes the number of those that wait now, and drop where that is none."""
    kept = []
    for notice in found:
        if notice.kind == OPENED and notice.read_at is None:
            opened = Dispute.objects.filter(project=notice.project_id, state=Dispute.State.OPEN)
            count = opened.filter(pk__gt=notice.facts.get("after", 0)).count()
            if not count:
                continue
            notice.facts = {**notice.facts, "count": count}
        kept.append(notice)
    return kept


def unread(user_id: int) -> int:
    """How many notices a person has not read, counted up to a hundred."""
    return fresh(user_id)[:MOST_COUNTED].count()


def read(user_id: int, at: datetime, notice_id: int | None = None) -> None:
    """Mark one notice as read, or all; of disputes it keeps how many waited then."""
    unread = Notice.objects.filter(user_id=user_id, read_at=None)
    unread = unread if notice_id is None else unread.filter(pk=notice_id)
    for notice in as_of_now(unread.filter(kind=OPENED)):
        unread.filter(pk=notice.pk).update(facts=notice.facts)
    unread.update(read_at=at)
