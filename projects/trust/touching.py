"""Which items a change of labels touches: by consensus, by a vote, or by what the model thought of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast

from projects.models import Annotation, Item, Label, Project, QueueEntry

# Items of one step, and of one transaction of those who change them.
CHUNK: Final = 500
# How many of the model's likeliest labels count.
LIKELIEST: Final = 2
_OVER: Final = (Item.State.SETTLED, Item.State.STALE)


@dataclass(frozen=True)
class Change:
    """Labels that mean something else from a guideline version on."""

    project: Project
    label_ids: frozenset[int]
    version: int


@dataclass(frozen=True)
class Effect:
    """What a change would do: settled items asked again, and open ones whose votes would no longer decide."""

    settled: int
    open: int


def effect(project: Project, label_ids: Iterable[int]) -> Effect:
    """Count what a change that concerns these labels would touch, without changing anything."""
    change = Change(project, frozenset(label_ids), project.guideline_version + 1)
    ids = [pk for step in steps(change) for pk in step]
    found = Item.objects.filter(project=project)
    # «In» lists have a limit: count by slices.
    slices = [ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK)]
    plainly_open = Q(state=Item.State.OPEN, gold__isnull=True)
    opened = sum(found.filter(plainly_open, pk__in=one).count() for one in slices)
    stale = sum(found.filter(state=Item.State.STALE, pk__in=one).count() for one in slices)
    return Effect(len(ids) - opened - stale, opened)


def steps(change: Change) -> Iterator[list[int]]:
    """The ids of the items that a change touches, in ascending order, by ``CHUNK`` at most.

    What is marked under the change's version, or a later one, is touched no more: an interrupted run goes on
    where it stopped.
    """
    after = 0
    while change.label_ids:
        candidates = _candidates(change).filter(pk__gt=after).order_by("pk")
        rows = list(candidates.values_list("pk", "surely")[:CHUNK])  # type: ignore[misc]
        if not rows:
            return
        after = rows[-1][0]
        thought = _thought(change, [pk for pk, surely in rows if not surely])
        if touched := [pk for pk, surely in rows if surely or pk in thought]:
            yield touched


def names_label(column: str, label_ids: Iterable[int]) -> Q:
    """Match rows whose JSON list of label ids in ``column`` (as text) names a label; nested lists too.

    SQLite has no operator for it.
    """
    found = Q(pk__in=[])
    for pk in label_ids:
        for one in (f"[{pk}]", f"[{pk},", f" {pk}]", f" {pk},"):
            found |= Q(**{f"{column}__contains": one})
    return found


def _candidates(change: Change) -> QuerySet[Item]:
    """Items that may touch the labels; ``surely`` where the model need not be asked."""
    said = Annotation.objects.alias(listed=Cast("labels", TextField())).filter(
        names_label("listed", change.label_ids),
        item=OuterRef("pk"),
        superseded_by=None,
        kind=Annotation.Kind.ANSWER,
        guideline_version__gte=OuterRef("votes_from"),
    )
    lists = ("settled_labels", "former", "gold")
    texts = {f"{column}_list": Cast(column, TextField()) for column in lists}
    named = Q(Exists(said)) | names_label("gold_list", change.label_ids)
    named |= names_label("settled_labels_list", change.label_ids)
    # What a stale item was settled as: of a settled one it is history.
    named |= Q(state=Item.State.STALE) & names_label("former_list", change.label_ids)
    surely = Case(When(named, then=Value(True)), default=Value(False))
    over, still_open = Q(state__in=_OVER), Q(state=Item.State.OPEN)
    return (
        Item.objects.filter(project=change.project, votes_from__lt=change.version)
        .alias(**texts)
        .annotate(surely=surely)
        .filter(over & Q(Exists(_mentions(change))) | (over | still_open) & named)
    )


def _mentions(change: Change) -> QuerySet[QueueEntry]:
    """Queue entries of an item whose reason lists one of the labels among the likeliest, at any place."""
    listed = Q(pk__in=[])
    for position in _positions(change):
        listed |= Q(thought__contains=f"[{position},")
    entries = QueueEntry.objects.alias(thought=Cast("reason__top", TextField()))
    return entries.filter(listed, item=OuterRef("pk"))


def _thought(change: Change, item_ids: list[int]) -> set[int]:
    """Those items whose two likeliest labels, as a model saw them last, are among the labels."""
    if not item_ids:
        return set()
    positions = _positions(change)
    entries = QueueEntry.objects.filter(item_id__in=item_ids, reason__has_key="top").order_by("pk")
    newest = dict(entries.values_list("item_id", "reason__top"))
    return {
        pk
        for pk, top in newest.items()
        if positions & {int(one[0]) for one in sorted(top, key=lambda one: -one[1])[:LIKELIEST]}
    }


def _positions(change: Change) -> set[int]:
    labels = Label.objects.filter(pk__in=change.label_ids)
    return set(labels.values_list("position", flat=True))
