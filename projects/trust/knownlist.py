"""What leads see of known items: which there are, how often they were missed, and what is lacking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from projects import queries
from projects.models import Annotation, Item, Label, Membership, Policy, Project, QueueEntry
from projects.trust import gold, known

PAGE_SIZE: Final = 40
# With fewer known items than this, a newcomer has seen them all after some days.
WANTED: Final = 20


@dataclass(frozen=True)
class Row:
    """One known item: its right answers, how many answered it and how many rightly, and where it stands."""

    item: Item
    rights: Sequence[Sequence[Label]]
    asked: int
    right: int
    state: str
    tone: str = ""


@dataclass(frozen=True)
class Candidate:
    """A decided item; ``left`` people who label could still be asked about it."""

    item: Item
    labels: Sequence[Label]
    left: int


@dataclass(frozen=True)
class Given:
    """An answer that people gave to a known item."""

    labels: Sequence[Label]
    words: str
    right: bool
    count: int


@dataclass(frozen=True)
class Stock:
    """How many known items there are: in use, in doubt, and waiting from a file."""

    used: int
    doubted: int
    waiting: int
    wanted: int

    @property
    def lacking(self) -> int:
        """How many more the batch before joining needs; people are not kept from work meanwhile."""
        return max(0, self.wanted - self.used - self.waiting)


def stock(project: Project, policy: Policy) -> Stock:
    """Count the known items, and how many the policy wants for the batch before joining."""
    listed = Item.objects.filter(project=project, gold__isnull=False)
    doubted = listed.filter(state__in=(Item.State.DISPUTED, Item.State.STALE)).count()
    used = gold.in_service(project.pk).count()
    return Stock(used, doubted, known.waiting(project).count(), policy.qualification)


def listed(project: Project) -> QuerySet[Item]:
    """Known items that are, or were, given to people, newest first."""
    served = QueueEntry.objects.filter(project=project, stream=QueueEntry.Stream.GOLD)
    found = Item.objects.filter(project=project, gold__isnull=False, pk__in=served.values("item"))
    return found.order_by("-number")


def rows(project: Project, items: Sequence[Item]) -> list[Row]:
    """What the list shows of these items, in a few queries whatever their number."""
    labels = {label.pk: label for label in project.labels.all()}
    counts = _counts(project, items)
    entries = gold.serving(project.pk).filter(item__in=items).order_by("pk")
    states = dict(entries.values_list("item_id", "state"))
    return [
        Row(item, named(item.gold, labels), *counts.get(item.pk, (0, 0)), *_state(item, states.get(item.pk)))
        for item in items
    ]


def candidates(project: Project, items: Sequence[Item]) -> list[Candidate]:
    """What the list shows of items that could become known ones."""
    labels = {label.pk: label for label in project.labels.all()}
    members = Membership.objects.filter(project=project, active=True)
    annotators = members.filter(role=Membership.Role.ANNOTATOR)
    crew = set((annotators if annotators.exists() else members).values_list("user_id", flat=True))
    said: dict[int, set[int]] = {}
    pairs = Annotation.objects.filter(item__in=items).values_list("item_id", "annotator_id").distinct()
    for item, person in pairs:
        said.setdefault(item, set()).add(person)
    return [
        Candidate(
            item,
            [labels[pk] for pk in item.settled_labels or [] if pk in labels],
            len(crew - said.get(item.pk, set())),
        )
        for item in items
    ]


def given(project: Project, item: Item) -> list[Given]:
    """What people said of one known item, most frequent first, against what is right now."""
    labels = {label.pk: label for label in project.labels.all()}
    into = queries.rules(project).merged
    counts: Counter[tuple[str, tuple[int, ...]]] = Counter()
    for kind, chosen in _answers(project).filter(item=item).values_list("kind", "labels"):
        counts[kind, tuple(sorted(into.get(label, label) for label in chosen))] += 1
    return [
        Given(
            [labels[pk] for pk in chosen if pk in labels],
            _("Can't tell") if kind == Annotation.Kind.CANT_TELL else _("None of these"),
            kind == Annotation.Kind.ANSWER and gold.among(chosen, item.gold, into),
            count,
        )
        for (kind, chosen), count in counts.most_common()
    ]


def named(rights: Iterable[Sequence[int]] | None, labels: dict[int, Label]) -> list[list[Label]]:
    """Right answers by their labels."""
    return [[labels[pk] for pk in one if pk in labels] for one in rights or ()]


def _answers(project: Project) -> QuerySet[Annotation]:
    found = Annotation.objects.filter(
        project=project, stream=QueueEntry.Stream.GOLD, kind__in=Annotation.COUNTED
    )
    return queries.current(found)


def _counts(project: Project, items: Sequence[Item]) -> dict[int, tuple[int, int]]:
    """Answers and right ones by item."""
    into = queries.rules(project).merged
    by_id = {item.pk: item for item in items}
    found: dict[int, tuple[int, int]] = {}
    for pk, kind, labels in _answers(project).filter(item__in=items).values_list("item_id", "kind", "labels"):
        asked, right = found.get(pk, (0, 0))
        fits = kind == Annotation.Kind.ANSWER and gold.among(labels, by_id[pk].gold, into)
        found[pk] = (asked + 1, right + fits)
    return found


def _state(item: Item, entry: str | None) -> tuple[str, str]:
    """Where a known item stands, in words, with the tone of its badge."""
    if item.state == Item.State.DISPUTED:
        return _("In doubt, a lead decides"), "warn"
    if item.state == Item.State.STALE:
        return _("To be looked at again"), "warn"
    if entry == QueueEntry.State.LIVE and item.state == Item.State.SETTLED:
        return _("In use"), "good"
    if entry == QueueEntry.State.DONE:
        return _("Rests: nobody is left to ask"), ""
    return _("Not in use"), ""
