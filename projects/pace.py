"""How a person gets on: answers and active time of today, the pace, and what is left at it.

Everything comes from a bounded number of the person's own newest judgements: no cost grows with the project.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from statistics import mean, median, stdev
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, Sum
from django.utils.timezone import get_current_timezone, localtime, now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from projects import queries, shifts
from projects.models import Annotation, Assignment, Membership, Policy, QueueEntry

# Few people give more judgements in a day, and nobody so many; older ones are not looked at.
MANY: Final = 500
DAY: Final = 5_000
# From so many timed answers on there is a pace.
ENOUGH: Final = 5
# Half the width of a range, in standard errors: nine in ten such ranges hold the mean.
NINE_IN_TEN: Final = 1.645


@dataclass(frozen=True)
class Pace:
    """Answers and active milliseconds of today; seconds an answer takes, None: not known yet; items left.

    ``least`` and ``most`` bound the mean of seconds, ``low`` and ``high`` the items: how many fall to this
    person depends on how much the others do.
    """

    today: int
    today_ms: int
    median: float | None
    mean: float | None
    least: float
    most: float
    low: int
    high: int

    @property
    def hourly(self) -> int | None:
        """Answers in an hour of active time."""
        return round(3600 / self.mean) if self.mean else None

    @property
    def active(self) -> str:
        """Active time of today in words."""
        return duration(self.today_ms / 60_000)

    @property
    def left(self) -> str:
        """Items left for this person, in words."""
        if self.low == self.high:
            return f"{self.high:,}"
        return _("%(low)s to %(high)s") % {"low": f"{self.low:,}", "high": f"{self.high:,}"}

    @property
    def minutes(self) -> str:
        """How long that takes at this pace, as a range; blank where nobody can say."""
        if self.mean is None or not self.high:
            return ""
        least, most = duration(self.low * self.least / 60), duration(self.high * self.most / 60)
        return least if least == most else _("%(least)s to %(most)s") % {"least": least, "most": most}

    def as_json(self) -> dict[str, Any]:
        """The same for the page's script, which goes on counting."""
        return {
            "today": self.today,
            "todayMs": self.today_ms,
            "low": self.low,
            "high": self.high,
            "least": self.least,
            "most": self.most,
            "known": self.mean is not None,
        }


def of(membership: Membership, policy: Policy, labelled: int, zone: str = "") -> Pace:
    """Work out a person's pace; ``labelled`` items of the project are done, ``zone`` names a time zone."""
    today = _today(membership, zone)
    seconds = shifts.seconds_of(membership)
    low, high = _left(membership, policy, labelled)
    if len(seconds) < ENOUGH:
        return Pace(*today, None, None, 0.0, 0.0, low, high)
    typical = max(mean(seconds), 0.1)
    error = NINE_IN_TEN * stdev(seconds) / math.sqrt(len(seconds))
    bounds = max(typical - error, typical / 2), typical + error
    return Pace(*today, median(seconds), typical, *bounds, low, high)


def duration(minutes: float) -> str:
    """A stretch of time in words, no more exact than it can be."""
    if minutes < 1:
        return _("under a minute")
    if minutes < 60:
        whole = _rounded(minutes)
        return ngettext("%(count)s min", "%(count)s min", whole) % {"count": whole}
    hours, rest = divmod(5 * round(minutes / 5), 60)
    if hours >= 10 or not rest:
        return ngettext("%(count)s h", "%(count)s h", hours) % {"count": f"{round(minutes / 60):,}"}
    return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": rest}


def _rounded(minutes: float) -> int:
    return round(minutes) if minutes < 20 else 5 * round(minutes / 5)


def _today(membership: Membership, zone: str) -> tuple[int, int]:
    """Items answered, and milliseconds spent, since midnight where the person is."""
    mine = Annotation.objects.filter(project_id=membership.project_id, annotator_id=membership.user_id)
    begun, newest = midnight(now(), zone), mine.order_by("-pk")
    since = Q(created_at__gte=begun)
    stands = since & Q(kind__in=Annotation.COUNTED, superseded_by=None)
    further = newest.values_list("created_at", flat=True)[MANY : MANY + 1].first()
    most = DAY if further and further >= begun else MANY
    sums = newest[:most].aggregate(answers=Count("pk", filter=stands), spent=Sum("active_ms", filter=since))
    return sums["answers"], sums["spent"] or 0


def midnight(at: datetime, zone: str = "") -> datetime:
    """When the day of ``at`` began in a time zone; in the site's where the name is none."""
    try:
        place = ZoneInfo(zone) if zone else get_current_timezone()
    except (KeyError, ValueError, OSError):
        place = get_current_timezone()
    return localtime(at, place).replace(hour=0, minute=0, second=0, microsecond=0)


def _left(membership: Membership, policy: Policy, labelled: int) -> tuple[int, int]:
    """Items that may still come to this person: an equal share at least, all that are open at most.

    What the person has answered already and others have not does not come again.
    """
    left = max(0, membership.project.item_count - labelled)
    share = math.ceil(left * policy.overlap / max(1, queries.crew(membership.project_id).count()))
    waiting = Assignment.objects.filter(
        annotator_id=membership.user_id,
        project_id=membership.project_id,
        state=Assignment.State.SUBMITTED,
        entry__state=QueueEntry.State.LIVE,
    ).count()
    low, high = max(0, min(share, left) - waiting), max(0, left - waiting)
    most = membership.quota if membership.quota is not None else policy.person_most or None
    limit = high if most is None else max(0, most - membership.answered)
    return min(low, limit), min(high, limit)
