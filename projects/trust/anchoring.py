"""What suggestions do to people: how far they follow them, wrong ones too, and how much time they save.

A person's first answer to an item is compared: with help of the model, and blind. Who is blind on what is
drawn (``projects.suggesting``). Everybody who could have looked counts as helped, looked or not, for who
looks is not drawn. One period at a time is looked at: as long as the policy shows suggestions in the same way
to the same share. That a suggestion was wrong is never said by the person's own answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import Max

from projects import queries, suggesting
from projects.models import (
    Annotation,
    Dispute,
    Event,
    Item,
    Membership,
    Policy,
    Project,
    Resolution,
    SpotCheck,
)
from projects.quality.anchoring import Arm, Difference, Pace, difference, pace
from projects.remembered import remembered

# The newest answers that are looked at, and items that are asked for together.
MOST: Final = 100_000
_PIECE: Final = 2_000
# Other people who must agree before they say what is right.
WITNESSES: Final = 2

Set = frozenset[int]


@dataclass(frozen=True)
class Period:
    """As long as suggestions were shown in one way; ``until`` None: it goes on. ``blind``: the share."""

    number: int
    since: datetime
    until: datetime | None
    suggest: str
    likely_first: bool
    highlight: bool
    blind: float


class Met(NamedTuple):
    """One first answer: whether it followed the suggestion, how it was met, and in how many seconds."""

    item: int
    person: int
    suggested: Set
    followed: bool
    how: str
    seconds: float | None

    @property
    def blind(self) -> bool:
        return self.how == "blind"


@dataclass(frozen=True)
class Line:
    """One person's figures: over all suggestions, and over those that proved wrong."""

    name: str
    every: Difference
    wrong: Difference


@dataclass(frozen=True)
class Report:
    """What suggestions did in one period.

    ``looked``: of those who could reveal a suggestion, how many did. ``cut``: only the newest answers count.
    """

    period: Period
    every: Difference
    wrong: Difference
    pace: Pace | None
    looked: Arm
    people: list[Line]
    cut: bool


# --- when ------------------------------------------------------------------------------------------------


def periods(project: Project) -> list[Period]:
    """Stretches in which people got some help of the model, newest first."""
    found: list[Period] = []
    before: tuple[Any, ...] | None = None
    for policy in project.policies.order_by("version"):
        now = _way(policy)
        if now == before:
            continue
        if before is not None and found and found[-1].until is None:
            found[-1] = _ended(found[-1], policy.created_at)
        if now is not None:
            found.append(Period(len(found) + 1, policy.created_at, None, *now))
        before = now
    return found[::-1]


def _way(policy: Policy) -> tuple[str, bool, bool, float] | None:
    if not suggesting.helps(policy):
        return None
    return str(policy.suggest), policy.likely_first, suggesting.marks(policy), suggesting.blind_share(policy)


def _ended(period: Period, until: datetime) -> Period:
    return Period(**{**vars(period), "until": until})


@dataclass(frozen=True)
class Present:
    """Who counts (not those whose votes were excluded), by what name, and what labels are called now."""

    project: Project
    names: dict[int, str]
    merged: dict[int, int]

    @classmethod
    def of(cls, project: Project) -> Present:
        members = Membership.objects.filter(project=project, excluded_at=None).select_related("user")
        names = {member.user_id: str(member.user) for member in members}
        return cls(project, names, queries.rules(project).merged)

    def meant(self, labels: Iterable[int]) -> Set:
        return frozenset(self.merged.get(label, label) for label in labels)


# --- what ------------------------------------------------------------------------------------------------


def report(project: Project, period: Period) -> Report:
    """Compare the answers of a period with and without the suggestion."""
    answers = Annotation.objects.filter(project=project).aggregate(newest=Max("pk"))["newest"]
    event = Event.objects.filter(project=project).aggregate(newest=Max("pk"))["newest"]
    key = f"anchoring:{project.pk}:{period.number}"
    return remembered(key, (answers, event, period), lambda: _measure(project, period))


def _measure(project: Project, period: Period) -> Report:
    present = Present.of(project)
    rows = _answers(present, period)
    wrong = _wrong(present, rows)
    by_person: dict[int, list[Met]] = defaultdict(list)
    for row in rows:
        by_person[row.person].append(row)
    lines = [
        Line(present.names[person], _compared(theirs), _compared([row for row in theirs if row in wrong]))
        for person, theirs in by_person.items()
    ]
    able = [row for row in rows if row.how in {"revealed", "unseen"}]
    return Report(
        period,
        _compared(rows),
        _compared(wrong),
        pace(_seconds(rows, blind=False), _seconds(rows, blind=True)),
        Arm(sum(row.how == "revealed" for row in able), len(able) if period.suggest == "key" else 0),
        sorted(lines, key=lambda line: line.name.casefold()),
        len(rows) >= MOST,
    )


def _compared(rows: Collection[Met]) -> Difference:
    def arm(*, blind: bool) -> Arm:
        side = [row.followed for row in rows if row.blind == blind]
        return Arm(sum(side), len(side))

    return difference(arm(blind=False), arm(blind=True))


def _seconds(rows: Iterable[Met], *, blind: bool) -> list[float]:
    return [row.seconds for row in rows if row.blind == blind and row.seconds is not None]


def _answers(present: Present, period: Period) -> list[Met]:
    """First answers with something suggested, since labels mean what they mean now; newest first."""
    found = Annotation.objects.filter(
        project=present.project,
        suggestion__isnull=False,
        revision=1,
        kind__in=Annotation.COUNTED,
        created_at__gte=period.since,
        guideline_version__gte=present.project.agreed_version,
        annotator__in=list(present.names),
    )
    found = found.filter(created_at__lt=period.until) if period.until else found
    columns = ("item_id", "annotator_id", "labels", "kind", "suggestion", "active_ms")
    return [
        _met(present, *row) for row in found.order_by("-pk").values_list(*columns)[:MOST].iterator(_PIECE)
    ]


def _met(present: Present, *row: Any) -> Met:
    item, person, labels, kind, suggestion, active = row
    suggested = present.meant(suggestion["labels"])
    followed = kind == Annotation.Kind.ANSWER and present.meant(labels) == suggested
    return Met(
        item, person, suggested, followed, suggestion["how"], None if active is None else active / 1000
    )


# --- wrong -----------------------------------------------------------------------------------------------


@dataclass
class _Evidence:
    """What is known of one item beside the person's own answer."""

    decided: tuple[int, list[Set]] | None = None  # by whom
    known: list[Set] | None = None
    checked: tuple[int, list[Set]] | None = None
    said: dict[int, Set] | None = None

    def right(self, person: int) -> list[Set] | None:
        """The right answers as others say; None: nobody but this person does."""
        if self.decided and self.decided[0] != person:
            return self.decided[1]
        if self.known:
            return self.known
        if self.checked and self.checked[0] != person:
            return self.checked[1]
        others = Counter(labels for other, labels in (self.said or {}).items() if other != person)
        first, second = [*others.most_common(2), None, None][:2]
        if first is None or first[1] < WITNESSES or (second and second[1] == first[1]):
            return None
        return [first[0]]


def _wrong(present: Present, rows: Sequence[Met]) -> set[Met]:
    """Answers to suggestions that others have shown to be wrong."""
    found: set[Met] = set()
    for at in range(0, len(rows), _PIECE):
        piece = rows[at : at + _PIECE]
        evidence = _evidence(present, {row.item for row in piece})
        for row in piece:
            right = evidence[row.item].right(row.person)
            if right is not None and row.suggested not in right:
                found.add(row)
    return found


def _evidence(present: Present, items: Collection[int]) -> Mapping[int, _Evidence]:
    found: dict[int, _Evidence] = defaultdict(_Evidence)
    project, now = present.project, present.meant
    for pk, gold in Item.objects.filter(pk__in=items, gold__isnull=False).values_list("pk", "gold"):
        found[pk].known = [now(one) for one in gold or ()]
    checks = SpotCheck.objects.filter(item__in=items, labels__isnull=False)
    for item, lead, labels in checks.values_list("item", "lead", "labels"):
        found[item].checked = (lead, [now(labels or ())])
    for item, lead, outcome, labels in _decisions(items):
        several = outcome == Resolution.Outcome.BOTH and project.task == Project.Task.SINGLE
        found[item].decided = (lead, [now([one]) for one in labels] if several else [now(labels)])
    answers = queries.current(queries.votes(items)).filter(kind=Annotation.Kind.ANSWER)
    answers = answers.filter(guideline_version__gte=project.agreed_version, annotator__in=list(present.names))
    for item, person, labels in answers.values_list("item_id", "annotator_id", "labels"):
        found[item].said = {**(found[item].said or {}), person: now(labels)}
    return found


def _decisions(items: Collection[int]) -> Iterable[Any]:
    """Leads' decisions that stand, oldest first."""
    outcomes = (Resolution.Outcome.LABELLED, Resolution.Outcome.BOTH)
    found = Resolution.objects.filter(item__in=items, outcome__in=outcomes, item__state=Item.State.SETTLED)
    found = found.exclude(dispute__state=Dispute.State.UNDONE).order_by("pk")
    return found.values_list("item", "lead", "outcome", "labels")
