"""What cards are worth: how often a single answer confirms what was labelled together, and the time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from django.db.models import Max, QuerySet

from projects import queries
from projects.models import Annotation, Event, Label, Membership, Project, QueueEntry
from projects.quality.agreement import wilson
from projects.remembered import remembered

# So many newest answers of either kind are looked at.
RECENT: Final = 20_000
# A label is shown from so many checks on, and a time from so many answers.
ENOUGH: Final = 5
_Kind = Annotation.Kind


@dataclass(frozen=True)
class Confirmed:
    """Of ``checked`` answers given on cards, how many a single answer confirmed; 95 % Wilson interval."""

    name: str
    labelled: int
    checked: int
    confirmed: int
    hue: int = 0

    @property
    def share(self) -> float | None:
        return self.confirmed / self.checked if self.checked else None

    @property
    def low(self) -> float:
        return wilson(self.confirmed / self.checked if self.checked else 0.0, self.checked)[0]

    @property
    def high(self) -> float:
        return wilson(self.confirmed / self.checked if self.checked else 0.0, self.checked)[1]


@dataclass(frozen=True)
class Report:
    """Cards in all, by label, and seconds an item on cards and singly (None: too few were timed).

    ``waiting`` checks were drawn and are not answered yet; ``few`` labels have too few checks to be shown.
    """

    cards: int
    all: Confirmed
    labels: Sequence[Confirmed] = ()
    few: int = 0
    waiting: int = 0
    together: float | None = None
    singly: float | None = None

    @property
    def times(self) -> float | None:
        """How many times as long an item takes singly."""
        return self.singly / self.together if self.singly and self.together else None


@dataclass
class _Counts:
    labelled: Counter[int] = field(default_factory=Counter)
    checked: Counter[int] = field(default_factory=Counter)
    confirmed: Counter[int] = field(default_factory=Counter)


def report(project: Project) -> Report | None:
    """Measure the cards of a project, or return None where nobody used one."""
    mine = Annotation.objects.filter(project=project)
    if not mine.filter(bulk__isnull=False).exists():
        return None
    event = Event.objects.filter(project=project).aggregate(newest=Max("pk"))["newest"]
    mark = (mine.aggregate(newest=Max("pk"))["newest"], event)
    return remembered(f"cards:{project.pk}", mark, lambda: _measure(project))


def _measure(project: Project) -> Report:
    """Count what stands under the labels' present meaning, of people whose votes count."""
    said = _standing(project).filter(bulk__isnull=False, kind=_Kind.ANSWER)
    into = queries.rules(project).merged
    rows = list(said.order_by("-pk").values_list("item_id", "annotator_id", "labels", "bulk")[:RECENT])
    together = {(item, person): _meant(labels, into) for item, person, labels, _bulk in rows}
    counts = _Counts()
    for answer in together.values():
        counts.labelled.update(answer)
    pairs = _pairs(project, together, into)
    for answer, same in pairs:
        counts.checked.update(answer)
        counts.confirmed.update(answer if same else ())
    labels, few = _labels(project, counts)
    checks = QueueEntry.objects.filter(
        project=project, stream=QueueEntry.Stream.CARD_CHECK, state=QueueEntry.State.LIVE
    )
    return Report(
        cards=len({bulk for *_row, bulk in rows}),
        all=Confirmed("", len(rows), len(pairs), sum(same for _answer, same in pairs)),
        labels=labels,
        few=few,
        waiting=checks.count(),
        together=_seconds(project, bulk=True),
        singly=_seconds(project, bulk=False),
    )


def _standing(project: Project) -> QuerySet[Annotation]:
    void = Membership.objects.filter(project=project, excluded_at__isnull=False).values("user")
    found = Annotation.objects.filter(project=project, guideline_version__gte=project.agreed_version)
    return queries.current(found).exclude(annotator__in=void)


def _pairs(
    project: Project, together: dict[tuple[int, int], frozenset[int]], into: dict[int, int]
) -> list[tuple[frozenset[int], bool]]:
    """The answer of each card's item that was checked, and whether the check says the same.

    Whoever checks the own card replaces that answer: what was said before stands in the older revision.
    """
    checks = _standing(project).filter(stream=QueueEntry.Stream.CARD_CHECK, kind__in=Annotation.COUNTED)
    rows = checks.select_related("supersedes").order_by("-pk")[:RECENT]
    by_item: dict[int, list[frozenset[int]]] = {}
    for (item, _person), answer in together.items():
        by_item.setdefault(item, []).append(answer)
    found = []
    for one in rows:
        given = _meant(one.labels, into) if one.kind == _Kind.ANSWER else None
        before = one.supersedes
        own = [_meant(before.labels, into)] if before is not None and before.bulk else None
        found += [(answer, answer == given) for answer in own or by_item.get(one.item_id, [])]
    return found


def _meant(labels: Iterable[int], into: dict[int, int]) -> frozenset[int]:
    return frozenset(into.get(pk, pk) for pk in labels)


def _labels(project: Project, counts: _Counts) -> tuple[list[Confirmed], int]:
    """A line for each label with enough checks, least confirmed first, and how many have too few."""
    lines = [
        Confirmed(
            label.name,
            counts.labelled[label.pk],
            counts.checked[label.pk],
            counts.confirmed[label.pk],
            label.hue,
        )
        for label in Label.objects.filter(project=project)
        if counts.labelled[label.pk]
    ]
    shown = [line for line in lines if line.checked >= ENOUGH]
    return sorted(shown, key=lambda line: (line.share or 0.0, -line.checked)), len(lines) - len(shown)


def _seconds(project: Project, *, bulk: bool) -> float | None:
    """The median of seconds that an answer took, on cards or singly, of those that stand."""
    timed = _standing(project).filter(kind=_Kind.ANSWER, active_ms__isnull=False)
    timed = timed.filter(bulk__isnull=not bulk).order_by("-pk")
    times = [milliseconds or 0 for milliseconds in timed.values_list("active_ms", flat=True)[:RECENT]]
    return median(times) / 1000 if len(times) >= ENOUGH else None
