"""The first items of a project, which everybody labels before anything is trained."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils.translation import gettext as _

from projects import audit
from projects.errors import Refused
from projects.models import Dispute, Item, Project, QueueEntry

# Before everything else: ranks of rounds are above zero.
FIRST: Final = -1_000_000
_Live = QueueEntry.State.LIVE
_Stream = QueueEntry.Stream
# An item in one of these states keeps training waiting.
UNDONE: Final = (Item.State.OPEN, Item.State.DISPUTED)


# Where fewer than this share of people agree, a lead looks: that is what the first items are for.
AGREED: Final = 0.9


@dataclass(frozen=True)
class Progress:
    """How many of the first items are done, and how many wait for a lead."""

    done: int
    of: int
    disputes: int

    @property
    def over(self) -> bool:
        return self.done == self.of

    @property
    def left(self) -> int:
        """Items that somebody has not answered yet."""
        return self.of - self.done - self.disputes


def begin(project: Project) -> int:
    """Ask everybody about the first items, in the project's random order; return how many these are.

    Does nothing where the batch is full, where the policy asks for none, or where people have begun. Call it
    inside a transaction.
    """
    from projects import queue

    policy = project.policy
    if not policy.calibration or project.state != Project.State.ACTIVE or project.annotations.exists():
        return 0
    already = project.items.filter(calibration=True).count()
    wanted = policy.calibration - already
    if wanted <= 0:
        return 0
    asked = QueueEntry.objects.filter(item=OuterRef("pk"), state=_Live)
    free = Item.objects.filter(~Exists(asked), project=project, state=Item.State.OPEN, gold__isnull=True)
    ids = list(free.order_by("shuffle").values_list("pk", flat=True)[:wanted])
    Item.objects.filter(pk__in=ids).update(calibration=True)
    people = _crew(project)
    entries = [
        QueueEntry(
            project=project,
            item_id=pk,
            rank=FIRST + already + at,
            stream=_Stream.CALIBRATE,
            reason={"why": "calibration"},
            places=people,
            free=people,
        )
        for at, pk in enumerate(ids)
    ]
    queue.insert(entries)
    if ids:
        audit.record(project, None, "calibration.begun", after={"items": len(ids), "people": people})
    return len(ids)


def resize(project: Project) -> None:
    """Let the first items have as many places as people label: some joined, some left.

    An item whose answers are then all in is decided. Call it inside a transaction that holds the project.
    """
    live = QueueEntry.objects.filter(project=project, state=_Live, stream=_Stream.CALIBRATE)
    people = _crew(project)
    other = list(live.exclude(places=people).order_by("pk").values_list("item_id", flat=True))
    if other:
        _ask(project, other, people)


def _ask(project: Project, item_ids: list[int], people: int) -> None:
    """Give items so many places, but for answers that there are; decide those that need no more."""
    from projects import settle

    # Items come before their entries in the order of locks.
    list(Item.objects.filter(pk__in=item_ids).order_by("pk").select_for_update(no_key=True).only("pk"))
    entries = QueueEntry.objects.filter(item__in=item_ids, state=_Live, stream=_Stream.CALIBRATE)
    for entry in entries.select_for_update(of=("self",), no_key=True).order_by("pk"):
        taken = entry.places - entry.free
        entry.places = max(people, taken)
        entry.free = entry.places - taken
        entry.save(update_fields=["places", "free"])
    answered = Item.objects.filter(pk__in=item_ids, state=Item.State.OPEN, annotations__isnull=False)
    act = audit.Act(project, policy_version=project.policy.version)
    settle.rejudge_items(project, answered.values_list("pk", flat=True), act)


@transaction.atomic
def end(project: Project, actor: AbstractBaseUser, reason: str) -> None:
    """End the batch on a lead's word: what has answers is decided on these, the rest is asked like any other.

    Refused without a reason. Disputes stay open, and training waits for them all the same.
    """
    if not reason.strip():
        raise Refused(_("Say why the batch ends before everybody has answered."))
    held = audit.hold(project)
    before = progress(held)
    if before is None or before.over:
        return
    entries = QueueEntry.objects.filter(project=held, state=_Live, stream=_Stream.CALIBRATE)
    ids = list(entries.order_by("pk").values_list("item_id", flat=True))
    begun = set(Item.objects.filter(pk__in=ids, annotations__isnull=False).values_list("pk", flat=True))
    untouched = [pk for pk in ids if pk not in begun]
    Item.objects.filter(pk__in=untouched).update(calibration=False)
    untaken = entries.filter(item__in=untouched, free=F("places"))
    untaken.update(state=QueueEntry.State.WITHDRAWN)
    _ask(held, sorted(begun), 1)
    after = {"done": before.done, "of": before.of, "dropped": len(untouched)}
    audit.record(held, actor, "calibration.ended", after=after, reason=reason.strip())


def progress(project: Project) -> Progress | None:
    """How far the first items are, or None where there are none."""
    found = Item.objects.filter(project=project, calibration=True).aggregate(
        of=Count("pk"),
        undone=Count("pk", filter=Q(state__in=UNDONE)),
        disputes=Count("pk", filter=Q(state=Item.State.DISPUTED)),
    )
    if not found["of"]:
        return None
    return Progress(found["of"] - found["undone"], found["of"], found["disputes"])


def done(project: Project) -> bool:
    """Whether leads are through with the first items, or there are none: training may begin."""
    first = Item.objects.filter(project=project, calibration=True)
    if first.filter(state__in=UNDONE).exists():
        return False
    return not Dispute.objects.filter(item__in=first, state=Dispute.State.OPEN).exists()


def apart(answers: Sequence[Hashable]) -> bool:
    """Whether people differ so far about one of the first items that a lead decides, whatever the odds."""
    commonest = max(map(answers.count, answers), default=0)
    return commonest < AGREED * len(answers)


def _crew(project: Project) -> int:
    from projects import queue

    return max(1, queue.crew(project.pk))
