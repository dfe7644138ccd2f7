"""Reads for leads: which disputes wait, what was said, what was decided last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from projects import reasons
from projects.models import Annotation, Dispute, Item, Label, Membership, Project, QueueEntry, Resolution

PAGE_SIZE: Final = 40
LETTERS: Final = "ABCDEFGHIJKL"
RECENT: Final = 4
# Among so many newest decisions those on the same labels are looked for.
SEARCHED: Final = 60


@dataclass(frozen=True)
class Vote:
    """What one person said, under a letter; ``choice`` is what the form sends to take it."""

    letter: str
    labels: Sequence[Label]
    kind: str
    note: str
    choice: str
    person: str

    @property
    def key(self) -> str:
        return self.letter.lower()

    @property
    def said(self) -> str:
        """The answer in words, for where no chips are shown."""
        if self.kind == Annotation.Kind.CANT_TELL:
            return _("Can't tell")
        return ", ".join(label.name for label in self.labels) or _("None of these")


@dataclass(frozen=True)
class Flag:
    """Why somebody asked for a lead."""

    note: str
    person: str


@dataclass(frozen=True)
class Opinion:
    """What the model said when it picked the item: a sentence, and its likeliest labels with their shares."""

    sentence: str
    round_number: int
    top: Sequence[tuple[Label, float, str]]


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    dispute: Dispute
    reasons: Sequence[str]
    answers: Sequence[Vote]
    votes: int
    flags: Sequence[Flag]
    mine: bool = False
    resolution: Resolution | None = None
    decided: Sequence[Label] = field(default_factory=list)


def waiting(project_id: int, reason: str = "") -> QuerySet[Dispute]:
    """Open disputes, oldest first; ``reason`` leaves only those that have it among their reasons."""
    found = Dispute.objects.filter(project_id=project_id, state=Dispute.State.OPEN).order_by(
        "opened_at", "pk"
    )
    return (
        found.alias(listed=Cast("reasons", TextField())).filter(listed__contains=f'"{reason}"')
        if reason
        else found
    )


def decided(project_id: int) -> QuerySet[Dispute]:
    """Disputes that a lead closed, newest decision first; decisions taken back are not among them."""
    closed = (Dispute.State.RESOLVED, Dispute.State.SENT_BACK)
    found = Dispute.objects.filter(project_id=project_id, state__in=closed, resolution__isnull=False)
    return found.select_related("resolution__lead").order_by("-resolution__pk")


def counts(project_id: int) -> dict[str, int]:
    """How many disputes wait, in all and by reason."""
    listed = waiting(project_id).order_by().alias(listed=Cast("reasons", TextField()))
    wanted = {
        reason: Count("pk", filter=Q(listed__contains=f'"{reason}"')) for reason in Dispute.Reason.values
    }
    found: dict[str, int] = listed.aggregate(all=Count("pk"), **wanted)
    return found


def next_for(project_id: int, user_id: int, after: Dispute | None = None) -> Dispute | None:
    """The oldest open dispute that this lead may decide, behind ``after``; at the end it begins again."""
    kinds = (*Annotation.COUNTED, Annotation.Kind.FLAG)
    own = Annotation.objects.filter(item=OuterRef("item_id"), annotator_id=user_id, kind__in=kinds)
    mine = waiting(project_id).filter(~Exists(own))
    if after is None:
        return mine.first()
    at = after.opened_at
    behind = mine.filter(Q(opened_at__gt=at) | Q(opened_at=at, pk__gt=after.pk)).first()
    return behind or mine.exclude(pk=after.pk).first()


def rows(project: Project, disputes: Sequence[Dispute], user_id: int) -> list[Row]:
    """What the list shows of these disputes, in three queries whatever their number."""
    labels = _labels(project)
    said = _said(dispute.item_id for dispute in disputes)
    own = Annotation.objects.filter(item_id__in=said, annotator_id=user_id)
    mine = set(
        own.filter(kind__in=(*Annotation.COUNTED, Annotation.Kind.FLAG)).values_list("item_id", flat=True)
    )
    return [_row(project, dispute, said.get(dispute.item_id, []), labels, mine) for dispute in disputes]


def votes(project: Project, item: Item) -> list[Vote]:
    """Everybody's present answer under letters, in an order that is the item's own and tells nothing."""
    return _votes(project, item, _said([item.pk]).get(item.pk, []), _labels(project))


def flags(item: Item) -> list[Flag]:
    """Flags that still stand."""
    return _flags(_said([item.pk]).get(item.pk, []))


def opinion(project: Project, item: Item) -> Opinion | None:
    """What the model thought when it last picked the item, or None where no model had a say."""
    entries = QueueEntry.objects.filter(item=item, reason__has_key="top").order_by("-pk")
    if (entry := entries.first()) is None:
        return None
    by_position = {label.position: label for label in _labels(project).values()}
    likely = [(by_position[at], p) for at, p in reasons.top(entry.reason) if at in by_position]
    if not likely:
        return None
    names = {position: label.name for position, label in by_position.items()}
    shown = [(label, p, reasons.percent(p)) for label, p in likely]
    return Opinion(reasons.sentence(entry.reason, names), entry.round_number, shown)


def recent(project: Project, concerned: Iterable[Label], but: int) -> list[tuple[Resolution, list[Label]]]:
    """The last decisions, on the labels in question first; ``but`` is the item that is looked at now."""
    standing = (Dispute.State.RESOLVED, Dispute.State.SENT_BACK)
    found = Resolution.objects.filter(dispute__project=project, dispute__state__in=standing).exclude(
        item_id=but
    )
    newest = list(found.select_related("item", "lead").order_by("-pk")[:SEARCHED])
    ids = {label.pk for label in concerned}
    newest.sort(key=lambda resolution: not ids.intersection(resolution.labels))
    labels = _labels(project)
    return [(one, [labels[pk] for pk in one.labels if pk in labels]) for one in newest[:RECENT]]


def earlier(project: Project, dispute: Dispute) -> list[tuple[Resolution, list[Label]]]:
    """What leads decided on the same item before, newest first."""
    found = Resolution.objects.filter(item_id=dispute.item_id).exclude(dispute=dispute)
    labels = _labels(project)
    return [
        (one, [labels[pk] for pk in one.labels if pk in labels])
        for one in found.select_related("lead", "dispute").order_by("-pk")
    ]


def askable(project_id: int, item: Item) -> bool:
    """Whether somebody is left who has not judged the item and may be asked."""
    asked = Annotation.objects.filter(item=item).values("annotator_id")
    members = Membership.objects.filter(project_id=project_id, active=True).exclude(user_id__in=asked)
    annotators = members.filter(role=Membership.Role.ANNOTATOR)
    everybody = Membership.objects.filter(project_id=project_id, active=True)
    alone = not everybody.filter(role=Membership.Role.ANNOTATOR).exists()
    return (members if alone else annotators).exists()


def labels_of(project: Project, resolution: Resolution) -> list[Label]:
    """The labels that a decision gave."""
    labels = _labels(project)
    return [labels[pk] for pk in resolution.labels if pk in labels]


def _labels(project: Project) -> dict[int, Label]:
    """All labels, retired ones too: old answers keep their names."""
    return {label.pk: label for label in project.labels.all()}


def _said(item_ids: Iterable[int]) -> dict[int, list[Annotation]]:
    kinds = (*Annotation.COUNTED, Annotation.Kind.FLAG)
    current = Annotation.objects.filter(item_id__in=list(item_ids), superseded_by=None, kind__in=kinds)
    by_item: dict[int, list[Annotation]] = {}
    for annotation in current.select_related("annotator").order_by("pk"):
        by_item.setdefault(annotation.item_id, []).append(annotation)
    return by_item


def _row(
    project: Project, dispute: Dispute, said: list[Annotation], labels: dict[int, Label], mine: set[int]
) -> Row:
    names = dict(Dispute.Reason.choices)
    cast = _votes(project, dispute.item, said, labels)
    different = {vote.choice: vote for vote in cast}
    resolution = getattr(dispute, "resolution", None) if dispute.state != Dispute.State.OPEN else None
    return Row(
        dispute=dispute,
        reasons=[str(names.get(reason, reason)) for reason in dispute.reasons],
        answers=list(different.values()),
        votes=len(cast),
        flags=_flags(said),
        mine=dispute.item_id in mine,
        resolution=resolution,
        decided=[labels[pk] for pk in resolution.labels if pk in labels] if resolution else [],
    )


def _votes(project: Project, item: Item, said: list[Annotation], labels: dict[int, Label]) -> list[Vote]:
    cast = [annotation for annotation in said if annotation.kind in Annotation.COUNTED]
    cast.sort(key=lambda annotation: _place(project, item, annotation.annotator_id))
    return [
        Vote(
            letter=LETTERS[at] if at < len(LETTERS) else str(at + 1),
            labels=[labels[pk] for pk in annotation.labels if pk in labels],
            kind=annotation.kind,
            note=annotation.note,
            choice=choice_of(annotation.kind, annotation.labels),
            person=str(annotation.annotator),
        )
        for at, annotation in enumerate(cast)
    ]


def choice_of(kind: str, labels: Iterable[int]) -> str:
    """Name an answer as the form sends it."""
    if kind == Annotation.Kind.CANT_TELL:
        return str(Resolution.Outcome.CANT_TELL)
    return "labels:" + ",".join(str(pk) for pk in sorted(labels))


def _flags(said: list[Annotation]) -> list[Flag]:
    raised = [annotation for annotation in said if annotation.kind == Annotation.Kind.FLAG]
    return [Flag(annotation.note, str(annotation.annotator)) for annotation in raised]


def _place(project: Project, item: Item, person: int) -> bytes:
    """Where a person's vote stands among the others: different for every item, the same at every look."""
    return blake2b(f"{project.seed}/votes/{item.number}/{person}".encode(), digest_size=8).digest()


def summary(project: Project, dispute: Dispute) -> dict[str, Any]:
    """Who said what, and what was decided: for after the decision."""
    resolution = dispute.resolution
    return {
        "dispute": dispute,
        "item": dispute.item,
        "resolution": resolution,
        "labels": labels_of(project, resolution),
        "votes": votes(project, dispute.item),
        "flags": flags(dispute.item),
    }
