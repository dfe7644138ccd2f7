"""Disputes that are alike: one decision for all of them after a look at some, and one way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from projects import disputes, reasons, resolving, returning, settle, votes
from projects.errors import Refused
from projects.models import Annotation, Dispute, Item, Membership, QueueEntry, Resolution
from projects.resolving import Acting, Decision

# Decided at a time, and looked at before.
MOST: Final = 200
PREVIEW: Final = 10
# These ask for a look of their own.
SINGLE: Final = {Dispute.Reason.FLAG, Dispute.Reason.GOLD, Dispute.Reason.SPOT}
# What may be decided of many.
OUTCOMES: Final = {
    Resolution.Outcome.LABELLED,
    Resolution.Outcome.BOTH,
    Resolution.Outcome.BAD_ITEM,
    Resolution.Outcome.CANT_TELL,
}


@dataclass(frozen=True)
class Group:
    """Disputes about the same set of answers, on which the model leans to the same label.

    ``leaning`` is that label's position, or None where no model had a say in any of them.
    """

    answers: str
    leaning: int | None
    disputes: list[Dispute]

    def preview(self) -> list[Dispute]:
        """Ten of them, drawn by a keyed hash: the same ten at every look, whoever chose the first."""
        return sorted(self.disputes, key=_lot)[:PREVIEW]

    def together(self) -> list[Dispute]:
        """Those that one form decides: the preview, then the most urgent of the others."""
        shown = self.preview()
        return [*shown, *(one for one in self.disputes if one not in shown)][:MOST]


@dataclass
class Done:
    """What became of several disputes: ``left_out`` with the reason for each, in words."""

    bulk: UUID
    disputes: list[Dispute] = field(default_factory=list)
    left_out: list[tuple[Dispute, str]] = field(default_factory=list)


def group(dispute: Dispute, lead: Membership) -> Group | None:
    """Those that this lead could decide together with ``dispute``, or None where it stands alone.

    What somebody flagged, known items, spot checks, own votes and what another lead has taken are left out.
    """
    keys = disputes.answers_of(lead.project_id)
    if dispute.state != Dispute.State.OPEN or dispute.pk not in keys:
        return None
    same = [pk for pk, key in keys.items() if key == keys[dispute.pk]]
    if len(same) < 2:
        return None
    own = Annotation.objects.filter(
        item=OuterRef("item_id"), annotator_id=lead.user_id, kind__in=votes.JUDGED
    )
    for_me = Q(assigned_to=None) | Q(assigned_to_id=lead.user_id)
    open_ones = Dispute.objects.filter(~Exists(own), for_me, pk__in=same, state=Dispute.State.OPEN)
    found = [one for one in open_ones.select_related("item") if not SINGLE.intersection(one.reasons)]
    leaning = leanings([one.item_id for one in found])
    wanted = leaning.get(dispute.item_id)
    alike = [one for one in found if leaning.get(one.item_id) == wanted]
    alike.sort(key=lambda one: (one.pk != dispute.pk, -one.priority, one.opened_at))
    if len(alike) < 2 or alike[0].pk != dispute.pk:
        return None
    return Group(keys[dispute.pk], wanted, alike)


def leanings(item_ids: list[int]) -> dict[int, int]:
    """The position of the label that a model thought likeliest when it last picked each item."""
    entries = QueueEntry.objects.filter(item_id__in=item_ids, reason__has_key="top").order_by("pk")
    found = {}
    for item_id, reason in entries.values_list("item_id", "reason"):
        if likely := reasons.top(reason):
            found[item_id] = likely[0][0]
    return found


@transaction.atomic
def decide(lead: Membership, decision: Decision, seen: Mapping[int, int], at: datetime | None = None) -> Done:
    """Decide all that the lead saw, ``seen`` = {dispute id: version}, in one act with a common id.

    Those that changed meanwhile, or are no longer alike, are left out and named. Refused where the decision
    cannot be meant, or where none of them is left.
    """
    if decision.outcome not in OUTCOMES:
        raise Refused(_("Choose an answer first."))
    acting = Acting(lead, at or now(), uuid4())
    done = Done(acting.bulk or uuid4())
    held = _hold(list(seen)[:MOST], lead.project_id)
    together = _together(lead, [one for one, _item in held if one.version == seen[one.pk]])
    for one, item in held:
        try:
            resolving.fresh(one, seen[one.pk])
            resolving.impartial(item, lead)
        except Refused as refusal:
            done.left_out.append((one, str(refusal)))
            continue
        if one.pk not in together:
            done.left_out.append((one, _("It is no longer like the others.")))
            continue
        # One line for the guidelines, not one for each.
        resolving.decide(one, item, replace(decision, line="") if done.disputes else decision, acting)
        done.disputes.append(one)
    if not done.disputes:
        raise resolving.Stale(_("All of them changed since you opened this page. Look again, then decide."))
    return done


@transaction.atomic
def undo(bulk: UUID, lead: Membership, at: datetime | None = None) -> Done:
    """Take back everything that was decided together, as one; what has moved on is left out and named."""
    acting, done = Acting(lead, at or now(), bulk), Done(bulk)
    standing = Resolution.objects.filter(bulk=bulk, dispute__project_id=lead.project_id).exclude(
        dispute__state=Dispute.State.UNDONE
    )
    for one, item in _hold(list(standing.values_list("dispute_id", flat=True)), lead.project_id):
        try:
            done.disputes.append(resolving.unmake(one, item, acting))
        except Refused as refusal:
            done.left_out.append((one, str(refusal)))
    if not done.disputes:
        raise Refused(_("There is no decision here to take back."))
    return done


def _together(lead: Membership, unchanged: list[Dispute]) -> set[int]:
    """Those that are alike still: going by the first that has others like it."""
    for one in unchanged:
        if alike := group(one, lead):
            return {other.pk for other in alike.disputes}
    return {unchanged[0].pk} if len(unchanged) == 1 else set()


def _hold(dispute_ids: list[int], project_id: int) -> list[tuple[Dispute, Item]]:
    """Hold several disputes with their items, by item: two leads at once wait for each other."""
    found = Dispute.objects.filter(pk__in=dispute_ids, project_id=project_id).order_by("item_id")
    pairs = list(found.values_list("pk", "item_id"))
    for _pk, item_id in pairs:
        returning.hold(item_id)
    items = {item_id: settle.lock(item_id) for _pk, item_id in pairs}
    locked = Dispute.objects.filter(pk__in=[pk for pk, _item in pairs]).order_by("item_id", "pk")
    held = locked.select_for_update(no_key=True)
    return [(one, items[one.item_id]) for one in held]


def _lot(dispute: Dispute) -> bytes:
    return blake2b(f"alike/{dispute.pk}".encode(), digest_size=8).digest()
