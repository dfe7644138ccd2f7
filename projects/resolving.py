"""What leads do to disputes: decide them, and take a decision back. Each act is one short transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit, disputes, outcomes, returning, settle
from projects.errors import Refused
from projects.models import Annotation, Dispute, GuidelineNote, Item, Label, Membership, Project, Resolution
from projects.outcomes import Decision
from projects.signals import judgements_changed
from projects.trust import known
from projects.votes import voted_on

__all__ = ["Acting", "Decision", "Stale", "decide", "hold", "impartial", "resolve", "undo", "unmake"]
_Outcome = Resolution.Outcome
NOTE_LENGTH: Final = 2000
# What an item's state is after each decision: undone is only what still stands.
LEFT: Final = {
    _Outcome.LABELLED: Item.State.SETTLED,
    _Outcome.BOTH: Item.State.SETTLED,
    _Outcome.CANT_TELL: Item.State.SETTLED,
    _Outcome.BAD_ITEM: Item.State.EXCLUDED,
    _Outcome.SENT_BACK: Item.State.OPEN,
    _Outcome.RETURNED: Item.State.OPEN,
}
# Nothing is decided yet by these: somebody is asked.
ASKING: Final = {_Outcome.SENT_BACK, _Outcome.RETURNED}


class Stale(Refused):
    """The lead's page shows what is no longer so; the new state must be shown before anything is decided."""


@dataclass(frozen=True)
class Acting:
    """Who acts, when, and what it was done together with."""

    lead: Membership
    at: datetime
    bulk: UUID | None = None


@transaction.atomic
def resolve(dispute_id: int, lead: Membership, decision: Decision, at: datetime | None = None) -> Resolution:
    """Make a lead's decision the item's label, exclude the item, or ask somebody again.

    Stale where another lead was faster or a vote changed since the page was opened; Refused where the lead
    voted on the item, the labels are not in use, or a note is missing that nobody could do without.
    """
    dispute, item = hold(dispute_id, lead.project_id)
    fresh(dispute, decision.version)
    impartial(item, lead)
    if disputes.for_another(dispute, lead.user_id):
        raise Refused(_("Your own spot check differs here, so another lead must decide it."))
    return decide(dispute, item, decision, Acting(lead, at or now()))


def decide(dispute: Dispute, item: Item, decision: Decision, acting: Acting) -> Resolution:
    """Store a decision and let it take effect; the caller holds both and checked that the lead may."""
    lead, at = acting.lead, acting.at
    labels = outcomes.checked(lead.project, dispute, item, decision)
    resolution = Resolution.objects.create(
        dispute=dispute,
        item=item,
        lead_id=lead.user_id,
        outcome=decision.outcome,
        labels=[label.pk for label in labels],
        reason=decision.reason,
        note=decision.note.strip()[:NOTE_LENGTH],
        bulk=acting.bulk,
        created_at=at,
    )
    back = decision.outcome in ASKING
    _close(dispute, Dispute.State.SENT_BACK if back else Dispute.State.RESOLVED, at)
    act = audit.by(lead.project, lead.user, resolution.note, acting.bulk)
    outcomes.apply(item, resolution, act)
    known.follow(item, resolution, lead)
    _suggest(dispute, decision, labels, lead)
    outcomes.tell_overruled(item, resolution, lead.project)
    before = {"state": Item.State.DISPUTED}
    after = {"outcome": resolution.outcome, **_as_logged(labels), "why": resolution.reason}
    _log(acting, item, "dispute.resolved", before=before, after=after, reason=resolution.note)
    return resolution


@transaction.atomic
def undo(dispute_id: int, lead: Membership, at: datetime | None = None) -> Dispute:
    """Take a decision back: it stays in the log, and the item waits in a new dispute at its old place.

    Refused where the item has moved on since: another vote came in, or another decision.
    """
    old, item = hold(dispute_id, lead.project_id)
    return unmake(old, item, Acting(lead, at or now()))


def unmake(old: Dispute, item: Item, acting: Acting) -> Dispute:
    """Take a decision back as ``undo`` does; the caller holds both."""
    lead, at = acting.lead, acting.at
    resolution = Resolution.objects.filter(dispute=old).first()
    newest = Dispute.objects.filter(item=item).order_by("-pk").first()
    if resolution is None or newest != old or old.state == Dispute.State.UNDONE:
        raise Refused(_("There is no decision here to take back."))
    impartial(item, lead)
    later = Annotation.objects.filter(item=item, created_at__gt=resolution.created_at)
    if item.state != LEFT[_Outcome(resolution.outcome)] or later.exists():
        raise Refused(_("The item has moved on since this decision, so it cannot be taken back any more."))
    _close(old, Dispute.State.UNDONE, at)
    if resolution.outcome == _Outcome.RETURNED:
        returning.take_back(item)
    settle.undo_resolution(item, audit.by(lead.project, lead.user, bulk=acting.bulk), at)
    known.unfollow(item, resolution, lead)
    outcomes.untell(item, lead.project)
    old.guideline_notes.filter(state=GuidelineNote.State.OPEN).update(state=GuidelineNote.State.DROPPED)
    labels = list(Label.objects.filter(pk__in=resolution.labels))
    before = {"outcome": resolution.outcome, **_as_logged(labels)}
    _log(acting, item, "dispute.undone", before=before, after={"state": Item.State.DISPUTED})
    return Dispute.objects.create(
        project_id=lead.project_id,
        item=item,
        reasons=old.reasons,
        assigned_to_id=old.assigned_to_id,
        priority=old.priority,
        due_at=old.due_at,
        opened_at=old.opened_at,
    )


def hold(dispute_id: int, project_id: int) -> tuple[Dispute, Item]:
    """Hold assignments and the item first, as everybody does, then the dispute."""
    item_id = Dispute.objects.values_list("item_id", flat=True).get(pk=dispute_id, project_id=project_id)
    returning.hold(item_id)
    item = settle.lock(item_id)
    return Dispute.objects.select_for_update(no_key=True).get(pk=dispute_id), item


def fresh(dispute: Dispute, version: int) -> None:
    """Raise Stale where a dispute is not as the lead saw it."""
    if dispute.state != Dispute.State.OPEN:
        raise Stale(_("This dispute is no longer open. Your decision was not stored."))
    if dispute.version != version:
        raise Stale(_("The votes changed since you opened this page. Look again, then decide."))


def impartial(item: Item, lead: Membership) -> None:
    """Refuse whoever judged the item: also an admin, also one among many."""
    if voted_on(item.pk, lead.user_id):
        raise Refused(_("You judged this item yourself, so another lead must decide it."))


def _suggest(dispute: Dispute, decision: Decision, labels: list[Label], lead: Membership) -> None:
    """Keep the line that the lead would add to the guidelines, with the labels that it is about."""
    text = decision.line.strip()[:NOTE_LENGTH]
    if not text:
        return
    concerned = sorted({label.pk for label in labels} | outcomes.named(dispute.item))
    GuidelineNote.objects.create(
        project_id=dispute.project_id,
        dispute=dispute,
        text=text,
        labels=concerned,
        created_by_id=lead.user_id,
    )


def _close(dispute: Dispute, state: str, at: datetime) -> None:
    dispute.state, dispute.closed_at = state, at
    dispute.save(update_fields=["state", "closed_at"])


def _as_logged(labels: list[Label]) -> dict[str, Any]:
    """Names for people, ids so that the log alone rebuilds what was decided."""
    return {"labels": [label.name for label in labels], "label_ids": [label.pk for label in labels]}


def _log(  # noqa: PLR0913 - a column of the event each
    acting: Acting, item: Item, action: str, *, before: Any, after: Any, reason: str = ""
) -> None:
    lead = acting.lead
    audit.record(
        lead.project,
        lead.user,
        action,
        gettext_noop("Item %(number)d") % {"number": item.number},
        before=before,
        after=after,
        reason=reason,
        item=item,
        bulk=acting.bulk,
    )
    project_id = lead.project_id
    transaction.on_commit(partial(judgements_changed.send, sender=Project, project_id=project_id))
