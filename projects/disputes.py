"""Reads for the list of disputes: which wait, in which order, for whom, and what was decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.timezone import now

from projects import precedents, queries, votes
from projects.models import Annotation, Dispute, Item, Label, Membership, Project, Resolution, SpotCheck
from projects.precedents import Before
from projects.votes import Flag, Vote

PAGE_SIZE: Final = 40
# Sets of answers are compared among so many disputes, the most urgent ones.
COMPARED: Final = 2000
# Reasons as text: SQLite has no operator for a value in a JSON list.
_LISTED: Final = Cast("reasons", TextField())
_ABLE: Final = (Membership.Role.LEAD, Membership.Role.ADMIN)
WHO: Final = ("mine", "nobody", "all")


@dataclass(frozen=True)
class Wanted:
    """What the list shows; blank means all. ``answers``: only disputes about this set of answers."""

    reason: str = ""
    who: str = ""
    late: bool = False
    answers: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    dispute: Dispute
    reasons: Sequence[str]
    answers: Sequence[Vote]
    votes: int
    flags: Sequence[Flag]
    mine: bool = False
    late: bool = False
    before: Sequence[Before] = ()
    resolution: Resolution | None = None
    decided: Sequence[Label] = field(default_factory=list)


def waiting(project_id: int, wanted: Wanted = Wanted(), user_id: int = 0) -> QuerySet[Dispute]:
    """Open disputes in the order of work: the most urgent first, among equals the oldest."""
    found = Dispute.objects.filter(project_id=project_id, state=Dispute.State.OPEN)
    if wanted.reason:
        named = found.alias(listed=_LISTED)
        found = named.filter(listed__contains=f'"{wanted.reason}"')
    if wanted.who == "mine":
        found = found.filter(assigned_to_id=user_id)
    if wanted.who == "nobody":
        found = found.filter(assigned_to=None)
    if wanted.late:
        found = found.filter(due_at__lt=now())
    if wanted.answers:
        same = [pk for pk, key in answers_of(project_id).items() if key == wanted.answers]
        found = found.filter(pk__in=same)
    return found.order_by("-priority", "opened_at", "pk")


def decided(project_id: int) -> QuerySet[Dispute]:
    """Disputes that a lead closed, newest decision first; decisions taken back are not among them."""
    closed = (Dispute.State.RESOLVED, Dispute.State.SENT_BACK)
    found = Dispute.objects.filter(project_id=project_id, state__in=closed, resolution__isnull=False)
    return found.select_related("resolution__lead").order_by("-resolution__pk")


def counts(project_id: int, user_id: int = 0) -> dict[str, int]:
    """How many disputes wait: in all, mine, nobody's, overdue, and by reason."""
    listed = waiting(project_id).order_by().alias(listed=_LISTED)
    wanted = {
        reason: Count("pk", filter=Q(listed__contains=f'"{reason}"')) for reason in Dispute.Reason.values
    }
    found: dict[str, int] = listed.aggregate(
        all=Count("pk"),
        mine=Count("pk", filter=Q(assigned_to_id=user_id)),
        nobody=Count("pk", filter=Q(assigned_to=None)),
        late=Count("pk", filter=Q(due_at__lt=now())),
        **wanted,
    )
    return found


def answers_of(project_id: int) -> dict[int, str]:
    """Which set of answers each open dispute is about: {dispute id: key}, as ``key_of`` makes keys.

    Those without an answer, and what lies behind the first two thousand, are left out.
    """
    by_item = {item: pk for pk, item in waiting(project_id).values_list("pk", "item_id")[:COMPARED]}
    void = Membership.objects.filter(project_id=project_id, excluded_at__isnull=False)
    said = Annotation.objects.filter(
        project_id=project_id,
        item__state=Item.State.DISPUTED,
        superseded_by=None,
        kind__in=Annotation.COUNTED,
        guideline_version__gte=F("item__votes_from"),
    ).exclude(annotator__in=void.values("user"))
    known = {label.pk: label for label in Label.objects.filter(project_id=project_id)}
    found: dict[int, set[str]] = {}
    for item_id, kind, labels in said.values_list("item_id", "kind", "labels"):
        if item_id in by_item:
            found.setdefault(by_item[item_id], set()).add(votes.choice_of(kind, votes.meant(labels, known)))
    return {pk: key_of(choices) for pk, choices in found.items()}


def key_of(choices: set[str]) -> str:
    """Name a set of answers, whatever the order and number of those who gave them."""
    return "~".join(sorted(choices))


def pairs(project: Project, most: int = 12) -> list[tuple[str, str, int]]:
    """The commonest sets of answers that wait: (key, in words, how many)."""
    names = {pk: label.name for pk, label in votes.named(project).items()}
    common = Counter(answers_of(project.pk).values()).most_common(most)
    return [
        (key, " / ".join(votes.worded(choice, names) for choice in key.split("~")), n) for key, n in common
    ]


def next_for(project_id: int, user_id: int, after: Dispute | None = None) -> Dispute | None:
    """The most urgent open dispute that this lead may decide, behind ``after``; at the end it begins again.

    What was handed to another lead is left to that one; own votes are for others.
    """
    own = Annotation.objects.filter(item=OuterRef("item_id"), annotator_id=user_id, kind__in=votes.JUDGED)
    for_me = Q(assigned_to=None) | Q(assigned_to_id=user_id)
    checked = SpotCheck.objects.filter(item=OuterRef("item_id"), lead_id=user_id, right=False)
    judged = Annotation.objects.filter(
        item=OuterRef(OuterRef("item_id")), annotator=OuterRef("user_id"), kind__in=votes.JUDGED
    )
    able = Membership.objects.filter(
        ~Exists(judged), project_id=project_id, active=True, role__in=_ABLE
    ).exclude(user_id=user_id)
    for_others = Q(Exists(checked), Exists(able), listed__contains='"spot"')
    mine = waiting(project_id).alias(listed=_LISTED).filter(~Exists(own), ~for_others, for_me)
    if after is None:
        return mine.first()
    older = Q(opened_at__gt=after.opened_at) | Q(opened_at=after.opened_at, pk__gt=after.pk)
    behind = Q(priority__lt=after.priority) | Q(older, priority=after.priority)
    return mine.filter(behind).first() or mine.exclude(pk=after.pk).first()


def rows(project: Project, disputes: Sequence[Dispute], user_id: int) -> list[Row]:
    """What the list shows of these disputes, in three queries whatever their number."""
    labels, at = votes.named(project), now()
    said = votes.said(dispute.item_id for dispute in disputes)
    own = Annotation.objects.filter(item_id__in=said, annotator_id=user_id, kind__in=votes.JUDGED)
    mine = set(own.values_list("item_id", flat=True))
    return [
        _row(project, dispute, said.get(dispute.item_id, []), labels, Seen(dispute.item_id in mine, at))
        for dispute in disputes
    ]


@dataclass(frozen=True)
class Seen:
    """Who looks at a row, and when: whether the item is an own vote."""

    mine: bool
    at: datetime


def _row(
    project: Project, dispute: Dispute, said: list[Annotation], labels: dict[int, Label], seen: Seen
) -> Row:
    cast = votes.lettered(project, dispute.item, said, labels)
    is_open = dispute.state == Dispute.State.OPEN
    resolution = None if is_open else getattr(dispute, "resolution", None)
    return Row(
        dispute=dispute,
        reasons=reasons(dispute),
        answers=list({vote.choice: vote for vote in cast}.values()),
        votes=len(cast),
        flags=votes.raised(said),
        mine=seen.mine,
        late=is_open and dispute.due_at is not None and dispute.due_at < seen.at,
        before=precedents.before(dispute, labels) if is_open else (),
        resolution=resolution,
        decided=[labels[pk] for pk in resolution.labels if pk in labels] if resolution else [],
    )


def reasons(dispute: Dispute) -> list[str]:
    """Why it waits, in words."""
    names = dict(Dispute.Reason.choices)
    return [str(names.get(reason, reason)) for reason in dispute.reasons]


def colleagues(project_id: int, item_id: int, but: int) -> list[Membership]:
    """Other leads who may decide an item: those who did not judge it themselves."""
    own = Annotation.objects.filter(item_id=item_id, annotator=OuterRef("user_id"), kind__in=votes.JUDGED)
    found = Membership.objects.filter(~Exists(own), project_id=project_id, active=True, role__in=_ABLE)
    return list(found.exclude(user_id=but).select_related("user").order_by("user__name", "pk"))


def checked_apart(dispute: Dispute, user_id: int) -> bool:
    """Whether this lead's own spot check is what a dispute is about."""
    if Dispute.Reason.SPOT not in dispute.reasons:
        return False
    return SpotCheck.objects.filter(item_id=dispute.item_id, lead_id=user_id, right=False).exists()


def for_another(dispute: Dispute, user_id: int) -> bool:
    """Whether another lead must decide it, since this one's spot check differs; alone one may."""
    if not checked_apart(dispute, user_id):
        return False
    return bool(colleagues(dispute.project_id, dispute.item_id, user_id))


def askable(project_id: int, item: Item) -> bool:
    """Whether somebody is left who has not judged the item and may be asked."""
    return bool(queries.askable(project_id, item.pk))


def told(item: Item) -> bool:
    """Whether leads may learn who said what: not while the item is asked about or waits for a decision."""
    return item.state in (Item.State.SETTLED, Item.State.EXCLUDED)


def summary(project: Project, dispute: Dispute) -> dict[str, Any]:
    """What was decided, and who said what, where that may be ``told``: for after the decision."""
    resolution, labels = dispute.resolution, votes.named(project)
    return {
        "dispute": dispute,
        "item": dispute.item,
        "resolution": resolution,
        "labels": [labels[pk] for pk in resolution.labels if pk in labels],
        "told": told(dispute.item),
        "votes": votes.votes(project, dispute.item),
        "flags": votes.flags(dispute.item),
        "together": Resolution.objects.filter(bulk=resolution.bulk).count() if resolution.bulk else 0,
    }
