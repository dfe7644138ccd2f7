"""What leads do with known items: make them, change what is right, void them; and their coming and going."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit, serving
from projects.errors import Refused
from projects.models import (
    Annotation,
    Assignment,
    Dispute,
    Item,
    Label,
    Membership,
    Policy,
    Project,
    QueueEntry,
    Resolution,
)
from projects.saying import gettext
from projects.trust import gold

# Known items that came with a file enter service so many at a time, as they are needed.
ENLISTED: Final = 20
_State = Item.State


# --- by leads --------------------------------------------------------------------------------------------


def candidates(project: Project) -> QuerySet[Item]:
    """Items that a lead decided and that are not known ones yet, newest decision first."""
    decided = Item.objects.filter(
        project=project, state=_State.SETTLED, settled_source=Item.Source.ADJUDICATED, gold__isnull=True
    )
    return decided.exclude(settled_labels=None).order_by("-settled_at", "-pk")


@transaction.atomic
def confirm(lead: Membership, numbers: Sequence[int], at: datetime | None = None) -> int:
    """Make decided items known ones, right being what was decided; return how many it were.

    What is not a decision of a lead is left out: that people agree proves nothing.
    """
    project, at = audit.hold(lead.project), at or now()
    found = candidates(project).filter(number__in=numbers).order_by("pk")
    chosen = list(found.select_for_update(of=("self",), no_key=True))
    for item in chosen:
        item.gold = _decided(project, item)
        item.save(update_fields=["gold"])
        _log(lead, "gold.confirmed", item, None)
        serve(project, item)
    return len(chosen)


def _decided(project: Project, item: Item) -> list[list[int]]:
    """The right answers by the newest decision: of one choice, each label that a lead accepts is one."""
    decision = item.resolutions.order_by("-pk").first()
    if project.task == Project.Task.SINGLE and decision and decision.outcome == Resolution.Outcome.BOTH:
        return [[label] for label in sorted(decision.labels)]
    return [sorted(item.settled_labels or [])]


@transaction.atomic
def change(
    lead: Membership,
    number: int,
    rights: Sequence[Sequence[int]],
    reason: str = "",
    at: datetime | None = None,
) -> Item:
    """Change what is right on a known item, or void it: no right answer at all.

    Every record and pause is then what it would have been with it; what is settled stays settled. Refused for
    an item that is no known one, for labels that are not in use, and for a voiding without a reason.
    """
    at = at or now()
    people = _hold_people(lead.project, number)
    item = _hold_item(lead.project, number)
    before, after = item.gold, _checked(lead.project, rights)
    if after == before:
        return item
    if after is None and not reason.strip():
        raise Refused(_("Say why it is no longer a known item: people's records change with it."))
    item.gold = after
    item.save(update_fields=["gold"])
    if after is None:
        _withdraw(item)
    _log(lead, "gold.changed" if after else "gold.voided", item, before, reason.strip())
    recompute(lead.project, people, at)
    return item


def recompute(project: Project, people: Sequence[Membership], at: datetime) -> None:
    """Let everybody's record follow from the known items as they are now."""
    from projects.trust import standing

    policy = project.policy
    for membership in people:
        standing.review(membership, policy, at)


def _hold_people(project: Project, number: int) -> list[Membership]:
    """Hold everybody who was given an item: before the item itself, as whoever answers does."""
    given = Assignment.objects.filter(
        item__number=number, item__project=project, entry__stream=QueueEntry.Stream.GOLD
    )
    members = Membership.objects.filter(project=project, user__in=given.values("annotator"))
    ids = list(
        members.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk", flat=True)
    )
    return list(Membership.objects.filter(pk__in=ids).select_related("project", "user").order_by("pk"))


def _hold_item(project: Project, number: int) -> Item:
    found = Item.objects.filter(project=project, number=number, gold__isnull=False)
    item = found.select_for_update(of=("self",), no_key=True).first()
    if item is None:
        raise Refused(_("This is not a known item any more. Reload the page."))
    return item


def _checked(project: Project, rights: Sequence[Sequence[int]]) -> list[list[int]] | None:
    """Return the right answers in order, None where there are none, or refuse in words."""
    known = set(Label.objects.filter(project=project).values_list("pk", flat=True))
    wanted = sorted({tuple(sorted(set(one))) for one in rights})
    if any(not known.issuperset(one) for one in wanted):
        raise Refused(_("A label of this answer is not of this project. Reload the page."))
    if project.task == Project.Task.SINGLE and any(len(one) != 1 for one in wanted):
        raise Refused(_("Each right answer is exactly one label."))
    return [list(one) for one in wanted] or None


# --- in service ------------------------------------------------------------------------------------------


def serve(project: Project, item: Item) -> bool:
    """Let people be given a known item; False where something else asks about it. The caller holds it."""
    if gold.serving(project.pk).filter(item=item).exists():
        return True
    try:
        with transaction.atomic():
            QueueEntry.objects.create(
                project=project,
                item=item,
                rank=item.number,
                stream=QueueEntry.Stream.GOLD,
                skill=serving.skill_of(item, project.policy),
                places=gold.PLACES,
                free=gold.PLACES,
            )
    except IntegrityError:  # Another entry asks about it.
        return False
    return True


def waiting(project: Project) -> QuerySet[Item]:
    """Open items that came with a known label: neither asked yet nor part of a random sample.

    A random sample is asked like everything else: its figures must not rest on what a file knew.
    """
    asked = QueueEntry.objects.filter(item=OuterRef("pk")).exclude(state=QueueEntry.State.WITHDRAWN)
    said = Annotation.objects.filter(item=OuterRef("pk"))
    found = Item.objects.filter(project=project, state=_State.OPEN, gold__isnull=False)
    return found.filter(
        ~Exists(asked), ~Exists(said), holdout=False, agreement=False, calibration=False
    ).order_by("shuffle")


@transaction.atomic
def enlist(project: Project, policy: Policy, at: datetime | None = None) -> int:
    """Let some items that came with a known label be served, settled by that label; return how many."""
    from projects import settle

    at = at or now()
    act = audit.Act(project, policy_version=policy.version, reason=gettext("Known at import"))
    held = list(waiting(project).select_for_update(of=("self",), no_key=True, skip_locked=True)[:ENLISTED])
    count = 0
    for item in held:
        if not serve(project, item):
            continue
        settle.become(
            item,
            act,
            at,
            state=_State.SETTLED,
            settled_labels=sorted((item.gold or [[]])[0]),
            settled_source=Item.Source.GOLD,
            settled_at=at,
            posterior=1.0,
            method="import",
        )
        count += 1
    return count


def doubt(project: Project, policy: Policy, item: Item, reason: str, at: datetime) -> Dispute:
    """Hand a known item to a lead: it is given to nobody, and counts for nobody, until that is decided."""
    from projects import settle

    act = audit.Act(project, policy_version=policy.version)
    found = settle.dispute(item, [reason], act, at)
    transaction.on_commit(partial(review_all, project, item.pk))
    return found


def follow(item: Item, resolution: Resolution, lead: Membership) -> None:
    """Let a known item follow a lead's decision about it, in the transaction that stores the decision.

    What the lead says is right; where it has no label any more it is no known item. The caller holds it.
    """
    if item.gold is None:
        return
    before = item.gold
    into = gold.merged(lead.project)
    after = _decided(lead.project, item) if item.state == _State.SETTLED and item.settled_labels else None
    known_already = after and all(gold.among(one, before, into) for one in after)
    item.gold = before if known_already else after
    item.save(update_fields=["gold"])
    if item.gold is None:
        _withdraw(item)
        _log(lead, "gold.voided", item, before, resolution.note)
    else:
        serve(lead.project, item)
        if item.gold != before:
            _log(lead, "gold.changed", item, before, resolution.note)
    # Those who answered it are held by nobody here: each record is worked out anew in its own transaction.
    transaction.on_commit(partial(review_all, lead.project, item.pk))


def unfollow(item: Item, resolution: Resolution, lead: Membership) -> None:
    """Give a known item back the answers that it had before a decision that is taken back. As ``follow``."""
    acts = ("gold.voided", "gold.changed")
    made = item.events.filter(action__in=acts, at__gte=resolution.created_at).order_by("pk").first()
    if made is None:
        return
    changed, item.gold = item.gold, (made.before or {}).get("gold")
    item.save(update_fields=["gold"])
    _log(lead, "gold.changed", item, changed)
    transaction.on_commit(partial(review_all, lead.project, item.pk))


def review_all(project: Project, item_id: int) -> None:
    """Work out anew the record of everybody who was given an item, one transaction each."""
    from projects.trust import standing

    given = Assignment.objects.filter(item_id=item_id, entry__stream=QueueEntry.Stream.GOLD)
    members = Membership.objects.filter(project=project, user__in=given.values("annotator"))
    for pk in list(members.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            held = Membership.objects.select_for_update(of=("self",), no_key=True)
            membership = held.select_related("project", "user").get(pk=pk)
            standing.review(membership, project.policy, now())


def retire(item: Item) -> None:
    """Let a known item rest once everybody who labels judged or decided it: who joins later still gets it."""
    members = Membership.objects.filter(project_id=item.project_id, active=True)
    people = members.filter(role=Membership.Role.ANNOTATOR)
    people = people if people.exists() else members
    # Who holds it may yet give it back without an answer.
    said = Annotation.objects.filter(item=item)
    decided = Resolution.objects.filter(item=item)
    left = people.exclude(user__in=said.values("annotator")).exclude(user__in=decided.values("lead"))
    if not left.exists():
        _live(item).update(state=QueueEntry.State.DONE)


def _live(item: Item) -> QuerySet[QueueEntry]:
    return QueueEntry.objects.filter(item=item, stream=QueueEntry.Stream.GOLD, state=QueueEntry.State.LIVE)


def _withdraw(item: Item) -> None:
    gold.serving(item.project_id).filter(item=item).update(state=QueueEntry.State.WITHDRAWN)


def _log(lead: Membership, action: str, item: Item, before: Any, reason: str = "") -> None:
    subject = gettext_noop("Item %(number)d") % {"number": item.number}
    audit.record(
        lead.project,
        lead.user,
        action,
        subject,
        before={"gold": before},
        after={"gold": item.gold},
        reason=reason,
        item=item,
    )
