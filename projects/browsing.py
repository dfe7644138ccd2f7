"""Reads for the table of items and the page of one item: leads look things up here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from projects import agreement, queries
from projects.models import Annotation, Dispute, Item, Membership, Project, QueueEntry

PAGE_SIZE: Final = 50
# Samples that only a measurement knows.
AGREED: Final = ("agreed", "differ")


@dataclass(frozen=True)
class Filter:
    """What the table shows; blank means all."""

    state: str = ""
    label: int | None = None
    stream: str = ""
    mark: str = ""
    text: str = ""
    # Label ids and people, see projects.agreement.Wanted.
    mixed: tuple[int, ...] = ()
    people: tuple[int, ...] = ()


@dataclass(frozen=True)
class Page:
    """One page of items by number, and the numbers that the neighbouring pages continue from."""

    items: Sequence[Item]
    after: int | None
    before: int | None

    @property
    def last(self) -> int | None:
        return self.items[-1].number if self.items else None


def matching(project: Project, wanted: Filter) -> QuerySet[Item]:
    """Return the items that the filter leaves, in no order."""
    items = Item.objects.filter(project=project)
    if wanted.label:
        items = items.filter(state=Item.State.SETTLED).filter(_holds(wanted.label))
    if wanted.state:
        items = items.filter(state=wanted.state)
    if wanted.stream:
        entries = QueueEntry.objects.filter(project=project, stream=wanted.stream)
        items = items.filter(pk__in=entries.values("item_id"))
    if wanted.mark == "holdout":
        items = items.filter(holdout=True)
    if wanted.mark == "agreement":
        items = items.filter(agreement=True)
    if wanted.mark == "first":
        items = items.filter(calibration=True)
    if wanted.mark == "gold":
        items = items.filter(gold__isnull=False)
    if wanted.mixed or wanted.mark in AGREED:
        behind = agreement.Wanted(wanted.mixed, wanted.people, differ=wanted.mark == "differ")
        items = items.filter(pk__in=agreement.items(project, behind))
    elif wanted.people:
        items = _judged_by(items, wanted.people)
    if wanted.text:
        words = wanted.text
        found = Q(text__icontains=words) | Q(external_id=words)
        items = items.filter(found | Q(number=int(words)) if words.isdecimal() and len(words) < 10 else found)
    return items


def _judged_by(items: QuerySet[Item], people: Sequence[int]) -> QuerySet[Item]:
    """Items that all these people answered, but for those on which a lead still decides without names."""
    for person in people:
        answers = Annotation.objects.filter(
            item=OuterRef("pk"), annotator=person, kind__in=Annotation.COUNTED
        )
        items = items.filter(Exists(queries.current(answers)))
    return items.exclude(Exists(Dispute.objects.filter(item=OuterRef("pk"), state=Dispute.State.OPEN)))


def told(project: Project, wanted: Filter) -> str:
    """Say in a sentence what mixed-up labels and people a filter asks for; blank where it asks for none."""
    if not (wanted.mixed or wanted.people or wanted.mark in AGREED):
        return ""
    label = dict(project.labels.values_list("pk", "name"))
    said = [label.get(pk, "?") for pk in wanted.mixed]
    words = [_said(said, wanted.mark)]
    if len(wanted.mixed) == len(wanted.people) == 2:
        words = [
            _("Agreement sample: «%(first)s» and «%(second)s», in this order.")
            % {"first": said[0], "second": said[1]}
        ]
    if wanted.people:
        members = Membership.objects.filter(project=project, user_id__in=wanted.people).select_related("user")
        names = {member.user_id: str(member.user) for member in members}
        among = _(" and ").join(names.get(pk, "?") for pk in wanted.people)
        words += [_("By %(people)s.") % {"people": among}]
        words += [_("Items that wait for a lead are left out: who decides must not know who said what.")]
    return " ".join(filter(None, words))


def _said(labels: Sequence[str], mark: str) -> str:
    if len(labels) == 2 and labels[0] == labels[1]:
        return _("Agreement sample: several people said «%(label)s».") % {"label": labels[0]}
    if len(labels) == 2:
        first, second = labels
        return _("Agreement sample: one person said «%(first)s», another one «%(second)s».") % {
            "first": first,
            "second": second,
        }
    if labels:
        return _("Agreement sample: some said «%(label)s», others did not.") % {"label": labels[0]}
    if mark == "differ":
        return _("Agreement sample: several people answered, and the answers differ.")
    if mark == "agreed":
        return _("Agreement sample: several people answered.")
    return ""


def _holds(label_id: int) -> Q:
    """Find a label in the JSON list of settled labels; SQLite has no operator for it."""
    same = Item.objects.alias(listed=Cast("settled_labels", TextField())).filter(
        Q(listed=f"[{label_id}]")
        | Q(listed__startswith=f"[{label_id},")
        | Q(listed__endswith=f" {label_id}]")
        | Q(listed__contains=f" {label_id},")
    )
    return Q(pk__in=same.values("pk"))


def page(items: QuerySet[Item], after: int | None = None, before: int | None = None) -> Page:
    """Cut one page by key: as fast at the end of 100,000 items as at the beginning."""
    if before is not None:
        rows = list(items.filter(number__lt=before).order_by("-number")[: PAGE_SIZE + 1])
        more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE][::-1]
        return Page(rows, after=rows[-1].number if rows else None, before=rows[0].number if more else None)
    start = after or 0
    rows = list(items.filter(number__gt=start).order_by("number")[: PAGE_SIZE + 1])
    more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    return Page(
        rows,
        after=rows[-1].number if more else None,
        before=rows[0].number if rows and start else None,
    )


def present_votes(item: Item) -> list[Annotation]:
    """Return what each person says now, oldest first; a vote taken back is none."""
    votes = item.annotations.filter(superseded_by=None).exclude(kind=Annotation.Kind.UNDO)
    return list(votes.select_related("annotator").order_by("pk"))


def earlier_votes(item: Item) -> list[Annotation]:
    """Return what people said before they changed it."""
    taken_back = item.annotations.filter(kind=Annotation.Kind.UNDO)
    replaced = item.annotations.exclude(superseded_by=None) | taken_back
    return list(replaced.select_related("annotator").order_by("pk"))


def has_open_dispute(item: Item) -> bool:
    """Say whether a lead still decides: names stay hidden until then."""
    return item.disputes.filter(state=Dispute.State.OPEN).exists()
