"""Whose a dispute is, and what a lead looked at: what leads do to disputes without deciding them."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit, disputes
from projects.errors import Refused
from projects.models import Comment, Dispute, Event, Membership
from projects.trust import notices, talk
from projects.votes import voted_on

ASSIGNED = "dispute.assigned"
MODEL_SHOWN = "dispute.model_shown"


@transaction.atomic
def take(dispute_id: int, lead: Membership) -> Dispute:
    """Make an open dispute this lead's; the others' «next» leaves it out."""
    dispute = _held(dispute_id, lead)
    if voted_on(dispute.item_id, lead.user_id):
        raise Refused(_("You judged this item yourself, so another lead must decide it."))
    return _give(dispute, lead, lead)


@transaction.atomic
def release(dispute_id: int, lead: Membership) -> Dispute:
    """Leave an open dispute to whoever comes first."""
    return _give(_held(dispute_id, lead), lead, None)


@transaction.atomic
def ask(dispute_id: int, lead: Membership, colleague_id: int, text: str = "") -> Dispute:
    """Hand an open dispute to another lead with a remark that only leads see, and tell that lead."""
    dispute = _held(dispute_id, lead)
    able = disputes.colleagues(lead.project_id, dispute.item_id, but=lead.user_id)
    colleague = next((one for one in able if one.user_id == colleague_id), None)
    if colleague is None:
        raise Refused(_("Choose a lead who has not judged the item."))
    question = talk.add(lead, dispute.item, text) if text.strip() else None
    address = reverse("dispute", args=[lead.project_id, dispute.pk])
    number, by = dispute.item.number, str(lead.user)
    notices.tell([colleague.user_id], lead.project, ASSIGNED, address, number=number, by=by)
    return _give(dispute, lead, colleague, question)


def question(dispute: Dispute) -> Comment | None:
    """What the lead who handed an open dispute over last asked about it."""
    asked = Event.objects.filter(item_id=dispute.item_id, action=ASSIGNED, at__gte=dispute.opened_at)
    newest = asked.filter(after__has_key="comment").order_by("-pk").first()
    if newest is None or dispute.state != Dispute.State.OPEN:
        return None
    after: dict[str, Any] = newest.after or {}
    return Comment.objects.filter(pk=after["comment"]).select_related("author").first()


def model_shown(dispute: Dispute, lead: Membership) -> None:
    """Note that a lead saw the model's word before deciding; once a dispute and lead."""
    subject = gettext_noop("Item %(number)d") % {"number": dispute.item.number}
    known = Event.objects.filter(
        project_id=lead.project_id, action=MODEL_SHOWN, item_id=dispute.item_id, actor_id=lead.user_id
    )
    if not known.filter(after={"dispute": dispute.pk}).exists():
        after = {"dispute": dispute.pk}
        audit.record(lead.project, lead.user, MODEL_SHOWN, subject, after=after, item=dispute.item)


def _held(dispute_id: int, lead: Membership) -> Dispute:
    found = Dispute.objects.select_related("item", "assigned_to").filter(project_id=lead.project_id)
    dispute = found.select_for_update(of=("self",), no_key=True).get(pk=dispute_id)
    if dispute.state != Dispute.State.OPEN:
        raise Refused(_("This dispute is no longer open."))
    return dispute


def _give(
    dispute: Dispute, lead: Membership, to: Membership | None, question: Comment | None = None
) -> Dispute:
    was = dispute.assigned_to
    if (was.pk if was else None) == (to.user_id if to else None) and question is None:
        return dispute
    dispute.assigned_to = to.user if to else None
    dispute.save(update_fields=["assigned_to"])
    audit.record(
        lead.project,
        lead.user,
        ASSIGNED,
        gettext_noop("Item %(number)d") % {"number": dispute.item.number},
        before={"assigned": str(was) if was else None},
        after={"assigned": str(to.user) if to else None, **({"comment": question.pk} if question else {})},
        item=dispute.item,
    )
    return dispute
