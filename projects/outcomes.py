"""What a lead may decide of a dispute, and what each decision makes of the item."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from projects import queue, returning, settle, votes
from projects.audit import Act
from projects.errors import Refused
from projects.models import Annotation, Dispute, Item, Label, Project, QueueEntry, Resolution
from projects.trust import notices

_Outcome = Resolution.Outcome


@dataclass(frozen=True)
class Decision:
    """What a lead decided; ``version`` is the dispute's version that the lead saw.

    ``labels`` are the right ones, or with «several are acceptable» each of those; ``line`` is what the lead
    would add to the guidelines.
    """

    outcome: str
    reason: str
    version: int
    labels: tuple[int, ...] = ()
    note: str = ""
    line: str = ""


def checked(project: Project, dispute: Dispute, item: Item, decision: Decision) -> list[Label]:
    """Return the labels in order, or refuse in words what cannot be meant.

    Of several that are acceptable the one with the most votes comes first.
    """
    if decision.outcome not in _Outcome.values:
        raise Refused(_("Choose an answer first."))
    if decision.reason not in Resolution.Reason.values:
        raise Refused(_("Choose a reason: it tells annotators what to learn from this."))
    if decision.reason == Resolution.Reason.GOLD_WRONG and not known_item(dispute):
        raise Refused(
            _("This was never a known item, so no known answer can be wrong. Choose another reason.")
        )
    labels = _labels(project, item, decision)
    if decision.outcome == _Outcome.RETURNED and not decision.note.strip():
        raise Refused(_("Write a note: those who answered need to know what to look at again."))
    if not decision.note.strip() and not _said(dispute, item, decision):
        raise Refused(_("Nobody voted for this, so it needs a note: say in a few words why it is right."))
    return labels


def known_item(dispute: Dispute) -> bool:
    """Whether the item is or was one with a known answer."""
    if Dispute.Reason.GOLD in dispute.reasons:
        return True
    asked = Q(entries__stream=QueueEntry.Stream.GOLD) | Q(gold__isnull=False)
    return Item.objects.filter(asked, pk=dispute.item_id).exists()


def named(item: Item) -> set[int]:
    """The ids of all labels that somebody's present answer counts for."""
    return {pk for labels in votes.answers(item) for pk in labels}


def apply(item: Item, resolution: Resolution, act: Act) -> None:
    """Make a lead's decision the item's state; the caller holds assignments, item and dispute."""
    if resolution.outcome == _Outcome.BOTH:
        _accept_several(item, resolution, act)
        return
    if resolution.outcome == _Outcome.RETURNED:
        settle.become(item, act, resolution.created_at)
        asked = returning.send_back(item, resolution.note, resolution.created_at)
        address = reverse("label", args=[item.project_id])
        notices.tell(
            asked, act.project, "dispute.returned", address, number=item.number, numbers=[item.number]
        )
        return
    settle.apply_resolution(item, resolution, act)
    if resolution.outcome == _Outcome.SENT_BACK:
        # The person who is asked next may be told what to look at.
        live = QueueEntry.objects.filter(item=item, state=QueueEntry.State.LIVE)
        live.update(reason={"why": "lead_asked", "note": resolution.note})


def tell_overruled(item: Item, resolution: Resolution, project: Project) -> None:
    """Tell those whose answer was not taken, so that they can learn from it.

    Whoever got the item as a known one is told nothing: that would give it away.
    """
    if resolution.outcome in (_Outcome.SENT_BACK, _Outcome.RETURNED):
        return
    said = Annotation.objects.filter(item=item, superseded_by=None, kind__in=Annotation.COUNTED)
    rows = said.exclude(stream=QueueEntry.Stream.GOLD).values_list("annotator_id", "kind", "labels")
    known = votes.named(project)
    overruled = [
        person for person, kind, labels in rows if not _taken(resolution, kind, votes.meant(labels, known))
    ]
    address = reverse("comment", args=[item.project_id, item.number])
    notices.tell(overruled, project, "dispute.decided", address, number=item.number)


def untell(item: Item, project: Project) -> None:
    """Withdraw what nobody has read yet of a decision that is taken back."""
    for kind in ("dispute.decided", "dispute.returned"):
        notices.withdraw(project, kind, item.number)


def _taken(resolution: Resolution, kind: str, labels: list[int]) -> bool:
    if kind == Annotation.Kind.CANT_TELL:
        return resolution.outcome == _Outcome.CANT_TELL
    if resolution.outcome == _Outcome.BOTH:
        return set(labels) <= set(resolution.labels)
    return resolution.outcome == _Outcome.LABELLED and sorted(labels) == sorted(resolution.labels)


def _accept_several(item: Item, resolution: Resolution, act: Act) -> None:
    """Settle on the first of the acceptable labels; the soft label gives each the same share."""
    queue.withdraw([item.pk])
    share = 1 / len(resolution.labels)
    settle.become(
        item,
        act,
        resolution.created_at,
        state=Item.State.SETTLED,
        settled_labels=resolution.labels[:1],
        settled_source=Item.Source.ADJUDICATED,
        settled_at=resolution.created_at,
        method="adjudicated",
        soft={str(pk): share for pk in resolution.labels},
    )


def _labels(project: Project, item: Item, decision: Decision) -> list[Label]:
    several = decision.outcome == _Outcome.BOTH
    if decision.outcome != _Outcome.LABELLED and not several:
        return []
    known = Label.objects.filter(project=project, pk__in=decision.labels, retired_at=None)
    labels = list(known.order_by("order", "position") if several else known.order_by("pk"))
    if len(labels) != len(set(decision.labels)):
        raise Refused(_("A label of this decision is no longer in use. Choose another one."))
    if several and project.task != Project.Task.SINGLE:
        raise Refused(_("Items may have several labels here. Choose the set of labels that is right."))
    if several and len(labels) < 2:
        raise Refused(_("Tick at least two labels that are acceptable."))
    if not several and project.task == Project.Task.SINGLE and len(labels) != 1:
        raise Refused(_("Choose exactly one label."))
    return _by_votes(item, labels) if several else labels


def _by_votes(item: Item, labels: list[Label]) -> list[Label]:
    """Most votes first; with as many votes they stay in the order in which people see them."""
    cast = [pk for answer in votes.answers(item) for pk in answer]
    return sorted(labels, key=lambda label: -cast.count(label.pk))


def _said(dispute: Dispute, item: Item, decision: Decision) -> bool:
    """Whether the decision is one of the votes, or a lead's blind answer."""
    check = votes.spot_check(dispute)
    if check and decision.outcome == _Outcome.CANT_TELL and check.labels is None:
        return True
    if check and decision.outcome == _Outcome.BOTH:
        return (named(item) | set(check.labels or [])).issuperset(decision.labels)
    if check and decision.outcome == _Outcome.LABELLED and check.labels == sorted(set(decision.labels)):
        return True
    return _said_by_somebody(item, decision)


def _said_by_somebody(item: Item, decision: Decision) -> bool:
    """Whether the decision is one of the votes. Asking again needs none; a flag speaks for a bad item."""
    if decision.outcome == _Outcome.SENT_BACK:
        return True
    if decision.outcome == _Outcome.BOTH:
        return named(item).issuperset(decision.labels)
    said = Annotation.objects.filter(item=item, superseded_by=None)
    if decision.outcome == _Outcome.BAD_ITEM:
        return said.filter(kind=Annotation.Kind.FLAG).exists()
    if decision.outcome == _Outcome.CANT_TELL:
        return said.filter(kind=Annotation.Kind.CANT_TELL).exists()
    return sorted(set(decision.labels)) in votes.answers(item)
