"""How much one person is given: limits, pauses, shifts, skills.

The limits are asked for inside ``queue.fill``, while the person's membership is held: two requests at once
cannot go beyond them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, Q, Sum
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from projects import audit
from projects.models import Annotation, Membership, Policy
from projects.trust import staleness

# A share of all answers means something from so many people and answers on.
SHARE_PEOPLE: Final = 3
SHARE_ANSWERS: Final = 100
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Halt:
    """Why a person is given nothing now, in a heading and a sentence, and where to go on."""

    heading: str
    sentence: str
    address: str = ""
    action: str = ""


def allowed(membership: Membership, policy: Policy, count: int, at: datetime) -> int:
    """Return how many items a person may hold, at most ``count``; the caller called ``queue.hold``."""
    if count <= 0 or _stopped(membership, at) is not None:
        return 0
    limits = (_quota_left(membership, policy), _hour_left(membership, policy, at))
    # The dearest question last, and only where the policy asks it.
    least = min([count, *[limit for limit in limits if limit is not None]])
    if least > 0 and (share := _share_left(membership, policy)) is not None:
        least = min(least, share)
    return max(0, least)


def until(membership: Membership, policy: Policy, at: datetime) -> datetime:
    """Return when a lease that is given now ends: with the shift at the latest."""
    end = at + timedelta(minutes=policy.lease_minutes)
    shift = membership.shift
    return min(end, shift.ends_at) if shift else end


def why(membership: Membership, policy: Policy, at: datetime | None = None) -> Halt | None:
    """Say why a person is given nothing, or None where no limit is reached."""
    at = at or now()
    if (halt := _stopped(membership, at)) is not None:
        return halt
    if _quota_left(membership, policy) == 0:
        return Halt(_("You have done your part"), _quota_words(membership, policy))
    if _hour_left(membership, policy, at) == 0:
        most = policy.person_hourly
        words = ngettext(
            "This project asks for %(most)s answer an hour at most, so that everybody can look with care.",
            "This project asks for %(most)s answers an hour at most, so that everybody can look with care.",
            most,
        )
        return Halt(
            _("Time for a break"), words % {"most": most} + " " + _("You can go on in a while by yourself.")
        )
    if _share_left(membership, policy) == 0:
        share = round(100 * policy.person_share)
        words = _("Nobody gives more than %(share)s %% of this project's answers. Others catch up first.")
        return Halt(_("You are far ahead"), words % {"share": share})
    return None


def _stopped(membership: Membership, at: datetime) -> Halt | None:
    """What stops a person whatever the numbers say."""
    mine = reverse("my-record", args=[membership.project_id])
    if membership.paused_at:
        return Halt(_("Your work is paused"), _paused_words(membership), mine, _("See my record"))
    if membership.excluded_at:
        words = _("A lead has left them out for now and can let them count again. Nothing is deleted.")
        return Halt(_("Your answers do not count at present"), words, mine, _("See my record"))
    if membership.shift and membership.shift.ends_at <= at:
        return Halt(
            _("Your shift is over"),
            _("All your answers are saved. See how it went, then start another one or go on without."),
            mine,
            _("See how it went"),
        )
    if staleness.must_read(membership):
        return Halt(
            *staleness.unread_words(),
            reverse("guidelines-read", args=[membership.project_id]),
            _("Read what is new"),
        )
    return None


def _paused_words(membership: Membership) -> str:
    if membership.paused_by == Membership.Pause.GOLD:
        return _(
            "Too many of your answers to items with a known label were wrong. A lead knows and will talk "
            "with you; your answers are kept."
        )
    return _("A lead has paused it and can open it again. Your answers are kept.")


def _quota_left(membership: Membership, policy: Policy) -> int | None:
    """Answers left of the person's own limit, else of everybody's; None: no limit."""
    most = membership.quota if membership.quota is not None else policy.person_most or None
    return None if most is None else max(0, most - membership.answered)


def _quota_words(membership: Membership, policy: Policy) -> str:
    most = membership.quota if membership.quota is not None else policy.person_most
    words = ngettext(
        "Your limit of %(most)s answer is reached. Thank you. A lead can raise it.",
        "Your limit of %(most)s answers is reached. Thank you. A lead can raise it.",
        most,
    )
    return words % {"most": f"{most:,}"}


def _hour_left(membership: Membership, policy: Policy, at: datetime) -> int | None:
    """Items left of this hour's; an item that was judged anew within the hour counts once."""
    if not (most := policy.person_hourly):
        return None
    mine = Annotation.objects.filter(
        project_id=membership.project_id, annotator_id=membership.user_id, kind__in=Annotation.COUNTED
    )
    newest = mine.order_by("-pk").values_list("item_id", "created_at")[: 3 * most]
    return max(0, most - len({item for item, said_at in newest if said_at > at - HOUR}))


def _share_left(membership: Membership, policy: Policy) -> int | None:
    """Answers left before this person's are more than the share of all; None where it does not matter."""
    if not 0 < policy.person_share < 1:
        return None
    team = Membership.objects.filter(project_id=membership.project_id)
    people = Count("pk", filter=Q(active=True))
    sums = team.aggregate(total=Sum("answered"), people=people)
    total = sums["total"] or 0
    if sums["people"] < SHARE_PEOPLE or total < SHARE_ANSWERS:
        return None
    # So many more that (mine + more) / (total + more) stays within the share.
    more = (policy.person_share * total - membership.answered) / (1 - policy.person_share)
    return max(0, int(more + 1e-9))


# --- what a lead says of a person --------------------------------------------------------------------------


@dataclass(frozen=True)
class Terms:
    """What a person may be asked: as a senior, by skills, and up to how many answers (None: the policy's)."""

    senior: bool
    skills: Sequence[str]
    quota: int | None


@transaction.atomic
def arrange(membership: Membership, lead: AbstractBaseUser, terms: Terms) -> bool:
    """Put a person's terms into force; return whether anything differs."""
    project = audit.hold(membership.project)
    members = Membership.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    member = members.get(pk=membership.pk)
    after = {**asdict(terms), "skills": list(terms.skills)}
    before, after = audit.differences({name: getattr(member, name) for name in after}, after)
    if not after:
        return False
    for name, value in after.items():
        setattr(member, name, value)
    member.save(update_fields=list(after))
    audit.record(
        project,
        lead,
        "person.changed",
        str(member.user),
        before=before,
        after={**after, "member": member.pk},
    )
    return True
