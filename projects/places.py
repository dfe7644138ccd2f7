"""The places of an item in the queue: how many answers were asked for, and asking for more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from projects import hot, queries, returning, serving
from projects.models import Assignment, Item, Policy, Project, QueueEntry

_Live = QueueEntry.State.LIVE
_Stream = QueueEntry.Stream
# Streams in which every answer that was asked for is awaited.
AWAITED: Final = {_Stream.AGAIN, _Stream.CHECK, _Stream.RETURNED, _Stream.RECHECK, _Stream.CALIBRATE}


def live(item: Item) -> QueueEntry | None:
    """The entry that asks for the item now."""
    return QueueEntry.objects.filter(item=item, state=_Live).first()


def required(policy: Policy, item: Item) -> int:
    """How many answers decide at the least."""
    return policy.agreement_overlap if item.agreement else policy.overlap


def all_awaited(entry: QueueEntry | None) -> bool:
    """Whether every answer was asked for for a reason of its own, whatever the votes say before."""
    return entry is not None and entry.stream in AWAITED


def confirmed(entry: QueueEntry | None, answers: Iterable[object]) -> bool:
    """Whether a card's check says the same as what it checks: that is no doubt, however few have answered."""
    return entry is not None and entry.stream == _Stream.CARD_CHECK and len(set(answers)) == 1


def coming(item: Item, entry: QueueEntry | None, answered: int) -> bool:
    """Whether an answer that was asked for may still come: a place nobody can take any more is no place.

    An item that was sent back waits for whoever has not looked again, however many answers there are.
    """
    if entry is None:
        return False
    if entry.stream == _Stream.RETURNED:
        return returning.waits(item)
    return answered < entry.places and _anybody(item, entry)


def _anybody(item: Item, entry: QueueEntry) -> bool:
    """Whether somebody has the item in hand, or can be given it: what one skipped comes back in the end."""
    if not (entry.skill and serving.known(item.project_id, entry.skill)):
        return hot.anybody(item.project_id, item.pk)
    mine = Assignment.objects.filter(item=item, annotator_id=OuterRef("user_id"))
    left = queries.crew(item.project_id).filter(~Exists(mine.filter(state=Assignment.State.SUBMITTED)))
    able = any(entry.skill in member.skills for member in left)
    return able or returning.held(Assignment.objects.filter(item=item)).exists()


def seek(project: Project, policy: Policy, item: Item, answered: int, more: int) -> bool:
    """Ask for ``more`` answers beside the ``answered`` ones; False, and nothing done, where nobody is left.

    Places that somebody holds count among them. An item without any answer is asked for whoever may come.
    The caller holds the item; this holds its entry, so that nobody takes a place meanwhile.
    """
    entry = _entry(item)
    people = queries.askable(project.pk, item.pk, entry.skill if entry else "")
    if not people and answered:
        return False
    held = Assignment.objects.filter(item=item, state=Assignment.State.LEASED, placed=True).count()
    free = max(0, min(more, max(1, len(people))) - held)
    if entry is None:
        entry = QueueEntry(project=project, item=item, rank=0, stream=_stream(item))
    entry.state, entry.places, entry.free = _Live, answered + held + free, free
    senior = policy.senior_after and answered >= policy.senior_after
    entry.senior = bool(senior) and any(member.senior for member in people)
    try:
        with transaction.atomic():
            entry.save()
    except IntegrityError:
        pass  # Somebody's fallback queued the item at this moment: that entry asks.
    return True


def _stream(item: Item) -> str:
    if item.holdout:
        return _Stream.HOLDOUT
    return _Stream.AGREEMENT if item.agreement else _Stream.RANDOM


def _entry(item: Item) -> QueueEntry | None:
    """The live entry, else the newest that may ask again, held.

    One that sent the item back asks nobody else: all have looked, so it ends here. So does a card's check.
    """
    over = (_Stream.RETURNED, _Stream.CARD_CHECK)
    QueueEntry.objects.filter(item=item, state=_Live, stream__in=over).update(state=QueueEntry.State.DONE)
    aside = (_Stream.GOLD, _Stream.CHECK, *over)
    mine = QueueEntry.objects.filter(item=item).exclude(stream__in=aside)
    newest = mine.order_by("-pk").select_for_update(no_key=True)
    return newest.filter(state=_Live).first() or newest.first()


def prefer_seniors(project: Project, policy: Policy, entry: QueueEntry, answered: int) -> None:
    """From so many answers on only senior people are asked, where there is one to ask."""
    if not policy.senior_after or answered < policy.senior_after or entry.senior:
        return
    if any(member.senior for member in queries.askable(project.pk, entry.item_id, entry.skill)):
        QueueEntry.objects.filter(pk=entry.pk).update(senior=True)


def close(item: Item) -> None:
    """Nobody need answer any more; leases that exist run on and their answers count."""
    hot.close(item.pk)
