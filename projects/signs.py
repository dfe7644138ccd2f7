"""Signs of work without looking, told to leads: each kind of each person once in a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.urls import reverse

from projects import person_record, records, saying
from projects.models import Annotation, Membership, Notice, Project
from projects.trust import notices

KIND: Final = "person.signal"
# A sign that stays is told again after so long, and people who have been away are let be.
AGAIN: Final = timedelta(days=7)


def watch(project: Project, at: datetime) -> int:
    """Tell leads of signs that they were not told of lately; return how many. Repeating it tells nothing."""
    newest = Annotation.objects.filter(project=project).order_by("-pk").first()
    if newest is None or newest.created_at < at - AGAIN:
        return 0
    found = {person: one.signs for person, one in records.team(project, project.policy).items() if one.signs}
    members = project.memberships.filter(user__in=found, active=True, paused_at=None).select_related("user")
    return sum(_tell(project, member, at, found[member.user_id]) for member in members)


@transaction.atomic
def _tell(project: Project, member: Membership, at: datetime, signs: records.Signs) -> int:
    # Two workers at once: the second sees what the first has told.
    Membership.objects.select_for_update(no_key=True).get(pk=member.pk)
    told = Notice.objects.filter(project=project, kind=KIND, created_at__gt=at - AGAIN)
    lists = told.filter(facts__member=member.pk).values_list("facts__signs", flat=True)
    known = {kind for kinds in lists for kind in kinds or ()}
    new = [sign for sign in signs if sign.kind not in known]
    if not new:
        return 0
    words = saying.joined(person_record.sentences(project, new))
    address = reverse("record", args=[project.pk, member.pk])
    leads = [pk for pk in notices.leads(project) if pk != member.user_id]
    # A notice that waits is counted up: what it told of before is still told.
    facts = {
        "person": str(member.user),
        "signal": saying.kept(words),
        "signs": sorted({*known, *(one.kind for one in new)}),
    }
    notices.tell(leads, project, KIND, address, member=member.pk, **facts)
    return len(new)
