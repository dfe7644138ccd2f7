"""Triggers that look at items by themselves: the model contradicts, open for too long, a contentious region.

Each looks again without harm: what it raised once on an item it raises again only under changed guidelines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.core.cache import caches
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast

from projects import audit, queries
from projects.models import (
    Annotation,
    Dispute,
    GuidelineVersion,
    Item,
    Label,
    Policy,
    Project,
    QueueEntry,
    Resolution,
)
from projects.reasons import percent
from projects.saying import Said
from projects.saying import gettext as _
from projects.signals import judgements_changed
from projects.trust import escalation

VOTED: Final = (Item.Source.SINGLE, Item.Source.CONSENSUS)
# How long after it was settled a model may contradict, and items looked at in one go.
RECENT: Final = timedelta(days=30)
CHUNK: Final = 500
PIECES: Final = 4
# Items that one look hands to leads because they wait; the rest follows at the next.
MOST_OLD: Final = 100
# Clusters keep their numbers from round to round while features stay as they are, so the last rounds say
# together how contentious a region is; below so many decided items nothing is said.
ROUNDS: Final = 20
DECIDED: Final = 10
_Reason = Dispute.Reason
_near = caches["near"]


@dataclass(frozen=True)
class Look:
    """What a trigger works with."""

    project: Project
    policy: Policy
    at: datetime

    def number(self, name: str) -> float:
        return escalation.setting(self.policy, name)


# --- the model contradicts ---------------------------------------------------------------------------------


def contradicted(look: Look) -> int:
    """Dispute items settled by votes that a proven model, which did not know them, thinks nearly impossible.

    Returns how many. Looks through what was settled lately, a piece at a time, and goes on where it stopped;
    where the place is forgotten it begins again, and finds the same.
    """
    left = int(look.number("model_per_day")) - _raised_since(look, _Reason.MODEL, timedelta(days=1))
    if not (look.project.model_proven and look.number("model_below")):
        return 0
    found = 0
    for _piece in range(PIECES):
        if found >= left or not (items := _newly_settled(look)):
            break
        doubts = sorted(_doubts(look, items), key=lambda pair: pair[1])
        for item, share in doubts:
            if found >= left:
                return found  # Tomorrow is another day: this piece is looked at again.
            words = _("The model, which did not know it, gives this label %(share)s.", share=percent(share))
            found += _dispute(look, item, _Reason.MODEL, words)
        _near.set(_place(look), (items[-1].settled_at, items[-1].pk), None)
    return found


def _newly_settled(look: Look) -> list[Item]:
    """The next items settled by votes, by the time when."""
    since, after = _near.get(_place(look)) or (look.at - RECENT, 0)
    settled = Item.objects.filter(
        Q(settled_at__gt=since) | Q(settled_at=since, pk__gt=after),
        project=look.project,
        state=Item.State.SETTLED,
        settled_at__gte=since,
    )
    facts = ("settled_labels", "settled_source", "settled_at", "votes_from")
    return list(settled.order_by("settled_at", "pk").only(*facts)[:CHUNK])


def _place(look: Look) -> str:
    return f"contradicted:{look.project.pk}:{look.policy.version}"


def _doubts(look: Look, items: Iterable[Item]) -> Iterator[tuple[Item, float]]:
    """Yield the items that the model contradicts, with the probability that it gives them at the most."""
    columns = dict(Label.objects.filter(project=look.project).values_list("pk", "position"))
    voted = {item.pk: item for item in items if item.settled_source in VOTED and item.settled_labels}
    entries = QueueEntry.objects.filter(item__in=voted, reason__has_key="top").order_by("pk")
    # Picked while it was open: no model had been trained on it. A label that is checked was known.
    unknown = entries.exclude(stream=QueueEntry.Stream.CHECK)
    seen = {entry.item_id: entry for entry in unknown if entry.created_at <= _settled_at(voted, entry)}
    multi = look.project.task == Project.Task.MULTI
    for pk, entry in seen.items():
        item = voted[pk]
        share = given([columns[label] for label in item.settled_labels or ()], entry.reason, multi)
        if share < look.number("model_below"):
            yield item, share


def _settled_at(items: dict[int, Item], entry: QueueEntry) -> datetime:
    return items[entry.item_id].settled_at or entry.created_at


def given(positions: Iterable[int], reason: dict[str, Any], multi: bool) -> float:
    """Return the probability that a pick's model gave these labels, at the most; the least of several.

    A pick keeps the three likeliest labels. Any other is no likelier than the last of them, nor, where only
    one label fits, than what they leave.
    """
    top = {int(position): float(p) for position, p in reason.get("top") or ()}
    if not top:
        return 1.0
    rest = min(top.values()) if multi else min(min(top.values()), max(0.0, 1 - sum(top.values())))
    return min((top.get(position, rest) for position in positions), default=1.0)


# --- open for too long -------------------------------------------------------------------------------------


def waiting(look: Look) -> int:
    """Dispute items that were answered so long ago and are still open; return how many."""
    days = look.number("age_days")
    if not days:
        return 0
    old = queries.current(Annotation.objects.filter(kind__in=Annotation.COUNTED)).filter(
        item=OuterRef("item_id"), created_at__lt=look.at - timedelta(days=days)
    )
    entries = QueueEntry.objects.filter(
        Exists(old), project=look.project, state=QueueEntry.State.LIVE, item__state=Item.State.OPEN
    ).exclude(stream=QueueEntry.Stream.GOLD)
    items = Item.objects.filter(pk__in=entries.values("item_id"), gold__isnull=True)
    fresh = _not_yet(items, _Reason.AGE).order_by("pk")[:MOST_OLD]
    return sum(_dispute(look, item, _Reason.AGE) for item in fresh)


# --- a contentious region ----------------------------------------------------------------------------------


def contentious(look: Look) -> int:
    """Ask again about items settled by one answer in regions where people often differ; return how many.

    Another answer costs less than a lead's time, and where it differs that makes a dispute. Only where nobody
    is left to ask the item goes to a lead. Disputes that are open there get the region as a further reason.
    """
    share = look.number("region_share")
    if not share:
        return 0
    done = 0
    for item_ids in _regions(look, share):
        open_ones = Item.objects.filter(pk__in=item_ids, state=Item.State.DISPUTED)
        for item in _not_yet(open_ones, _Reason.REGION):
            _dispute(look, item, _Reason.REGION)
        single = Item.objects.filter(
            pk__in=item_ids, state=Item.State.SETTLED, settled_source=Item.Source.SINGLE
        )
        asked = QueueEntry.objects.filter(item=OuterRef("pk"), state=QueueEntry.State.LIVE)
        done += sum(_ask(look, item) for item in _not_yet(single.filter(~Exists(asked)), _Reason.REGION))
    return done


def _regions(look: Look, share: float) -> list[list[int]]:
    """Return the items of each region of which so much was disputed."""
    picked = QueueEntry.objects.filter(project=look.project, reason__has_key="cluster")
    last = picked.order_by("-round_number").values_list("round_number", flat=True).first() or 0
    disputes = Dispute.objects.filter(item=OuterRef("item_id")).exclude(state=Dispute.State.DISMISSED)
    decided = picked.filter(
        round_number__gt=last - ROUNDS, item__state__in=(Item.State.SETTLED, Item.State.DISPUTED)
    )
    regions: dict[int, dict[int, bool]] = {}
    facts = decided.annotate(fought=Exists(disputes)).values_list("reason__cluster", "item_id", "fought")
    for cluster, item_id, fought in facts:
        regions.setdefault(cluster, {})[item_id] = fought
    return [
        sorted(items)
        for _cluster, items in sorted(regions.items())
        if len(items) >= DECIDED and sum(items.values()) >= share * len(items)
    ]


def _ask(look: Look, item: Item) -> bool:
    """Let one more person answer an item; where nobody is left, a lead."""
    from projects import places, settle

    with transaction.atomic():
        held = settle.lock(item.pk)
        if held.state != Item.State.SETTLED or held.settled_source != Item.Source.SINGLE:
            return False
        answered = queries.votes([item.pk]).count()
        if places.seek(look.project, look.policy, held, answered, 1):
            return True
    return _dispute(look, item, _Reason.REGION)


# --- what they share ---------------------------------------------------------------------------------------


def _dispute(look: Look, item: Item, reason: str, words: Said | str = "") -> bool:
    """Hand an item to a lead, unless it moved on, a lead has decided it, or this was raised before."""
    from projects import settle

    with transaction.atomic():
        held = settle.lock(item.pk)
        if held.state != item.state or held.settled_labels != item.settled_labels:
            return False
        if not _not_yet(Item.objects.filter(pk=item.pk), reason).exists():
            return False
        act = audit.Act(look.project, policy_version=look.policy.version, reason=words)
        settle.dispute(held, [reason], act, look.at)
        changed: Callable[[], object] = partial(
            judgements_changed.send, sender=Project, project_id=look.project.pk
        )
        transaction.on_commit(changed)
        return True


def _not_yet(items: QuerySet[Item], reason: str) -> QuerySet[Item]:
    """Leave out what a lead decided or was disputed for this reason, unless guidelines changed since."""
    since = GuidelineVersion.objects.filter(
        project=OuterRef("project"), version=OuterRef("item__votes_from")
    ).values("created_at")
    disputes = Dispute.objects.filter(item=OuterRef("pk")).alias(listed=Cast("reasons", TextField()))
    back = (Resolution.Outcome.SENT_BACK, Resolution.Outcome.RETURNED)
    decided = Q(state=Dispute.State.RESOLVED) & ~Q(resolution__outcome__in=back)
    again = disputes.filter(Q(listed__contains=f'"{reason}"') | decided)
    # The version under which an item is asked anew: what happened before it is of no account.
    present = Q(opened_at__gte=Subquery(since)) | Q(item__votes_from=0)
    return items.filter(~Exists(again.filter(present)))


def _raised_since(look: Look, reason: str, span: timedelta) -> int:
    mine = Dispute.objects.filter(project=look.project, opened_at__gt=look.at - span)
    listed = mine.alias(listed=Cast("reasons", TextField()))
    return listed.filter(listed__contains=f'"{reason}"').count()
