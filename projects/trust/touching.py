"""Which items a change of labels touches: by consensus, by a vote, or by what the model thought of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from django.db.models import F, Q, QuerySet, TextField
from django.db.models.functions import Cast

from projects.models import Annotation, Item, Label, Project, QueueEntry

# Items of one step, and of one transaction of those who change them: people who answer wait for it.
CHUNK: Final = 100
# Items of one question, where many are asked about by id.
SLICE: Final = 5000
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
    states = dict(_touched(Change(project, frozenset(label_ids), project.guideline_version + 1)))
    known = set(_known(project).values_list("pk", flat=True))
    opened = {pk for pk, state in states.items() if state == Item.State.OPEN} - known
    settled = [pk for pk, state in states.items() if state in (Item.State.OPEN, Item.State.SETTLED)]
    return Effect(len(settled) - len(opened), len(opened))


def steps(change: Change) -> Iterator[list[int]]:
    """The ids of the items that a change touches, in ascending order, by ``CHUNK`` at most.

    What is marked under the change's version, or a later one, is touched no more: an interrupted run goes on
    where it stopped.
    """
    ids = sorted(pk for pk, _state in _touched(change))
    for first in range(0, len(ids), CHUNK):
        yield ids[first : first + CHUNK]


def names_label(column: str, label_ids: Iterable[int]) -> Q:
    """Match rows whose JSON list of label ids in ``column`` (as text) names a label; nested lists too.

    SQLite has no operator for it.
    """
    found = Q(pk__in=[])
    for pk in label_ids:
        for one in (f"[{pk}]", f"[{pk},", f" {pk}]", f" {pk},"):
            found |= Q(**{f"{column}__contains": one})
    return found


def _touched(change: Change) -> Iterator[tuple[int, str]]:
    """Id and state of each item that a change touches, once. One pass over each table, whatever its size."""
    if not change.label_ids:
        return
    asked = Item.objects.filter(project=change.project, votes_from__lt=change.version)
    states = dict(asked.values_list("pk", "state"))
    sure = _named(change) | _said(change)
    open_to_doubt = {pk for pk, state in states.items() if state in _OVER and pk not in sure}
    thought = _thought(change, _mentioned(change) & open_to_doubt)
    yield from ((pk, state) for pk, state in states.items() if pk in sure or pk in thought)


def _named(change: Change) -> set[int]:
    """Items settled as one of the labels, stale ones that were, and known items with such an answer."""
    lists = ("settled_labels", "former", "gold")
    items = Item.objects.filter(project=change.project, votes_from__lt=change.version)
    items = items.alias(**{f"{column}_list": Cast(column, TextField()) for column in lists})
    # What a stale item was settled as: of a settled one it is history.
    was = Q(state=Item.State.STALE) & names_label("former_list", change.label_ids)
    known = Q(gold__isnull=False) & names_label("gold_list", change.label_ids)
    found = items.filter(names_label("settled_labels_list", change.label_ids) | was | known)
    return set(found.values_list("pk", flat=True)) | _disputed(change)


def _disputed(change: Change) -> set[int]:
    """Disputed items that were settled as one of the labels."""
    items = Item.objects.filter(project=change.project, state=Item.State.DISPUTED, former__isnull=False)
    rows = items.filter(votes_from__lt=change.version).values_list("pk", "former")
    return {pk for pk, was in rows if change.label_ids.intersection((was or {}).get("labels") or ())}


def _known(project: Project) -> QuerySet[Item]:
    return Item.objects.filter(project=project, gold__isnull=False)


def _said(change: Change) -> set[int]:
    """Items with a present vote for one of the labels that still counts."""
    votes = Annotation.objects.filter(
        project=change.project, superseded_by=None, kind=Annotation.Kind.ANSWER
    ).alias(listed=Cast("labels", TextField()))
    found = votes.filter(
        names_label("listed", change.label_ids), guideline_version__gte=F("item__votes_from")
    )
    return set(found.values_list("item_id", flat=True))


def _mentioned(change: Change) -> set[int]:
    """Items that a model once thought might have one of the labels, at any place of its list."""
    listed = Q(pk__in=[])
    for position in _positions(change):
        listed |= Q(thought__contains=f"[{position},")
    entries = QueueEntry.objects.filter(project=change.project)
    found = entries.alias(thought=Cast("reason__top", TextField())).filter(listed)
    return set(found.values_list("item_id", flat=True))


def _thought(change: Change, item_ids: set[int]) -> set[int]:
    """Those items whose two likeliest labels, as a model saw them last, are among the labels."""
    positions, ids = _positions(change), sorted(item_ids)
    found = set()
    for first in range(0, len(ids), SLICE):
        some = QueueEntry.objects.filter(item_id__in=ids[first : first + SLICE], reason__has_key="top")
        newest = dict(some.order_by("pk").values_list("item_id", "reason__top"))
        found |= {pk for pk, top in newest.items() if positions & _likeliest(top)}
    return found


def _likeliest(top: list[list[float]]) -> set[int]:
    return {int(position) for position, _p in sorted(top, key=lambda one: -one[1])[:LIKELIEST]}


def _positions(change: Change) -> set[int]:
    labels = Label.objects.filter(pk__in=change.label_ids)
    return set(labels.values_list("position", flat=True))
