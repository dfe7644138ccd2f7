"""The queue: publish what is to be asked, lease it to people, take back what expired.

Every guarantee hangs on columns of one row or on a unique constraint, so it holds at any concurrency:
``QueueEntry.free`` never falls below zero, and an item has one Assignment a person. PostgreSQL evaluates a
filter on the locked row's own columns again after it got the lock; a filter on other tables it would not.
Locks are taken in the order membership, assignment with item, entry; whoever goes another way does not wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Least
from django.utils.timezone import now

from projects import hot, queries, serving
from projects.hot import hold as hold
from projects.leasing import hand_over
from projects.models import Assignment, Item, Membership, Policy, Project, QueueEntry
from projects.serving import LASTING
from projects.trust import gold, workload

# Between two rounds' ranks: no batch is longer.
RANK_STEP = 1_000_000
# Items that the fallback queues at a time.
TOP_UP = 20
_Stream = QueueEntry.Stream


@dataclass(frozen=True)
class Pick:
    """An item that a round wants asked, and why."""

    item_id: int
    stream: str
    reason: dict[str, Any] = field(default_factory=dict)


# --- publishing ------------------------------------------------------------------------------------------


@transaction.atomic
def publish(project: Project, picks: Sequence[Pick], round_number: int) -> int:
    """Put a round's picks in the queue, best first, the random slices mixed in; return how many were added.

    Entries that nobody holds and nobody answered are withdrawn; the others stay and come first.
    Picks whose item was settled or queued meanwhile are left out. Repeating the call changes nothing.
    """
    again = _settled(project, [pick for pick in picks if pick.stream == _Stream.CHECK])
    untouched = QueueEntry.objects.filter(project=project, state=QueueEntry.State.LIVE, free=F("places"))
    untouched.exclude(stream__in=LASTING).update(state=QueueEntry.State.WITHDRAWN)
    policy = project.policy
    first = (round_number + 1) * RANK_STEP
    for item, pick in again:
        ask_again(item, round_number, pick, rank=first)
    chosen = [pick for pick in picks if pick.stream != _Stream.RESERVE]
    reserve = [pick for pick in picks if pick.stream == _Stream.RESERVE]
    taken = {pick.item_id for pick in picks}
    mixed = _interleave(chosen, *_random_slices(project, policy, len(chosen), taken))
    return len(again) + _add(project, policy, [*mixed, *reserve], round_number)


def ask_again(item: Item, round_number: int = 0, pick: Pick | None = None, rank: int = 0) -> None:
    """Ask one more person about an item: for a lead before everything else, or as a round picked it.

    The caller holds the item's lock.
    """
    pick = pick or Pick(item.pk, _Stream.AGAIN, {"why": "lead_asked"})
    counted = queries.votes([item.pk]).count()
    live = QueueEntry.objects.filter(item=item, state=QueueEntry.State.LIVE)
    if live.update(places=counted + 1, free=1, stream=pick.stream, reason=pick.reason):
        return
    last = QueueEntry.objects.filter(item=item).order_by("-pk").values_list("skill", flat=True).first()
    QueueEntry.objects.create(
        project_id=item.project_id,
        item=item,
        round_number=round_number,
        rank=rank,
        stream=pick.stream,
        reason=pick.reason,
        skill=last or "",
        places=counted + 1,
        free=1,
    )


def _settled(project: Project, picks: Sequence[Pick]) -> list[tuple[Item, Pick]]:
    """Those that are settled and that nobody is asked about, with their items held.

    Items come before entries in the order of locks, so this comes first of all. An item that somebody holds
    at this moment is left out: a vote on it is being stored.
    """
    if not picks:
        return []
    items = Item.objects.filter(project=project, state=Item.State.SETTLED, pk__in=[p.item_id for p in picks])
    held = items.order_by("pk").select_for_update(skip_locked=True, no_key=True).only("project_id")
    by_id = {item.pk: item for item in held}
    live = QueueEntry.objects.filter(item__in=by_id, state=QueueEntry.State.LIVE)
    asked = set(live.values_list("item_id", flat=True))
    return [(by_id[p.item_id], p) for p in picks if p.item_id in by_id and p.item_id not in asked]


def places_for(item: Item, policy: Policy, people: int) -> int:
    """How many different people an item needs: never more than there are."""
    wanted = policy.agreement_overlap if item.agreement else policy.overlap
    return min(wanted, max(1, people))


def crew(project_id: int) -> int:
    """How many people label in a project and may go on; see ``queries.crew``."""
    return queries.crew(project_id).count()


def _unqueued(project: Project) -> QuerySet[Item]:
    """Open items that no live entry asks for, in the project's random order."""
    live = QueueEntry.objects.filter(item=OuterRef("pk"), state=QueueEntry.State.LIVE)
    return Item.objects.filter(~Exists(live), project=project, state=Item.State.OPEN).order_by("shuffle")


def _random_slices(project: Project, policy: Policy, size: int, taken: set[int]) -> list[list[Pick]]:
    """Draw the hold-out's and the agreement sample's share of a batch, in the project's random order."""
    # By name, for an index serves «one of these» and not «any but that one».
    over = [state for state in Item.State if state != Item.State.OPEN]
    seen = Item.objects.filter(project=project, holdout=True, state__in=over).count()
    live = QueueEntry.objects.filter(project=project, state=QueueEntry.State.LIVE)
    room = max(0, policy.holdout_max - seen - live.filter(item__holdout=True).count())
    unqueued = _unqueued(project).exclude(pk__in=taken)
    holdout = unqueued.filter(holdout=True)[: min(room, round(size * policy.holdout_mix))]
    agreement = unqueued.filter(agreement=True, holdout=False)[: round(size * policy.agreement_share)]
    return [
        [Pick(item.pk, _Stream.HOLDOUT, {"why": "random_holdout"}) for item in holdout.only("pk")],
        [Pick(item.pk, _Stream.AGREEMENT, {"why": "random_agreement"}) for item in agreement.only("pk")],
    ]


def _interleave(*streams: Sequence[Pick]) -> list[Pick]:
    """Spread each stream evenly over the whole, keeping its order."""
    keyed = [((i + 0.5) / len(stream), pick) for stream in streams for i, pick in enumerate(stream)]
    return [pick for _, pick in sorted(keyed, key=lambda pair: pair[0])]


def _add(project: Project, policy: Policy, picks: Sequence[Pick], round_number: int) -> int:
    """Insert entries for picks whose item is open and not queued."""
    people = crew(project.pk)
    wanted = ("agreement", "holdout", *(["metadata"] if policy.skill_field else []))
    chosen = _unqueued(project).filter(pk__in=[p.item_id for p in picks]).order_by()
    items = {item.pk: item for item in chosen.only(*wanted)}
    entries = []
    for offset, pick in enumerate(picks):
        if (item := items.pop(pick.item_id, None)) is None:
            continue
        places = places_for(item, policy, people)
        entries.append(
            QueueEntry(
                project=project,
                item_id=item.pk,
                round_number=round_number,
                rank=(round_number + 1) * RANK_STEP + offset,
                stream=pick.stream,
                reason=pick.reason,
                skill=serving.skill_of(item, policy),
                places=places,
                free=places,
            )
        )
    insert(entries)
    return len(entries)


def insert(entries: Iterable[QueueEntry]) -> None:
    """Add entries of items that none asks for. Somebody may queue the same item now: the first one stands.

    Each waits for whoever is adding the same item, so all go by item: another order could end in a deadlock.
    """
    ordered = sorted(entries, key=lambda entry: entry.item_id)
    QueueEntry.objects.bulk_create(ordered, ignore_conflicts=True, batch_size=1000)


# --- leasing ---------------------------------------------------------------------------------------------


def lease(
    membership: Membership, count: int, at: datetime | None = None, policy: Policy | None = None
) -> list[Assignment]:
    """Fill a person's hands; see ``fill``."""
    with transaction.atomic():
        hold(membership)
        return fill(membership, count, at, policy)


def fill(
    membership: Membership, count: int, at: datetime | None = None, policy: Policy | None = None
) -> list[Assignment]:
    """Fill hands up to ``count`` assignments and return all that are held; the caller called ``hold``.

    When the queue is empty and the pool is not, the random order serves; after that, what the person skipped.
    """
    at = at or now()
    project = membership.project
    if project.state != Project.State.ACTIVE:
        return []
    policy = policy or project.policy
    count = workload.allowed(membership, policy, count, at)
    if count == 0:
        return []
    until = workload.until(membership, policy, at)
    held = _held(membership, at, until)[:count]
    fresh = _come_back(membership, count - len(held), until)
    dealt = gold.deal(membership, policy, count - len(held) - len(fresh), until)
    fresh += dealt.assignments
    if dealt.only:
        return held + fresh
    fresh += _take(membership, policy, count - len(held) - len(fresh), until)
    if len(held) + len(fresh) < count:
        expire(project.pk, at)
        _top_up(project, policy)
        fresh += _take(membership, policy, count - len(held) - len(fresh), until)
    if not held and not fresh:
        # Nothing else is left: what this person skipped comes back.
        fresh = _take(membership, policy, count, until, skipped=True)
    return held + fresh


def _held(membership: Membership, at: datetime, until: datetime) -> list[Assignment]:
    """What a person holds, in the order in which it was given; whoever still asks keeps it."""
    held = hot.held(membership, at)
    soonest = min((assignment.expires_at for assignment in held), default=until)
    if soonest < until and soonest < at + (until - at) / 2:
        Assignment.objects.filter(pk__in=[assignment.pk for assignment in held]).update(expires_at=until)
    return held


def _come_back(membership: Membership, count: int, until: datetime) -> list[Assignment]:
    """Take in hand what a lead sent back to this very person: before everything else, its place was kept."""
    if count <= 0 or not membership.returned:
        return []
    waiting = serving.returned(membership).select_related("entry")
    taken = list(waiting.select_for_update(skip_locked=True, of=("self",), no_key=True)[:count])
    ids = [assignment.pk for assignment in taken]
    Assignment.objects.filter(pk__in=ids).update(state=Assignment.State.LEASED, expires_at=until)
    return taken


def _take(
    membership: Membership, policy: Policy, count: int, until: datetime, *, skipped: bool = False
) -> list[Assignment]:
    """Take a free place in each of the next ``count`` entries that this person has not had."""
    if count <= 0:
        return []
    plain = not skipped and serving.plain(membership, policy)
    if plain and (entries := hot.take(membership, count)):
        return hand_over(membership, entries, until)
    # Some entries are half answered, or some people are asked before others: choose, then take.
    open_ones = serving.Open(membership, policy, plain=plain, skipped=skipped)
    window = open_ones.window(serving.WINDOW + 5 * count)
    if not window:
        return []
    if (chosen := serving.spread(membership, window, count)) is None:
        entries = open_ones.first(count)
    else:
        held = {entry.pk: entry for entry in open_ones.hold(chosen)}
        entries = [held[pk] for pk in chosen if pk in held]
        if len(entries) < len(chosen):
            # Somebody is at these at this moment: the next ones that are free stand in.
            entries += [entry for entry in open_ones.first(count) if entry.pk not in held]
            entries = entries[: len(chosen)]
    taken = hot.take_these([entry.pk for entry in entries])
    return hand_over(membership, [entry for entry in entries if entry.pk in taken], until)


def _top_up(project: Project, policy: Policy) -> None:
    """Queue some open items in random order: nobody waits for the learner."""
    items = _unqueued(project).only("pk", "holdout", "agreement")[:TOP_UP]
    picks = [Pick(item.pk, _random_stream(item), {"why": "random_order"}) for item in items]
    _add(project, policy, picks, round_number=_newest_round(project))


def _random_stream(item: Item) -> str:
    if item.holdout:
        return _Stream.HOLDOUT
    return _Stream.AGREEMENT if item.agreement else _Stream.RANDOM


def _newest_round(project: Project) -> int:
    newest = QueueEntry.objects.filter(project=project).order_by("-round_number").first()
    return newest.round_number if newest else 0


# --- giving back -----------------------------------------------------------------------------------------


def expire(project_id: int, at: datetime) -> int:
    """Give back the places of leases that ended before ``at``; return how many."""
    with transaction.atomic():
        over = Assignment.objects.filter(
            project_id=project_id, state=Assignment.State.LEASED, expires_at__lte=at
        )
        entries = list(
            QueueEntry.objects.filter(pk__in=over.values("entry_id"))
            .select_for_update(skip_locked=True, no_key=True)
            .order_by("pk")
            .values_list("pk", flat=True)[:500]
        )
        # Who answers at this moment holds the assignment and may wait for the entry: never wait for them.
        return _end(over.filter(entry_id__in=entries).select_for_update(skip_locked=True, no_key=True))


def give_back(membership: Membership, only: Iterable[int] | None = None) -> int:
    """Give back what a person holds, or ``only`` these items, each at its place in the ranking.

    The caller called ``hold``.
    """
    mine = Assignment.objects.filter(
        annotator_id=membership.user_id, project_id=membership.project_id, state=Assignment.State.LEASED
    )
    mine = mine if only is None else mine.filter(item_id__in=only)
    return _end(mine.order_by("pk").select_for_update(no_key=True))


def _end(leases: QuerySet[Assignment]) -> int:
    """End leases that are locked now, and free their places; what was sent back waits for its person."""
    ended = list(leases.values_list("pk", "entry_id", "placed", "entry__stream"))
    back = [pk for pk, _entry, _placed, stream in ended if stream == _Stream.RETURNED]
    Assignment.objects.filter(pk__in=back).update(state=Assignment.State.SENT_BACK)
    gone = [row for row in ended if row[3] != _Stream.RETURNED]
    Assignment.objects.filter(pk__in=[row[0] for row in gone]).update(
        state=Assignment.State.EXPIRED, placed=False
    )
    _free(Counter(entry for _pk, entry, placed, _stream in gone if placed))
    return len(ended)


def expire_all(at: datetime) -> int:
    """Give back ended leases in every project."""
    over = Assignment.objects.filter(state=Assignment.State.LEASED, expires_at__lte=at)
    ids = list(over.values_list("project_id", flat=True).distinct())
    return sum(expire(project_id, at) for project_id in ids)


def _free(counts: Counter[int]) -> None:
    """Give each entry back so many places."""
    by_number: dict[int, list[int]] = {}
    for entry, number in counts.items():
        by_number.setdefault(number, []).append(entry)
    for number, entries in by_number.items():
        QueueEntry.objects.filter(pk__in=entries).update(free=Least(F("places"), F("free") + number))


def withdraw(item_ids: Iterable[int]) -> None:
    """Take items out of the queue, whoever waits; leases that exist run on and their answers count."""
    QueueEntry.objects.filter(item_id__in=item_ids, state=QueueEntry.State.LIVE).update(
        state=QueueEntry.State.WITHDRAWN
    )
