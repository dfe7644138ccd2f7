"""Shifts: a person says how long, the size follows from their pace, and leases end with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from projects import queue
from projects.errors import Refused
from projects.models import Annotation, Membership, Project, Shift
from projects.quality import standing

# Minutes that the labelling page offers, and what a form may ask for.
OFFERED: Final = (15, 30, 60, 120)
LEAST, MOST = 5, 12 * 60
# A person's pace comes from so many newest answers.
PACED: Final = 200


@dataclass(frozen=True)
class Done:
    """A shift that is over: answers given in it, and the size that was planned."""

    answers: int
    size: int
    minutes: int


def seconds_of(membership: Membership) -> list[float]:
    """How long a person's newest answers took, newest first; without those that nobody timed."""
    mine = Annotation.objects.filter(
        project_id=membership.project_id,
        annotator_id=membership.user_id,
        kind__in=Annotation.COUNTED,
        active_ms__isnull=False,
    )
    times = mine.order_by("-pk").values_list("active_ms", flat=True)[:PACED]
    return [(milliseconds or 0) / 1000 for milliseconds in times]


@transaction.atomic
def start(membership: Membership, minutes: int, at: datetime | None = None) -> Shift:
    """Begin a shift sized to the person's pace; one that is going on ends. What is held moves into it."""
    if not LEAST <= minutes <= MOST:
        raise Refused(_("A shift lasts between five minutes and twelve hours."))
    at = at or now()
    queue.hold(membership)
    if membership.project.state != Project.State.ACTIVE:
        raise Refused(_("Nobody can label here at the moment."))
    _end(membership, at)
    pace = standing.pace(seconds_of(membership))
    made = Shift.objects.create(
        membership=membership,
        started_at=at,
        ends_at=at + timedelta(minutes=minutes),
        size=max(1, round(60 * minutes / pace)),
        answered_before=membership.answered,
    )
    membership.shift = made
    return made


@transaction.atomic
def end(membership: Membership, at: datetime | None = None) -> Shift | None:
    """End the shift that is going on and give back what is held; None where there is none."""
    queue.hold(membership)
    found = _end(membership, at or now())
    if found is not None:
        queue.give_back(membership)
    membership.shift = None
    return found


def _end(membership: Membership, at: datetime) -> Shift | None:
    found = Shift.objects.filter(membership=membership, ended_at=None).first()
    if found is not None:
        found.ended_at = min(at, found.ends_at)
        found.save(update_fields=["ended_at"])
    return found


def newest(membership: Membership) -> Shift | None:
    """The shift that is going on, else the last one."""
    return Shift.objects.filter(membership=membership).order_by("-pk").first()


def done(membership: Membership, shift: Shift) -> Done:
    """What a shift brought: items whose first answer came in it."""
    until = shift.ended_at or min(now(), shift.ends_at)
    answers = Annotation.objects.filter(
        project_id=membership.project_id,
        annotator_id=membership.user_id,
        kind__in=Annotation.COUNTED,
        superseded_by=None,
        created_at__gte=shift.started_at,
        created_at__lte=until,
    ).count()
    return Done(answers, shift.size, max(1, round((until - shift.started_at).total_seconds() / 60)))
