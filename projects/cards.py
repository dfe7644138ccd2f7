"""Cards: look-alikes of an item in hand that one person labels together, and those asked singly as a check.

Every item of a card is leased and stored like any other; what was given together has a common id (``bulk``).
A keyed draw, the item's own, has some of what was settled so asked once more, singly: another person, or
where nobody else is left the same one a while later. Equal answers confirm; others go the way of votes.

**Known items stay unknown.** None of them has look-alikes, so an item without them must be nothing special.
Of what has some, a share is asked singly all the same, drawn for each person and item and never smaller than
the rate at which known items come at its highest (see ``projects.suggesting``). By the same draw these are
blind, too: what comes with neither suggestion nor look-alikes is as likely one of them as a known item.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from projects import audit, changing, draws, queries, queue, returning, serving, suggesting
from projects.errors import Refused
from projects.leasing import hand_over
from projects.models import Annotation, Assignment, Dispute, Item, Membership, Policy, Project, QueueEntry
from projects.queries import Rules
from projects.trust import escalation, gold, qualification, workload

_Stream = QueueEntry.Stream
_Live = QueueEntry.State.LIVE
_State = Assignment.State
# On one card, with the item that it began with.
MOST: Final = 12
# Asked for a reason of their own, or drawn at random: never labelled together with others.
SINGLY: Final = (*serving.LASTING, _Stream.HOLDOUT, _Stream.AGREEMENT)
# Whoever checks the own card does so this much later at the earliest; looked for so many at a time.
LATER: Final = timedelta(minutes=15)
CHUNK: Final = 200
_VOTED: Final = (Item.Source.SINGLE, Item.Source.CONSENSUS)
# What the reason of a check does not keep: it has no card, and nobody is told what a model thinks of it.
_DROPPED: Final = {"alike", "top", "disagreement"}


def alike(membership: Membership, rules: Rules, assignment: Assignment) -> int:
    """How many look-alikes a round found for an item in hand; 0 where it is to be labelled singly."""
    entry = assignment.entry
    found = entry.reason.get("alike", ()) if rules.policy.bulk and entry.stream not in SINGLY else ()
    if not found or not _fits(assignment.item) or _withheld(membership, rules.policy, assignment):
        return 0
    return min(len(found), MOST - 1)


def _withheld(membership: Membership, policy: Policy, assignment: Assignment) -> bool:
    share = min(suggesting.MOST_BLIND, gold.EARLY_TIMES * policy.gold_share)
    return draws.blind(membership.project.seed, membership.user_id, assignment.item_id, share)


def mark(bulk: UUID | None, policy: Policy, assignment: Assignment) -> UUID | None:
    """The id of what was given together, as it is kept: a browser's word alone makes no card.

    An entry that was made for a card, or that found look-alikes, proves one even where the policy has none
    any more. One that a round picked for itself may have come on the card of another item.
    """
    entry = assignment.entry
    if bulk is None or entry.stream in SINGLY or not _fits(assignment.item):
        return None
    if entry.stream == _Stream.CARD or entry.reason.get("alike"):
        return bulk
    return bulk if policy.bulk and _beside(bulk, assignment) else None


def _beside(bulk: UUID, assignment: Assignment) -> bool:
    """Whether it is a look-alike of what the same person holds, or said in the same act."""
    whose = {"project_id": assignment.project_id, "annotator_id": assignment.annotator_id}
    mine = Assignment.objects.filter(**whose)
    act = Annotation.objects.filter(**whose, bulk=bulk).values("item")
    return any(
        assignment.item_id in reason.get("alike", ())
        for found in (mine.filter(state=_State.LEASED), mine.filter(item__in=act))
        for reason in found.values_list("entry__reason", flat=True)
    )


def _fits(item: Item) -> bool:
    return not (item.holdout or item.agreement or item.calibration or item.gold is not None)


def _fitting(item_ids: Collection[int]) -> QuerySet[Item]:
    """Those that may come on a card, as ``_fits`` says, and that are open."""
    return Item.objects.filter(
        pk__in=item_ids,
        state=Item.State.OPEN,
        holdout=False,
        agreement=False,
        calibration=False,
        gold__isnull=True,
    )


# --- dealt --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dealing:
    """Whom a card is for, how many of its items may be new, and when their leases end."""

    membership: Membership
    policy: Policy
    room: int
    until: datetime


@transaction.atomic
def deal(membership: Membership, rules: Rules, item_id: int, at: datetime | None = None) -> list[Assignment]:
    """Put look-alikes of an item in a person's hands; return that item, then them, most alike first.

    Each takes a free place of the entry that asks for it; where none does, one is made, with as many places
    as the policy says. What others hold or answered does not come, nor what is beyond the person's limits.
    Refused where the person does not hold the item.
    """
    at = at or now()
    queue.hold(membership)
    first = _held(membership, [item_id], at).first()
    if first is None:
        raise Refused(_("This item is not in your hands any more. Go on with the next one."))
    wanted = _wanted(membership, rules, first)
    if not wanted:
        return [first]
    fitting = _fitting(wanted).values("pk")
    mine = _held(membership, wanted, at).filter(item__in=fitting).exclude(entry__stream__in=SINGLY)
    held = {one.item_id: one for one in mine}
    dealing = _dealing(membership, rules.policy, MOST - 1 - len(held), at)
    fresh = _take(dealing, first.entry, [pk for pk in wanted if pk not in held])
    found = held | {one.item_id: one for one in fresh}
    return [first, *[found[pk] for pk in wanted if pk in found]][:MOST]


def _wanted(membership: Membership, rules: Rules, first: Assignment) -> list[int]:
    """The ids of what a round found alike, where this person may label it together now."""
    project = membership.project
    if not alike(membership, rules, first) or project.state != Project.State.ACTIVE:
        return []
    if qualification.of(membership, rules.policy) is not None:
        return []
    return [int(pk) for pk in first.entry.reason["alike"] if pk != first.item_id]


def _held(membership: Membership, item_ids: Iterable[int], at: datetime) -> QuerySet[Assignment]:
    return Assignment.objects.filter(
        project_id=membership.project_id,
        annotator_id=membership.user_id,
        item_id__in=item_ids,
        state=_State.LEASED,
        expires_at__gt=at,
    ).select_related("item", "entry")


def _dealing(membership: Membership, policy: Policy, more: int, at: datetime) -> Dealing:
    """Ask the person's limits, which count what is in hand already."""
    hand = Assignment.objects.filter(
        project_id=membership.project_id,
        annotator_id=membership.user_id,
        state=_State.LEASED,
        expires_at__gt=at,
    ).count()
    room = workload.allowed(membership, policy, hand + max(0, more), at) - hand
    return Dealing(membership, policy, max(0, room), workload.until(membership, policy, at))


def _take(dealing: Dealing, first: QueueEntry, wanted: Sequence[int]) -> list[Assignment]:
    """Take a free place for each of the first of these items that this person may be given."""
    if not dealing.room or not wanted:
        return []
    # Items come before entries in the order of locks; what somebody holds at this moment is left out.
    open_ones = _fitting(wanted).filter(project_id=first.project_id).order_by("pk")
    columns = ("project_id", "holdout", "agreement", "metadata")
    items = {
        item.pk: item for item in open_ones.select_for_update(skip_locked=True, no_key=True).only(*columns)
    }
    servable = serving.servable(dealing.membership, dealing.policy).exclude(stream__in=SINGLY)
    asked = set(servable.filter(item__in=items).values_list("item_id", flat=True))
    unasked = _unasked(items)
    chosen = [pk for pk in wanted if pk in asked or pk in unasked][: dealing.room]
    made = [items[pk] for pk in chosen if pk in unasked]
    _queue(dealing.policy, first, made)
    locked = servable.filter(item__in=chosen).select_for_update(skip_locked=True, of=("self",), no_key=True)
    entries = list(locked.select_related("item"))
    QueueEntry.objects.filter(pk__in=[entry.pk for entry in entries]).update(free=F("free") - 1)
    _withdraw([item.pk for item in made])
    return hand_over(dealing.membership, entries, dealing.until)


def _unasked(item_ids: Iterable[int]) -> set[int]:
    """Those that no entry asks for, and that nobody answered, skipped or holds."""
    live = QueueEntry.objects.filter(item=OuterRef("pk"), state=_Live)
    met = Assignment.objects.filter(item=OuterRef("pk")).exclude(state=_State.EXPIRED)
    found = Item.objects.filter(~Exists(live), ~Exists(met), pk__in=list(item_ids))
    return set(found.values_list("pk", flat=True))


def _queue(policy: Policy, first: QueueEntry, items: Sequence[Item]) -> None:
    """Let entries ask for items of a card, behind all that the round picked."""
    people = queue.crew(first.project_id) if items else 0
    entries = []
    for item in items:
        places = queue.places_for(item, policy, people)
        entries.append(
            QueueEntry(
                project_id=first.project_id,
                item=item,
                round_number=first.round_number,
                rank=(first.round_number + 1) * queue.RANK_STEP + queue.RANK_STEP // 2,
                stream=_Stream.CARD,
                reason={"why": "alike", "round": first.round_number},
                skill=serving.skill_of(item, policy),
                places=places,
                free=places,
            )
        )
    queue.insert(entries)


def _withdraw(item_ids: Iterable[int]) -> None:
    """Take entries out of the queue that were made for a card and that nobody holds or answered."""
    made = QueueEntry.objects.filter(item_id__in=item_ids, stream=_Stream.CARD, state=_Live)
    made.filter(free=F("places")).update(state=QueueEntry.State.WITHDRAWN)


@transaction.atomic
def give_back(membership: Membership, item_id: int, back: Collection[int]) -> int:
    """Let go of look-alikes of an item that this person holds and did not label; return how many.

    The queue is then as it was before the card.
    """
    queue.hold(membership)
    mine = {"project_id": membership.project_id, "annotator_id": membership.user_id}
    first = Assignment.objects.filter(**mine, item_id=item_id).select_related("entry").first()
    known = set(first.entry.reason.get("alike", ())) if first else set()
    ids = known.intersection(back)
    held = Assignment.objects.filter(**mine, item_id__in=ids).exclude(entry__stream__in=SINGLY)
    ids = set(held.values_list("item_id", flat=True))
    ended = queue.give_back(membership, ids) if ids else 0
    _withdraw(ids)
    return ended


# --- checked ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """An answer that was just stored: by which assignment, and what the person had said before."""

    assignment: Assignment
    now: Annotation
    before: Annotation | None


def follow(project: Project, rules: Rules, said: Said, at: datetime) -> None:
    """Keep checks right once an answer was stored and judged; the caller holds assignment and item.

    An answer given on a card may be drawn to be checked. One that is taken back need not be checked any more.
    """
    if said.now.bulk is not None:
        _check(project, rules, said)
    elif said.before is not None and said.before.bulk is not None:
        counted = said.now.kind in Annotation.COUNTED
        if counted and said.now.stream == _Stream.CARD_CHECK:
            _compare(project, rules, said, at)
        elif counted or said.now.kind == Annotation.Kind.UNDO:
            _let_be(said.assignment)


def _check(project: Project, rules: Rules, said: Said) -> None:
    """Ask once more about an item that rests on cards alone, if it is drawn: whatever was said."""
    item, entry = said.assignment.item, said.assignment.entry
    if item.state != Item.State.SETTLED or item.settled_source not in _VOTED:
        return
    lot = draws.card(project.seed, item.key)
    if lot >= rules.policy.bulk_check or QueueEntry.objects.filter(item=item, state=_Live).exists():
        return
    votes = queries.votes([item.pk])
    if votes.filter(bulk=None).exists():
        return
    counted = votes.count()
    check = QueueEntry(
        project_id=project.pk,
        item=item,
        round_number=entry.round_number,
        # Anywhere among what the round picked, so that its place gives nothing away.
        rank=(entry.round_number + 1) * queue.RANK_STEP
        + round(draws.known(project.seed, f"card:{item.pk}") * rules.policy.batch_size),
        stream=_Stream.CARD_CHECK,
        reason={name: value for name, value in entry.reason.items() if name not in _DROPPED},
        skill=entry.skill,
        places=counted + 1,
        free=1,
    )
    QueueEntry.objects.bulk_create([check], ignore_conflicts=True)


def _compare(project: Project, rules: Rules, said: Said, at: datetime) -> None:
    """Hand an item to a lead where a person says something else than on the own card: one word is no vote."""
    item, before = said.assignment.item, said.before
    same = before is not None and _meant(rules, said.now) == _meant(rules, before)
    if same or item.state != Item.State.SETTLED or item.settled_source not in _VOTED:
        return
    if project.subjective or not escalation.setting(rules.policy, Dispute.Reason.TIE):
        return
    act = audit.Act(project, policy_version=rules.policy.version)
    changing.dispute(item, [Dispute.Reason.TIE], act, at)


def _meant(rules: Rules, one: Annotation) -> frozenset[int] | None:
    if one.kind != Annotation.Kind.ANSWER:
        return None
    return frozenset(rules.merged.get(pk, pk) for pk in one.labels)


def _let_be(assignment: Assignment) -> None:
    """Ask nobody to check what was taken back or answered anew singly, unless somebody has it in hand."""
    checks = QueueEntry.objects.filter(item=assignment.item, state=_Live, stream=_Stream.CARD_CHECK)
    check = checks.select_for_update(no_key=True).first()
    if check is None:
        return
    others = Assignment.objects.filter(entry=check).exclude(pk=assignment.pk)
    if others.filter(state__in=returning.WAITING).exists():
        return
    QueueEntry.objects.filter(pk=check.pk).update(state=QueueEntry.State.WITHDRAWN)
    if assignment.entry_id != check.pk:
        return
    # It was to be asked of the same person: the answer has its old place again.
    older = QueueEntry.objects.filter(item=assignment.item).exclude(stream__in=SINGLY).order_by("-pk")
    assignment.entry, assignment.placed = older[0], True
    assignment.save(update_fields=["entry", "placed"])


def ask_themselves(project: Project, at: datetime) -> int:
    """Let people check their own cards where nobody else is left to, some time later; return how many checks.

    They get the item as any other, without their old answer. Repeating it changes nothing.
    """
    asked = Assignment.objects.filter(entry=OuterRef("pk"))
    waiting = QueueEntry.objects.filter(
        ~Exists(asked), project=project, state=_Live, stream=_Stream.CARD_CHECK, created_at__lt=at - LATER
    )
    return sum(_ask_themselves(entry) for entry in waiting.order_by("pk")[:CHUNK])


@transaction.atomic
def _ask_themselves(entry: QueueEntry) -> bool:
    if queries.askable(entry.project_id, entry.item_id, entry.skill):
        return False
    returning.hold(entry.item_id)
    changing.lock(entry.item_id)
    live = QueueEntry.objects.select_for_update(no_key=True).filter(pk=entry.pk, state=_Live, free__gt=0)
    said = queries.votes([entry.item_id]).filter(bulk__isnull=False, annotator__in=_crew(entry.project_id))
    vote = said.first()
    if not live.exists() or vote is None:
        return False
    mine = Assignment.objects.filter(item_id=entry.item_id, annotator_id=vote.annotator_id)
    changes: dict[str, Any] = {"entry": entry, "state": _State.SENT_BACK, "placed": False, "note": ""}
    return bool(mine.filter(state=_State.SUBMITTED).update(**changes))


def _crew(project_id: int) -> QuerySet[Membership, Any]:
    return queries.crew(project_id).values("user_id")
