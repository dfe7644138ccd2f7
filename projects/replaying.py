"""Rebuild what every item's label rests on from the log of events alone, and compare it with what stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from projects import audit
from projects.models import Event, Item, Project

Facts = dict[str, Any]
# What an item rests on before anything happened to it.
NOTHING: Final[Facts] = {"state": Item.State.OPEN.value, "label_ids": None, "source": ""}
# What an event that changes it is called.
ACTIONS: Final = tuple(f"item.{state}" for state in Item.State.values)
_PAGE: Final = 2000


@dataclass(frozen=True)
class Difference:
    """Where the log and the items do not say the same; ``event_id`` names a link that does not fit."""

    number: int
    logged: Facts
    found: Facts
    event_id: int | None = None


def rebuild(project: Project, events: Iterable[Event]) -> dict[int, Facts]:
    """Return what each item of ``project`` rests on after these events, as ``audit.facts`` says it.

    The oldest event comes first. Items that no event names rest on ``NOTHING`` and are left out.
    """
    return {
        event.item_id: _facts(event.after)
        for event in events
        if event.project_id == project.pk and event.item_id and event.action in ACTIONS
    }


def differences(project: Project) -> Iterator[Difference]:
    """Yield every item that is not as the log says, and every event that does not begin where the last ended.

    People may go on working: what differs is looked at again with the item held.
    """
    last = 0
    while page := list(_items(project).filter(number__gt=last)[:_PAGE]):
        last = page[-1].number
        for item in _differing(page):
            with transaction.atomic():
                held = list(_items(project).filter(pk=item.pk).select_for_update(no_key=True))
                yield from _compared(held, _logged(held))


def _differing(page: list[Item]) -> list[Item]:
    logged = _logged(page)
    return [item for item in page if any(_compared([item], logged))]


def _compared(items: list[Item], logged: dict[int, list[Event]]) -> Iterator[Difference]:
    for item in items:
        stands = NOTHING
        for event in logged.get(item.pk, ()):
            if _facts(event.before) != stands:
                yield Difference(item.number, stands, _facts(event.before), event.pk)
            stands = _facts(event.after)
        if stands != audit.facts(item):
            yield Difference(item.number, stands, audit.facts(item))


def _logged(items: list[Item]) -> dict[int, list[Event]]:
    """Return the events that changed these items' labels, oldest first."""
    found: dict[int, list[Event]] = {item.pk: [] for item in items}
    if not items:
        return found
    # By a range of items alone: with anything else beside it a planner may choose to read the whole log.
    near = Event.objects.filter(item_id__gte=min(found), item_id__lte=max(found), action__in=ACTIONS)
    for event in near.only("item_id", "before", "after"):
        if event.item_id in found:
            found[event.item_id].append(event)
    for events in found.values():
        events.sort(key=lambda event: event.pk)
    return found


def _items(project: Project) -> QuerySet[Item]:
    """Return the project's items without their content, by number."""
    # With the project, which the manager sets on each: left out, it would be read once an item.
    facts = ("project", "number", "state", "settled_labels", "settled_source", "posterior", "method")
    return project.items.order_by("number").only(*facts)


def _facts(side: Facts | None) -> Facts:
    return dict(audit.without_words(side)) if side else dict(NOTHING)
