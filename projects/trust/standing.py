"""A person's record: below the bar on known items people are warned, then paused; a lead lifts it.

The rule itself is ``projects.quality.standing``. A pause ends what is given; it deletes no vote. Everything
here holds the membership first, and writes one event for each change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from projects import audit
from projects.errors import Refused
from projects.models import Annotation, Item, Membership, Notice, Policy, QueueEntry
from projects.quality.standing import Standing, anew, standing
from projects.trust import gold, notices

_Pause = Membership.Pause
_FIELDS: Final = ("warned_at", "paused_at", "paused_by", "lifted_at")
# Items that rest on one person's word and are asked again at a time.
ASK_AT_ONCE: Final = 50
# What leads are told of: its sentences stand in projects.trust.notice_words.
STANDING: Final = "person.standing"


def record(membership: Membership, policy: Policy, before: datetime | None = None) -> Standing:
    """Where a person's present answers to known items lead, since a lead last lifted a pause.

    ``before`` leaves out what was said since then: for the person's own eyes.
    """
    return of_answers(membership, gold.answers(membership, before), policy)


def of_answers(membership: Membership, said: Sequence[gold.Answer], policy: Policy) -> Standing:
    """The same of answers that were read already, oldest first."""
    since = membership.lifted_at
    pairs = [(one.right, since is None or one.at > since) for one in said]
    return standing(anew(pairs, policy.gold_floor), policy.gold_floor)


@transaction.atomic
def review(membership: Membership, policy: Policy, at: datetime) -> None:
    """Let the present answers to known items decide whether a person is warned, paused or neither.

    A pause that a lead made by hand stays. Called again, or after a known item was voided, it makes the state
    what it would have been with these answers from the start.
    """
    member = _hold(membership)
    found = record(member, policy)
    by_hand = member.paused_at is not None and member.paused_by == _Pause.LEAD
    if found.state == "paused" and member.paused_at is None:
        _change(
            member,
            None,
            "person.paused",
            found,
            warned_at=member.warned_at or at,
            paused_at=at,
            paused_by=_Pause.GOLD,
        )
        stop(member)
        _tell(member, "person.paused")
    elif found.state != "paused" and member.paused_at is not None and not by_hand:
        warned = member.warned_at if found.state == "warned" else None
        _change(member, None, "person.lifted", found, warned_at=warned, paused_at=None, paused_by="")
        start(member)
        _tell(member, "person.lifted")
    elif found.state == "warned" and member.warned_at is None:
        _change(member, None, "person.warned", found, warned_at=at)
        _tell(member, "person.warned")
    elif found.state == "good" and member.warned_at is not None:
        _change(member, None, "person.recovered", found, warned_at=None)
    for name in _FIELDS:
        setattr(membership, name, getattr(member, name))


@transaction.atomic
def pause(membership: Membership, lead: AbstractBaseUser, reason: str, at: datetime | None = None) -> None:
    """Give a person no more items, by a lead's hand and with a reason. The answers stay and count."""
    _needs(reason)
    audit.hold(membership.project)
    member = _hold(membership)
    if member.paused_at is not None:
        raise Refused(_("This person is paused already."))
    _change(member, lead, "person.paused", reason=reason, paused_at=at or now(), paused_by=_Pause.LEAD)
    stop(member)
    _tell(member, "person.paused", lead)


@transaction.atomic
def lift(membership: Membership, lead: AbstractBaseUser, reason: str, at: datetime | None = None) -> None:
    """End a pause or take a warning back, with a reason; a record below the bar begins anew.

    Nobody does that for themselves while another lead is there.
    """
    _needs(reason)
    audit.hold(membership.project)
    member = _hold(membership)
    if member.paused_at is None and member.warned_at is None:
        raise Refused(_("This person is neither warned nor paused."))
    if member.user_id == lead.pk and notices.leads(member.project, but=lead.pk):
        raise Refused(_("Another lead has to do this."))
    below = member.warned_at is not None or member.paused_by == _Pause.GOLD
    lifted = (at or now()) if below else member.lifted_at
    _change(
        member,
        lead,
        "person.lifted",
        reason=reason,
        warned_at=None,
        paused_at=None,
        paused_by="",
        lifted_at=lifted,
    )
    start(member)
    _tell(member, "person.lifted", lead)


# --- items that rest on one person's word ------------------------------------------------------------------


def alone(membership: Membership) -> QuerySet[Item]:
    """Settled items whose label rests on this person's vote alone and that nobody is asked about."""
    mine = Annotation.objects.filter(
        item=OuterRef("pk"),
        annotator_id=membership.user_id,
        superseded_by=None,
        kind__in=Annotation.COUNTED,
    ).exclude(stream=QueueEntry.Stream.GOLD)
    live = QueueEntry.objects.filter(item=OuterRef("pk"), state=QueueEntry.State.LIVE)
    return Item.objects.filter(
        Exists(mine),
        ~Exists(live),
        project_id=membership.project_id,
        state=Item.State.SETTLED,
        settled_source=Item.Source.SINGLE,
    ).order_by("pk")


@transaction.atomic
def ask_others(membership: Membership, lead: AbstractBaseUser) -> int:
    """Ask another person about some items that rest on this person's word alone; return how many.

    At most fifty at a time, for they come before everything else: a lead repeats it.
    """
    from projects import queue

    found = alone(membership).select_for_update(no_key=True).only("project_id")
    items = list(found[:ASK_AT_ONCE])
    for item in items:
        queue.ask_again(item)
    if items:
        subject = str(membership.user)
        after = {"member": membership.pk, "items": len(items)}
        audit.record(membership.project, lead, "person.asked_others", subject, after=after)
    return len(items)


# --- how ---------------------------------------------------------------------------------------------------


def _hold(membership: Membership) -> Membership:
    members = Membership.objects.select_for_update(of=("self",), no_key=True)
    return members.select_related("project", "user").get(pk=membership.pk)


def _needs(reason: str) -> None:
    if not reason.strip():
        raise Refused(_("Say why: the reason stands in the record."))


def _change(
    member: Membership,
    actor: AbstractBaseUser | None,
    action: str,
    found: Standing | None = None,
    reason: str = "",
    **changes: Any,
) -> None:
    before = _facts(member)
    for name, value in changes.items():
        setattr(member, name, value)
    member.save(update_fields=list(changes))
    after = _facts(member)
    if found is not None:
        after |= {"right": found.right, "answers": found.answers}
    audit.record(
        member.project, actor, action, str(member.user), before=before, after=after, reason=reason.strip()
    )


def _facts(member: Membership) -> dict[str, Any]:
    """How a person stands, as events keep it."""
    return {
        "member": member.pk,
        "warned": member.warned_at is not None,
        "paused": member.paused_by if member.paused_at else "",
    }


def stop(member: Membership) -> None:
    """Give back what a person holds, for others, at its place in the ranking; nothing waits for the person.

    The caller holds the membership.
    """
    from projects import leaving, queue

    queue.give_back(member)
    leaving.gone(member)


def start(member: Membership) -> None:
    """Ask a person about the first items, like everybody."""
    from projects import leaving

    leaving.back(member.project)


def _tell(member: Membership, kind: str, lead: AbstractBaseUser | None = None) -> None:
    """Tell the person, and the leads but the one who did it."""
    project = member.project
    notices.tell([member.user_id], project, kind, reverse("my-record", args=[project.pk]))
    others = [pk for pk in notices.leads(project, but=lead.pk if lead else None) if pk != member.user_id]
    address = reverse("record", args=[project.pk, member.pk])
    state = kind.partition(".")[2]
    facts = {"person": str(member.user), "standing": f"{state}_by_lead" if lead else state}
    if lead:
        # Who acts knows, and need not look at what came before either.
        found = Notice.objects.filter(user_id=lead.pk, project=project, kind=STANDING, address=address)
        found.filter(read_at=None).update(read_at=now())
        facts["by"] = str(lead)
    notices.tell(others, project, STANDING, address, member=member.pk, **facts)
