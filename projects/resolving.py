"""What leads do to disputes: decide them, and take a decision back. Each act is one short transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from projects import audit, settle
from projects.errors import Refused
from projects.models import Annotation, Dispute, Item, Label, Membership, Project, QueueEntry, Resolution
from projects.signals import judgements_changed

_Outcome = Resolution.Outcome
NOTE_LENGTH: Final = 2000
# What an item's state is after each decision: undone is only what still stands.
LEFT: Final = {
    _Outcome.LABELLED: Item.State.SETTLED,
    _Outcome.CANT_TELL: Item.State.SETTLED,
    _Outcome.BAD_ITEM: Item.State.EXCLUDED,
    _Outcome.SENT_BACK: Item.State.OPEN,
}


class Stale(Refused):
    """The lead's page shows what is no longer so; the new state must be shown before anything is decided."""


@dataclass(frozen=True)
class Decision:
    """What a lead decided; ``version`` is the dispute's version that the lead saw."""

    outcome: str
    reason: str
    version: int
    labels: tuple[int, ...] = ()
    note: str = ""


@transaction.atomic
def resolve(dispute_id: int, lead: Membership, decision: Decision, at: datetime | None = None) -> Resolution:
    """Make a lead's decision the item's label, exclude the item, or ask for another vote.

    Stale where another lead was faster or a vote changed since the page was opened; Refused where the lead
    voted on the item, the labels are not in use, or a note is missing that nobody could do without.
    """
    at = at or now()
    dispute, item = _held(dispute_id, lead.project_id)
    _check_fresh(dispute, decision.version)
    _check_impartial(item, lead)
    labels = _checked(lead.project, item, decision)
    resolution = Resolution.objects.create(
        dispute=dispute,
        item=item,
        lead_id=lead.user_id,
        outcome=decision.outcome,
        labels=[label.pk for label in labels],
        reason=decision.reason,
        note=decision.note.strip()[:NOTE_LENGTH],
        created_at=at,
    )
    back = decision.outcome == _Outcome.SENT_BACK
    _close(dispute, Dispute.State.SENT_BACK if back else Dispute.State.RESOLVED, at)
    settle.apply_resolution(item, resolution, audit.by(lead.project, lead.user, resolution.note))
    if back:
        # The person who is asked next may be told what to look at.
        live = QueueEntry.objects.filter(item=item, state=QueueEntry.State.LIVE)
        live.update(reason={"why": "lead_asked", "note": resolution.note})
    after = {"outcome": resolution.outcome, **_as_logged(labels), "why": resolution.reason}
    _log(
        lead,
        item,
        "dispute.resolved",
        before={"state": Item.State.DISPUTED},
        after=after,
        reason=resolution.note,
    )
    return resolution


@transaction.atomic
def undo(dispute_id: int, lead: Membership, at: datetime | None = None) -> Dispute:
    """Take a decision back: it stays in the log, and the item waits in a new dispute at its old place.

    Refused where the item has moved on since: another vote came in, or another decision.
    """
    old, item = _held(dispute_id, lead.project_id)
    resolution = Resolution.objects.filter(dispute=old).first()
    newest = Dispute.objects.filter(item=item).order_by("-pk").first()
    if resolution is None or newest != old or old.state == Dispute.State.UNDONE:
        raise Refused(_("There is no decision here to take back."))
    _check_impartial(item, lead)
    later = Annotation.objects.filter(item=item, created_at__gt=resolution.created_at)
    if item.state != LEFT[_Outcome(resolution.outcome)] or later.exists():
        raise Refused(_("The item has moved on since this decision, so it cannot be taken back any more."))
    at = at or now()
    _close(old, Dispute.State.UNDONE, at)
    settle.undo_resolution(item, audit.by(lead.project, lead.user), at)
    labels = list(Label.objects.filter(pk__in=resolution.labels))
    before = {"outcome": resolution.outcome, **_as_logged(labels)}
    _log(lead, item, "dispute.undone", before=before, after={"state": Item.State.DISPUTED})
    return Dispute.objects.create(
        project_id=lead.project_id, item=item, reasons=old.reasons, opened_at=old.opened_at
    )


def voted_on(item_id: int, user_id: int) -> bool:
    """Whether a person ever judged an item; who did never decides it."""
    kinds = (*Annotation.COUNTED, Annotation.Kind.FLAG)
    return Annotation.objects.filter(item_id=item_id, annotator_id=user_id, kind__in=kinds).exists()


def _held(dispute_id: int, project_id: int) -> tuple[Dispute, Item]:
    """Hold the item first, as everybody does, then the dispute."""
    item_id = Dispute.objects.values_list("item_id", flat=True).get(pk=dispute_id, project_id=project_id)
    item = settle.lock(item_id)
    return Dispute.objects.select_for_update(no_key=True).get(pk=dispute_id), item


def _check_fresh(dispute: Dispute, version: int) -> None:
    if dispute.state != Dispute.State.OPEN:
        raise Stale(_("This dispute is no longer open. Your decision was not stored."))
    if dispute.version != version:
        raise Stale(_("The votes changed since you opened this page. Look again, then decide."))


def _check_impartial(item: Item, lead: Membership) -> None:
    if voted_on(item.pk, lead.user_id):
        raise Refused(_("You judged this item yourself, so another lead must decide it."))


def _checked(project: Project, item: Item, decision: Decision) -> list[Label]:
    """Return the labels in order, or refuse in words what cannot be meant."""
    if decision.outcome not in _Outcome.values:
        raise Refused(_("Choose an answer first."))
    if decision.reason not in Resolution.Reason.values:
        raise Refused(_("Choose a reason: it tells annotators what to learn from this."))
    if decision.outcome != _Outcome.LABELLED:
        labels = []
    else:
        known = Label.objects.filter(project=project, pk__in=decision.labels)
        labels = list(known.filter(retired_at=None).order_by("pk"))
        if len(labels) != len(set(decision.labels)):
            raise Refused(_("A label of this decision is no longer in use. Choose another one."))
        if project.task == Project.Task.SINGLE and len(labels) != 1:
            raise Refused(_("Choose exactly one label."))
    if not decision.note.strip() and not _said_by_somebody(item, decision):
        raise Refused(_("Nobody voted for this, so it needs a note: say in a few words why it is right."))
    return labels


def _said_by_somebody(item: Item, decision: Decision) -> bool:
    """Whether the decision is one of the votes. Asking again needs none; a flag speaks for a bad item."""
    if decision.outcome == _Outcome.SENT_BACK:
        return True
    said = Annotation.objects.filter(item=item, superseded_by=None)
    if decision.outcome == _Outcome.BAD_ITEM:
        return said.filter(kind=Annotation.Kind.FLAG).exists()
    if decision.outcome == _Outcome.CANT_TELL:
        return said.filter(kind=Annotation.Kind.CANT_TELL).exists()
    answers = said.filter(kind=Annotation.Kind.ANSWER).values_list("labels", flat=True)
    return sorted(set(decision.labels)) in [sorted(labels) for labels in answers]


def _close(dispute: Dispute, state: str, at: datetime) -> None:
    dispute.state, dispute.closed_at = state, at
    dispute.save(update_fields=["state", "closed_at"])


def _as_logged(labels: list[Label]) -> dict[str, Any]:
    """Names for people, ids so that the log alone rebuilds what was decided."""
    return {"labels": [label.name for label in labels], "label_ids": [label.pk for label in labels]}


def _log(  # noqa: PLR0913 - a column of the event each
    lead: Membership, item: Item, action: str, *, before: Any, after: Any, reason: str = ""
) -> None:
    subject = _("Item %(number)d") % {"number": item.number}
    audit.record(
        lead.project, lead.user, action, subject, before=before, after=after, reason=reason, item=item
    )
    project_id = lead.project_id
    transaction.on_commit(partial(judgements_changed.send, sender=Project, project_id=project_id))
