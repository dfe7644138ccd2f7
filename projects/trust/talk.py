"""Remarks on items, between leads and those who answered: who may see which, and who hears of a new one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from projects.errors import Refused
from projects.models import Annotation, Assignment, Comment, Dispute, Item, Membership, Project, QueueEntry
from projects.trust import notices

LENGTH: Final = 2000
# What makes a person one of those who answered.
_SAID: Final = (*Annotation.COUNTED, Annotation.Kind.FLAG)
_HANDS: Final = (Assignment.State.LEASED, Assignment.State.SENT_BACK)


@dataclass(frozen=True)
class Remark:
    """A comment as one person may see it: ``who`` is a name for leads only."""

    id: int
    who: str
    text: str
    at: datetime
    mine: bool
    # Whether those who answered see it; and whether the author leads.
    open: bool
    by_lead: bool


def may_speak(member: Membership, item: Item) -> bool:
    """Whether a person may comment on an item: leads always, others on what they answered or hold."""
    return member.leads or item.pk in _answered(member.user_id, [item.pk]) or _holds(member, item)


@transaction.atomic
def add(
    member: Membership, item: Item, text: str, *, shared: bool = False, at: datetime | None = None
) -> Comment:
    """Store a remark and tell the others concerned; ``shared``: those who answered may see a lead's."""
    if not may_speak(member, item):
        raise Refused(_("You can comment on items that you answered or hold."))
    if not text.strip():
        raise Refused(_("Write something first."))
    comment = Comment.objects.create(
        project_id=member.project_id,
        item=item,
        author_id=member.user_id,
        text=text.replace("\0", "").strip()[:LENGTH],
        open_to_annotators=shared and member.leads,
        created_at=at or now(),
    )
    _tell(member, item, comment)
    return comment


@transaction.atomic
def share(lead: Membership, comment_id: int, *, shared: bool) -> Comment:
    """Let those who answered see a remark, or no longer; the caller made sure that this is a lead."""
    comment = Comment.objects.select_related("item").get(pk=comment_id, project_id=lead.project_id)
    if comment.open_to_annotators != shared:
        comment.open_to_annotators = shared
        comment.save(update_fields=["open_to_annotators"])
        if shared:
            others = set(_readers(comment)) - {comment.author_id, lead.user_id}
            _leave(lead, comment.item, list(others), leads=False)
    return comment


def remarks(member: Membership, item: Item) -> list[Remark]:
    """What this person may see of the talk about an item, oldest first."""
    return of_items(member, [item.pk]).get(item.pk, [])


def of_items(member: Membership, item_ids: Iterable[int]) -> dict[int, list[Remark]]:
    """The same for several items, in few queries whatever their number.

    Leads see everything with names; while they have to decide, annotators have none. Others see their own
    remarks, and open ones on items that they answered: who has still to answer must not learn what others
    think. After a known item, which people take for any other, only what was said later is shown, for
    earlier talk would give it away.
    """
    if not member.leads:
        return for_annotator(member.user_id, member.project, item_ids)
    found = Comment.objects.filter(item_id__in=list(item_ids), project_id=member.project_id)
    comments = list(found.select_related("author").order_by("pk"))
    leads = set(notices.leads(member.project)) if comments else set()
    undecided = Q(state=Dispute.State.OPEN) | Q(state=Dispute.State.SENT_BACK, item__state=Item.State.OPEN)
    waiting = Dispute.objects.filter(undecided, item__in={one.item_id for one in comments})
    blind = set(waiting.values_list("item_id", flat=True)) if comments else set()
    named = []
    for one in comments:
        hidden = one.item_id in blind and one.author_id not in leads
        name = _("An annotator") if hidden else str(one.author)
        named.append((one, _remark(one, member.user_id, leads, name)))
    return _by_item(named)


def for_annotator(user_id: int, project: Project, item_ids: Iterable[int]) -> dict[int, list[Remark]]:
    """The same as somebody sees it who labels: also leads, while they do."""
    ids = list(item_ids)
    comments = list(Comment.objects.filter(item_id__in=ids, project=project).order_by("pk"))
    if not comments:
        return {}
    since, leads = _answered(user_id, ids), set(notices.leads(project))
    seen = [one for one in comments if _visible(one, user_id, since)]
    return _by_item([(one, _remark(one, user_id, leads)) for one in seen])


def while_labelling(member: Membership, item: Item) -> list[Remark]:
    """What is shown beside an item in somebody's hands."""
    return for_annotator(member.user_id, member.project, [item.pk]).get(item.pk, [])


def _by_item(found: Iterable[tuple[Comment, Remark]]) -> dict[int, list[Remark]]:
    by_item: dict[int, list[Remark]] = {}
    for comment, remark in found:
        by_item.setdefault(comment.item_id, []).append(remark)
    return by_item


def _visible(comment: Comment, user_id: int, since: dict[int, datetime | None]) -> bool:
    if comment.author_id == user_id:
        return True
    if not comment.open_to_annotators or comment.item_id not in since:
        return False
    first = since[comment.item_id]
    return first is None or comment.created_at > first


def _remark(comment: Comment, user_id: int, leads: set[int], name: str = "") -> Remark:
    mine, by_lead = comment.author_id == user_id, comment.author_id in leads
    who = _("You") if mine else name or (_("A lead") if by_lead else _("Another annotator"))
    shared = comment.open_to_annotators
    return Remark(comment.pk, who, comment.text, comment.created_at, mine, shared, by_lead)


def _answered(user_id: int, item_ids: list[int]) -> dict[int, datetime | None]:
    """Items that a person answered; with a time where only later remarks may be seen."""
    said = Annotation.objects.filter(item_id__in=item_ids, annotator_id=user_id, kind__in=_SAID)
    found: dict[int, datetime | None] = {}
    for item_id, stream, at in said.order_by("-pk").values_list("item_id", "stream", "created_at"):
        found[item_id] = at if stream == QueueEntry.Stream.GOLD else None
    return found


def _holds(member: Membership, item: Item) -> bool:
    mine = Assignment.objects.filter(item=item, annotator_id=member.user_id, state__in=_HANDS)
    return mine.exists()


def _tell(member: Membership, item: Item, comment: Comment) -> None:
    """Tell leads who take part, or all where none does yet; and who answered, where they may see it."""
    able = set(notices.leads(member.project))
    spoke = set(Comment.objects.filter(item=item).values_list("author_id", flat=True))
    waiting = Dispute.objects.filter(item=item, state=Dispute.State.OPEN)
    assigned = set(waiting.exclude(assigned_to=None).values_list("assigned_to_id", flat=True))
    taking_part = (spoke | assigned) & able - {member.user_id}
    if not taking_part and not member.leads:
        taking_part = able - {member.user_id}
    _leave(member, item, list(taking_part), leads=True)
    if comment.open_to_annotators:
        others = set(_readers(comment)) - able - {member.user_id}
        _leave(member, item, list(others), leads=False)


def _readers(comment: Comment) -> list[int]:
    """Those who answered the item and may still look at it."""
    here = Membership.objects.filter(
        project_id=comment.project_id, active=True, role=Membership.Role.ANNOTATOR
    ).values("user_id")
    said = Annotation.objects.filter(item_id=comment.item_id, kind__in=_SAID, annotator_id__in=here)
    return list(said.order_by().values_list("annotator_id", flat=True).distinct())


def _leave(member: Membership, item: Item, user_ids: list[int], *, leads: bool) -> None:
    """Leave notices: leads are sent to where the item is decided, others to the talk itself."""
    project_id = member.project_id
    dispute = Dispute.objects.filter(item=item, state=Dispute.State.OPEN).first() if leads else None
    if dispute:
        address = reverse("dispute", args=[project_id, dispute.pk]) + "?talk"
    elif leads:
        address = reverse("item", args=[project_id, item.number]) + "?talk"
    else:
        address = reverse("comment", args=[project_id, item.number])
    notices.tell(sorted(user_ids), member.project, "comment.added", address, number=item.number)
