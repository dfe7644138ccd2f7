"""One person's record in detail: for leads, and for the person, who learns less of known items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils.timezone import localtime, now
from django.utils.translation import gettext_lazy

from projects import queries, records, saying, shifts
from projects.models import Annotation, Event, Item, Label, Membership, Policy, Project, Resolution, Shift
from projects.quality import standing as rule
from projects.quality.standing import Sign, Standing
from projects.records import Decision
from projects.trust import gold, standing

# Label mixes compare so many newest answers.
MIXED: Final = 2_000
SHOWN: Final = 12
# What a person sees of known items ends where a shift of so many answers ended, else where the day began.
HIDING: Final = 20

ACTS: Final = {
    "person.warned": gettext_lazy("Warned"),
    "person.recovered": gettext_lazy("Above the bar again"),
    "person.paused": gettext_lazy("Paused"),
    "person.lifted": gettext_lazy("Lifted"),
    "person.excluded": gettext_lazy("Votes left out"),
    "person.included": gettext_lazy("Votes count again"),
    "person.changed": gettext_lazy("May be asked otherwise"),
    "person.asked_others": gettext_lazy("Others asked"),
}


@dataclass(frozen=True)
class Share:
    """One label: how often a person gives it, and how often the team does; in [0, 1]."""

    label: Label
    mine: float
    team: float


@dataclass(frozen=True)
class Mixed:
    """Two labels that a person takes for each other; None: could not tell, or none of these."""

    right: Label | None
    given: Label | None
    count: int


@dataclass(frozen=True)
class Shown:
    """A decided item as a person sees it again: the own answer, the lead's, and why."""

    item: Item
    said: Sequence[Label]
    labels: Sequence[Label]
    decision: Decision
    reason: str


@dataclass(frozen=True)
class Bar:
    """Where share, interval and bar stand in a drawing a hundred wide."""

    low: str
    width: str
    share: str
    floor: str


@dataclass(frozen=True)
class Own:
    """What a person sees about themselves."""

    gold: Standing
    floor: float
    needed: int
    mixed: Sequence[Mixed]
    decided: Sequence[Shown]
    lost: int
    seconds: float | None
    shift: Shift | None
    done: shifts.Done | None

    @property
    def over(self) -> bool:
        """Whether the last shift is over and has not been left yet."""
        return self.shift is not None and self.shift.ended_at is None and self.shift.ends_at <= now()


def own(membership: Membership, policy: Policy) -> Own:
    """What a person may know about the own work: never which items were known, never another's name."""
    shift = shifts.newest(membership)
    before = _before(membership, shift)
    found = standing.record(membership, policy, before)
    decided = records.decisions(membership.project, membership.user_id).get(membership.user_id, [])
    seconds = shifts.seconds_of(membership)
    return Own(
        gold=found,
        floor=policy.gold_floor,
        needed=rule.needed(found.right, found.answers, policy.gold_floor),
        mixed=mixed(membership, decided, before)[:2],
        decided=shown(membership.project, decided[:SHOWN]),
        lost=sum(one.counts and not one.right for one in decided),
        seconds=rule.pace(seconds) if len(seconds) >= rule.FIRST else None,
        shift=shift,
        done=shifts.done(membership, shift) if shift else None,
    )


def bar(found: Standing, floor: float) -> Bar:
    """Place a record in its drawing."""
    numbers = (found.low, found.high - found.low, (found.share or 0.0) - 0.004, floor)
    return Bar(*(f"{100 * number:.2f}" for number in numbers))


def _before(membership: Membership, shift: Shift | None) -> datetime | None:
    """Until when the own record shows: who sees it grow after one answer knows that this was a known item."""
    if membership.paused_at:
        return None
    today = localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    if shift is None or shifts.done(membership, shift).answers < HIDING:
        return today
    return max(today, min(shift.ended_at or shift.ends_at, now() - timedelta(seconds=1)))


def mixed(membership: Membership, decided: Sequence[Decision], before: datetime | None = None) -> list[Mixed]:
    """Which labels a person takes for which, on known items and by leads' decisions, most frequent first."""
    counts: Counter[tuple[int | None, int | None]] = Counter()
    for one in gold.confusions(membership, before):
        counts[one.right, one.given] += one.times
    for decision in decided:
        if (
            decision.counts
            and not decision.right
            and len(decision.labels) == 1
            and len(decision.said or ()) <= 1
        ):
            counts[decision.labels[0], next(iter(decision.said or ()), None)] += 1
    labels = {label.pk: label for label in membership.project.labels.all()}
    found = [Mixed(labels.get(right or 0), labels.get(given or 0), n) for (right, given), n in counts.items()]
    return sorted(found, key=lambda one: (-one.count, str(one.right), str(one.given)))


def shown(project: Project, decided: Sequence[Decision]) -> list[Shown]:
    """Decisions with their items, in the same order."""
    labels = {label.pk: label for label in project.labels.all()}
    items = Item.objects.in_bulk([one.item_id for one in decided])
    reasons = dict(Resolution.Reason.choices)

    def named(ids: Iterable[int]) -> list[Label]:
        return [labels[pk] for pk in sorted(ids) if pk in labels]

    return [
        Shown(
            items[one.item_id],
            named(one.said or ()),
            named(one.labels),
            one,
            str(reasons.get(one.reason, "")),
        )
        for one in decided
    ]


def mix(membership: Membership) -> list[Share]:
    """How a person's newest answers fall on the labels, beside the team's newest."""
    project = membership.project
    said = queries.current(Annotation.objects.filter(project=project, kind=Annotation.Kind.ANSWER))
    said = said.order_by("-pk")
    mine = _shares(said.filter(annotator_id=membership.user_id)[:MIXED])
    team = _shares(said.exclude(annotator_id=membership.user_id)[: 5 * MIXED])
    rows = [Share(one, mine.get(one.pk, 0.0), team.get(one.pk, 0.0)) for one in project.labels.all()]
    return sorted((row for row in rows if row.mine or row.team), key=lambda row: -max(row.mine, row.team))


def _shares(said: QuerySet[Annotation]) -> dict[int, float]:
    lists = list(said.values_list("labels", flat=True))
    counts = Counter(pk for labels in lists for pk in labels)
    return {pk: count / len(lists) for pk, count in counts.items()}


def story(membership: Membership) -> list[tuple[Event, str]]:
    """What was done about a person, newest first, each with its name."""
    events = Event.objects.filter(project_id=membership.project_id, action__startswith="person.")
    # Of what takes many steps, the first is told.
    events = events.filter(after__member=membership.pk).exclude(action="person.recounted")
    found = events.select_related("actor").order_by("-pk")
    return [(event, str(ACTS.get(event.action, event.action))) for event in found[:50]]


# --- in words --------------------------------------------------------------------------------------------


def sentence(sign: Sign, labels: dict[int, Label]) -> saying.Said:
    """Say what a sign is, with its numbers."""
    numbers = {"count": f"{sign.count:,}", "of": f"{sign.of:,}", "usual": f"{100 * sign.usual:.0f}"}
    if sign.kind == "run":
        label = labels.get(sign.label)
        name = label.name if label else saying.gettext("one answer")
        return saying.gettext(
            "%(count)s times “%(name)s” in a row; the team gives it in %(usual)s %% of answers.",
            **numbers,
            name=name,
        )
    if sign.kind == "fast":
        return saying.gettext("%(count)s of %(of)s answers came faster than anybody can look.", **numbers)
    if sign.kind == "changed":
        return saying.gettext("%(count)s of %(of)s items judged a second time got another answer.", **numbers)
    return saying.gettext("%(count)s of %(of)s items were skipped; others skip %(usual)s %%.", **numbers)


def sentences(project: Project, signs: Sequence[Sign]) -> list[saying.Said]:
    """The same for several signs."""
    labels = {label.pk: label for label in project.labels.all()} if signs else {}
    return [sentence(sign, labels) for sign in signs]
