"""Settled items that leads judge again, blind: how often «settled» is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit, changing, draws, queries
from projects.errors import Refused
from projects.models import Annotation, Dispute, Item, Label, Membership, Policy, Project, SpotCheck
from projects.quality.agreement import wilson
from projects.trust import escalation, notices

# A person or a label is shown from so many checks on: fewer say nothing.
ENOUGH: Final = 5
_VOTED: Final = (Item.Source.SINGLE, Item.Source.CONSENSUS)


@dataclass(frozen=True)
class Error:
    """How often «settled» was wrong: ``wrong`` of ``checked``, with the 95 % Wilson interval of the share."""

    name: str
    wrong: int
    checked: int
    hue: int = 0

    @property
    def share(self) -> float:
        return self.wrong / self.checked if self.checked else 0.0

    @property
    def low(self) -> float:
        return wilson(self.share, self.checked)[0]

    @property
    def high(self) -> float:
        return wilson(self.share, self.checked)[1]


@dataclass(frozen=True)
class Figures:
    """The error of «settled», in all, by person and by label; ``few`` counts the lines that are left out."""

    all: Error
    people: list[Error]
    labels: list[Error]
    few: int


# --- drawn -----------------------------------------------------------------------------------------------


def consider(project: Project, policy: Policy, item: Item) -> None:
    """Draw a newly settled item for a spot check, by a keyed hash; the caller holds the item.

    The draw is the item's own: it knows neither who labelled it nor as what, so it is even over both. An item
    that is settled anew before a lead got to it is checked as it is settled now; one is never checked twice.
    """
    if item.settled_source not in _VOTED or not draws.spot(project.seed, item.key, policy.spot_share):
        return
    people = sorted(set(queries.votes([item.pk]).values_list("annotator_id", flat=True)))
    now_settled = {"settled_labels": item.settled_labels, "people": people}
    check, created = SpotCheck.objects.get_or_create(item=item, defaults={"project": project, **now_settled})
    if not created and check.answered_at is None:
        SpotCheck.objects.filter(pk=check.pk, answered_at=None).update(**now_settled)


def waiting(project: Project) -> QuerySet[SpotCheck]:
    """Checks that nobody has answered, of items that are still settled by votes, oldest first."""
    return SpotCheck.objects.filter(
        project=project,
        answered_at=None,
        item__state=Item.State.SETTLED,
        item__settled_source__in=_VOTED,
    ).order_by("pk")


def waiting_for(lead: Membership) -> QuerySet[SpotCheck]:
    """Checks that this lead may answer: not of an item that the lead ever judged."""
    own = Annotation.objects.filter(item=OuterRef("item"), annotator_id=lead.user_id)
    return waiting(lead.project).filter(~Exists(own))


def next_for(lead: Membership, after: int = 0) -> SpotCheck | None:
    """The next check for a lead, behind one that was skipped; at the end it begins again."""
    mine = waiting_for(lead).select_related("item")
    return mine.filter(pk__gt=after).first() or mine.exclude(pk=after).first()


# --- answered ----------------------------------------------------------------------------------------------


@transaction.atomic
def answer(
    lead: Membership, check_id: int, labels: Iterable[int] | None, at: datetime | None = None
) -> SpotCheck:
    """Store a lead's blind answer, ``labels`` None for «can't tell»; one that differs makes a dispute.

    Refused where it was answered before, where the item has moved on, and for whoever voted on it.
    """
    from projects import settle

    at = at or now()
    item_id = SpotCheck.objects.values_list("item_id", flat=True).get(pk=check_id, project=lead.project)
    item = settle.lock(item_id)
    check = SpotCheck.objects.select_for_update(of=("self",), no_key=True).get(pk=check_id)
    if check.answered_at is not None or item.state != Item.State.SETTLED or item.settled_source not in _VOTED:
        raise Refused(_("This item was decided meanwhile. Your answer was not stored."))
    if Annotation.objects.filter(item=item, annotator_id=lead.user_id).exists():
        raise Refused(_("You judged this item yourself, so another lead must check it."))
    check.lead_id, check.labels = lead.user_id, _checked(lead.project, labels)
    # As it is settled at this moment: a merge of labels may have renamed it since the draw.
    check.settled_labels, check.answered_at = item.settled_labels, at
    check.right = check.labels == check.settled_labels
    check.save(update_fields=["lead", "labels", "settled_labels", "right", "answered_at"])
    _log(lead, item, check)
    if not check.right:
        _differs(lead, item, at)
    return check


@transaction.atomic
def undo(lead: Membership, check_id: int, at: datetime | None = None) -> SpotCheck:
    """Take back this lead's own answer: the check waits again, and the item is settled as it was.

    Refused where the dispute that it made was decided, or its votes or reasons changed meanwhile.
    """
    at = at or now()
    item_id = SpotCheck.objects.values_list("item_id", flat=True).get(pk=check_id, project=lead.project)
    item = changing.lock(item_id)
    check = SpotCheck.objects.select_for_update(of=("self",), no_key=True).get(pk=check_id)
    if check.right is None or check.lead_id != lead.user_id:
        raise Refused(_("There is no answer of yours here to take back."))
    newest = Dispute.objects.filter(item=item, opened_at__gte=check.answered_at).order_by("pk").last()
    if newest:
        _dismiss(newest, item, audit.by(lead.project, lead.user), at)
    subject = gettext_noop("Item %(number)d") % {"number": item.number}
    before = {"label_ids": check.labels, "right": check.right}
    audit.record(lead.project, lead.user, "spot.undone", subject, before=before, item=item)
    check.lead, check.labels, check.right, check.answered_at = None, None, None, None
    check.save(update_fields=["lead", "labels", "right", "answered_at"])
    return check


def _dismiss(dispute: Dispute, item: Item, act: audit.Act, at: datetime) -> None:
    """Close the dispute that a check made, and settle the item as it was."""
    from projects import settle

    former = item.former or {}
    alone = dispute.reasons == [Dispute.Reason.SPOT] and dispute.version == 1
    known = former.get("settled_at") and former.get("version") == item.votes_from
    if dispute.state != Dispute.State.OPEN or item.state != Item.State.DISPUTED or not (alone and known):
        raise Refused(_("The item has moved on since this answer, so it cannot be taken back any more."))
    dispute.state, dispute.closed_at = Dispute.State.DISMISSED, at
    dispute.save(update_fields=["state", "closed_at"])
    merged = queries.rules(act.project).merged
    labels = former["labels"] and sorted({merged.get(label, label) for label in former["labels"]})
    changing.become(
        item,
        act,
        at,
        state=Item.State.SETTLED,
        settled_labels=labels,
        settled_source=former["source"],
        settled_at=parse_datetime(former["settled_at"]),
        former=None,
        **{name: former[name] for name in settle.KEPT},
    )


def _checked(project: Project, labels: Iterable[int] | None) -> list[int] | None:
    """Return the labels in order, or refuse in words what cannot be meant."""
    if labels is None:
        return None
    chosen = sorted(set(labels))
    known = Label.objects.filter(project=project, retired_at=None, pk__in=chosen)
    if known.count() != len(chosen):
        raise Refused(_("A label of this answer is no longer in use. Choose another one."))
    if project.task == Project.Task.SINGLE and len(chosen) != 1:
        raise Refused(_("Choose exactly one label."))
    return chosen


def _differs(lead: Membership, item: Item, at: datetime) -> None:
    from projects import settle

    project = lead.project
    if not escalation.setting(project.policy, "spot"):
        return
    # All of it, so that a slip of the key can be taken back.
    kept = {name: getattr(item, name) for name in settle.KEPT}
    since = item.settled_at.isoformat() if item.settled_at else ""
    item.former = {**changing.former_of(item), **kept, "settled_at": since}
    dispute = settle.dispute(item, [Dispute.Reason.SPOT], audit.by(project, lead.user), at)
    address = reverse("dispute", args=[project.pk, dispute.pk])
    others = notices.leads(project, but=lead.user_id)
    notices.tell(others, project, "spot.differs", address, number=item.number)


def _log(lead: Membership, item: Item, check: SpotCheck) -> None:
    subject = gettext_noop("Item %(number)d") % {"number": item.number}
    audit.record(
        lead.project,
        lead.user,
        "spot.checked",
        subject,
        before={"label_ids": check.settled_labels},
        after={"label_ids": check.labels, "right": check.right},
        item=item,
    )


# --- what they say -----------------------------------------------------------------------------------------


def figures(project: Project) -> Figures:
    """How often «settled» was wrong, by what it was settled as and by who had voted."""
    rows = SpotCheck.objects.filter(project=project, right__isnull=False)
    labels = {label.pk: label for label in project.labels.all()}
    checked: Counter[int | None] = Counter()
    wrong: Counter[int | None] = Counter()
    people: Counter[int] = Counter()
    people_wrong: Counter[int] = Counter()
    total = missed = 0
    for settled, voters, right in rows.values_list("settled_labels", "people", "right"):
        total, missed = total + 1, missed + (not right)
        for label in settled or [None]:
            checked[label] += 1
            wrong[label] += not right
        for person in voters:
            people[person] += 1
            people_wrong[person] += not right
    members = Membership.objects.filter(project=project, user__in=people).select_related("user")
    names = {member.user_id: str(member.user) for member in members}
    by_person = [Error(names.get(pk, "?"), people_wrong[pk], n) for pk, n in people.items()]
    by_label = [_of_label(labels.get(pk or 0), wrong[pk], n) for pk, n in checked.items()]
    return Figures(
        Error("", missed, total),
        _enough(by_person),
        _enough(by_label),
        sum(line.checked < ENOUGH for line in [*by_person, *by_label]),
    )


def _of_label(label: Label | None, wrong: int, checked: int) -> Error:
    return Error(label.name, wrong, checked, label.hue) if label else Error(_("No label"), wrong, checked)


def _enough(lines: list[Error]) -> list[Error]:
    """Lines with checks enough, those that are wrong most often first."""
    return sorted(
        (line for line in lines if line.checked >= ENOUGH), key=lambda line: (-line.share, line.name)
    )
