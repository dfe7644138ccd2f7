"""Events in words, by filter, page by page: what happened, from what to what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.timezone import make_aware
from django.utils.translation import gettext as _

from projects import audit, policy_words, reasons
from projects.history_names import (
    CHOICES,
    HIDDEN,
    HIDDEN_IN,
    NAMES,
    NAMES_IN,
    NOTHING,
    SHARES,
    SUBJECTS,
    TITLES,
)
from projects.models import Event, Item, Project

PAGE_SIZE: Final = 50
# From so many of one act side by side only the first is shown.
TOGETHER: Final = 3
_EXPORTED: Final = 500


@dataclass(frozen=True)
class Wanted:
    """Which events; nothing given: all but the changes of items, which other events mostly explain."""

    about: str = ""
    kind: str = ""
    by: int | None = None
    item: int | None = None
    since: date | None = None
    until: date | None = None
    request: str = ""
    bulk: UUID | None = None
    everything: bool = False

    @property
    def hot(self) -> bool:
        """Whether changes of items are among them."""
        one = self.kind or self.by or self.item or self.request or self.bulk
        return bool(self.everything or self.about == "item" or (one and not self.about))


@dataclass(frozen=True)
class Change:
    """One thing that changed; ``before`` is blank where there was nothing."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Told:
    """An event in words; ``more`` counts those beside it that were done in the same act."""

    event: Event
    title: str
    changes: Sequence[Change] = field(default_factory=list)
    more: int = 0


@dataclass(frozen=True)
class Page:
    """One page of events, and from which event, past which act, the next goes on."""

    rows: Sequence[Told]
    older: int | None
    past: UUID | None = None


def matching(project: Project, wanted: Wanted) -> QuerySet[Event]:
    """Return the events that are wanted, newest first."""
    found = project.events.order_by("-pk")
    if not wanted.hot:
        # As two ranges, which an index serves; «not like» would read every row.
        found = found.filter(Q(action__lt="item.") | Q(action__gt="item/"))
    if wanted.about in SUBJECTS:
        found = found.filter(action__startswith=f"{wanted.about}.")
    exact = {"kind": wanted.kind, "actor_id": wanted.by, "request": wanted.request, "bulk": wanted.bulk}
    found = found.filter(**{name: value for name, value in exact.items() if value})
    if wanted.item:
        found = found.filter(item__project=project, item__number=wanted.item)
    if wanted.since:
        found = found.filter(at__gte=_midnight(wanted.since))
    if wanted.until:
        found = found.filter(at__lt=_midnight(wanted.until + timedelta(days=1)))
    return found


def page(project: Project, wanted: Wanted, before: int | None = None, past: UUID | None = None) -> Page:
    """Cut one page by key, acts of many events folded; ``past`` is an act that the last page told of."""
    found = matching(project, wanted)
    if before:
        found = found.filter(pk__lt=before)
    if past and not wanted.bulk:
        found = found.exclude(bulk=past)
    events = list(found.select_related("actor", "item")[: PAGE_SIZE + 1])
    more, events = len(events) > PAGE_SIZE, events[:PAGE_SIZE]
    rows = told(project, events, fold=wanted.bulk is None)
    ends = events[-1].bulk if more and rows[-1].more else None
    return Page(rows, events[-1].pk if more else None, ends)


def told(project: Project, events: Sequence[Event], fold: bool = False) -> list[Told]:
    """Put events into words, with the names that labels have now; ``fold`` those of one act side by side."""
    labels = dict(project.labels.values_list("pk", "name"))
    rows: list[Told] = []
    for (bulk, _action), run in groupby(events, key=lambda event: (event.bulk, event.action)):
        alike = list(run)
        if fold and bulk and len(alike) >= TOGETHER:
            more = project.events.filter(bulk=bulk, action=alike[0].action).count() - 1
            rows.append(Told(alike[0], title(alike[0], labels), more=more))
        else:
            rows += [Told(one, title(one, labels), changes(one, labels)) for one in alike]
    return rows


def title(event: Event, labels: dict[int, str] | None = None) -> str:
    """Say what happened; an unknown action as it stands."""
    if event.action.startswith("item.") and isinstance(event.after, dict) and "state" in event.after:
        return resting(event.after, labels or {})
    return str(TITLES.get(event.action, event.action.replace(".", ": ").replace("_", " ")))


def resting(facts: dict[str, Any], labels: dict[int, str]) -> str:
    """Say what an item's label rests on: «Settled as Spam by consensus, 97 % sure»."""
    if facts.get("state") != Item.State.SETTLED:
        state = str(facts.get("state"))
        return str(CHOICES["item"].get(state, state))
    ids = facts.get("label_ids")
    names = ", ".join(labels.get(pk, _("label %(number)d") % {"number": pk}) for pk in ids or ())
    if ids is None:
        names = _("“nobody can tell”")
    said = CHOICES["by"].get(str(facts.get("source")), CHOICES["by"][""]) % {
        "labels": names or _("“none of these”")
    }
    posterior = facts.get("posterior")
    if posterior is None or facts.get("source") in {Item.Source.SEED, Item.Source.GOLD}:
        return str(said)
    return _("%(said)s, %(share)s sure") % {"said": said, "share": reasons.percent(float(posterior))}


def changes(event: Event, labels: dict[int, str] | None = None) -> list[Change]:
    """Set the two sides of an event beside each other, by field and in words."""
    before = event.before if isinstance(event.before, dict) else {}
    after = event.after if isinstance(event.after, dict) else {}
    if event.action.startswith("item.") and "state" in after:
        return [Change(_("Before:"), resting(before, labels or {}), "")] if before else []
    shown = {name: None for name in [*before, *after] if _shows(event.action, name, before, after)}
    return [
        Change(
            str(NAMES_IN.get((event.action, name)) or NAMES.get(name, name.replace("_", " "))),
            _words(name, before[name], event, labels or {}) if name in before else "",
            _words(name, after[name], event, labels or {}) if name in after else "",
        )
        for name in shown
    ]


def _shows(action: str, name: str, before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether people see a field: neither what is for the machine, nor what stayed as it was."""
    if name in HIDDEN or (action, name) in HIDDEN_IN:
        return False
    if name in before and name in after and before[name] == after[name]:
        return False
    # Ids of labels stand beside their names as they were, for replays.
    named = {"labels", "names", "into"} & {*before, *after}
    return name != "label_ids" or not named


def story(item: Item, most: int = 20) -> list[Told]:
    """Return what happened to one item, newest first."""
    events = list(item.events.select_related("actor", "item").order_by("-pk")[:most])
    return told(item.project, events)


def rows(events: QuerySet[Event]) -> Iterator[dict[str, Any]]:
    """Yield events for an export, oldest first, a page at a time."""
    mine = events.order_by("pk").select_related("actor", "item")
    last = 0
    while found := list(mine.filter(pk__gt=last)[:_EXPORTED]):
        last = found[-1].pk
        yield from _exported(found)


def _exported(events: Iterable[Event]) -> Iterator[dict[str, Any]]:
    for event in events:
        yield {
            "id": event.pk,
            "at": event.at.isoformat(),
            "kind": event.kind,
            "by": event.actor.get_username() if event.actor else None,
            "action": event.action,
            "subject": event.subject,
            "item": event.item.number if event.item else None,
            "before": event.before,
            "after": audit.without_words(event.after),
            "reason": event.reason,
            "policy_version": event.policy_version,
            "guideline_version": event.guideline_version,
            "estimate_version": event.estimate_version,
            "request": event.request,
            "bulk": str(event.bulk) if event.bulk else None,
        }


def _midnight(day: date) -> datetime:
    return make_aware(datetime.combine(day, time()))


def _named(ids: Iterable[Any], labels: dict[int, str]) -> str:
    names = [labels.get(pk, _("label %(number)s") % {"number": pk}) for pk in ids]
    return ", ".join(names) or _("none of these")


def _words(name: str, value: Any, event: Event, labels: dict[int, str]) -> str:
    if not value and not isinstance(value, bool | list) and (event.action, name) in NOTHING:
        return str(NOTHING[event.action, name])
    if name == "gold" and value:
        return _(" or ").join(_named(one, labels) for one in value)
    if name == "label_ids" and value is not None:
        return _named(value, labels)
    if value == "" and name in CHOICES and "" in CHOICES[name]:
        return str(CHOICES[name][""])
    if value is None or value in ("", [], {}):
        return _("nothing")
    if event.action == "policy.changed" and isinstance(value, dict | list):
        return policy_words.in_words(name, value, event.project)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name in SHARES and isinstance(value, int | float):
        return f"{round(value * 100, 1):g} %"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        shown = ", ".join(str(one) for one in value[:8])
        rest = len(value) - 8
        return shown if rest <= 0 else _("%(names)s and %(rest)s more") % {"names": shown, "rest": rest}
    return str(CHOICES.get(name, {}).get(str(value), value))
