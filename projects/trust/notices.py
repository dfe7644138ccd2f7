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
        notice.facts = {**notice.facts, **facts, "count": times}
        # It is news again, also for a person who had a mail about the first.
        notice.created_at, notice.mailed_at = now(), None
    Notice.objects.bulk_update(known.values(), ["facts", "created_at", "mailed_at"])
    Notice.objects.bulk_create(
        Notice(user_id=pk, project=project, kind=kind, facts=facts, address=address)
        for pk in wanted
        if pk not in known
    )


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
    earlier = Notice.objects.filter(user_id__in=people, project=project, kind="dispute.opened")
    for user_id, facts in earlier.order_by("pk").values_list("user_id", "facts"):
        told[user_id] = max(told[user_id], int(facts.get("last", 0)))
    for last in sorted({last for last in told.values() if last < newest}):
        behind = [pk for pk in people if told[pk] == last]
        count = waiting.filter(pk__gt=last).count()
        tell(behind, project, "dispute.opened", address, count=count, last=newest)


def mine(user_id: int) -> QuerySet[Notice]:
    """A person's notices, of projects that he may see."""
    member = Membership.objects.filter(user_id=user_id, project=OuterRef("project"), active=True)
    return Notice.objects.filter(Exists(member), user_id=user_id)


def unread(user_id: int) -> int:
    """How many notices a person has not read, counted up to a hundred."""
    return mine(user_id).filter(read_at=None)[:MOST_COUNTED].count()


def read(user_id: int, at: datetime, notice_id: int | None = None) -> None:
    """Mark one notice as read, or all."""
    fresh = Notice.objects.filter(user_id=user_id, read_at=None)
    (fresh if notice_id is None else fresh.filter(pk=notice_id)).update(read_at=at)
