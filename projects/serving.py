"""Which entries one person may be given, and in which order: skills, senior people, who has met whom.

Reads only; ``projects.queue`` locks and leases what this module chooses.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, NamedTuple

from django.core.cache import caches
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from projects import hot, queries
from projects.models import Annotation, Assignment, Item, Membership, Policy, QueueEntry

_Stream = QueueEntry.Stream
# What stays in the queue when a round publishes, held or not; its order is nobody's to change.
LASTING: Final = (
    _Stream.AGAIN,
    _Stream.CHECK,
    _Stream.RETURNED,
    _Stream.RECHECK,
    _Stream.CALIBRATE,
    _Stream.CARD_CHECK,
    _Stream.GOLD,
)
# Whoever had an item so may have it once more.
AGAIN: Final = (Assignment.State.EXPIRED, Assignment.State.SENT_BACK)
# Who meets whom is looked at among so many of the next entries, on so many of a person's newest items.
WINDOW: Final = 16
RECENT: Final = 500
# From so many half-answered items a person on, they come before those that nobody has seen.
WAITING: Final = 3
MEETING_SECONDS: Final = 60
# By so many answers of one person, whoever labels has begun.
BEGUN: Final = 30
_near = caches["near"]


def servable(membership: Membership, policy: Policy, *, skipped: bool = False) -> QuerySet[QueueEntry]:
    """Live entries with a free place that a person may take, best first; ``skipped``: those skipped before.

    Nobody is asked twice about an item, but for leases that ran out and items that came back. Known items
    and items that were sent back have ways of their own.
    """
    had = Assignment.objects.filter(item=OuterRef("item_id"), annotator_id=membership.user_id)
    had = had.filter(state=Assignment.State.SKIPPED) if skipped else had.exclude(state__in=AGAIN)
    found = QueueEntry.objects.filter(
        project_id=membership.project_id, state=QueueEntry.State.LIVE, free__gt=0
    ).exclude(stream__in=(_Stream.GOLD, _Stream.RETURNED))
    if not membership.senior:
        found = found.filter(Q(senior=False) | ~_for_seniors(membership, policy))
    if policy.skill_field:
        found = found.exclude(skill__in=others_skills(membership))
    return found.filter(Exists(had) if skipped else ~Exists(had)).order_by("rank")


def plain(membership: Membership, policy: Policy) -> bool:
    """Whether neither skills nor seniority decide what a person is given; the caller held the membership."""
    return not policy.skill_field and (membership.senior or not membership.seniors)


class Waiting(NamedTuple):
    """What decides whose turn an entry is."""

    pk: int
    item: int
    free: int
    places: int
    stream: str

    @property
    def lasting(self) -> bool:
        return self.stream in LASTING

    @property
    def begun(self) -> bool:
        """Whether somebody has answered or holds it."""
        return self.free < self.places


@dataclass(frozen=True)
class Open:
    """Entries that one person may take; where that is ``plain``, read by statements written by hand."""

    membership: Membership
    policy: Policy
    plain: bool
    skipped: bool = False

    def first(self, number: int) -> list[QueueEntry]:
        """Hold the next ones, best first, passing over those that somebody holds already."""
        if self.plain:
            return hot.coming(self.membership, number)
        return list(_held(servable(self.membership, self.policy, skipped=self.skipped))[:number])

    def window(self, number: int) -> list[Waiting]:
        """What there is to say of the next ones, best first; nobody is held."""
        if self.plain:
            return [Waiting(*row) for row in hot.window(self.membership, number)]
        found = servable(self.membership, self.policy, skipped=self.skipped)
        return [
            Waiting(*row) for row in found.values_list("pk", "item_id", "free", "places", "stream")[:number]
        ]

    def hold(self, ids: Collection[int]) -> list[QueueEntry]:
        """Hold these, as far as nobody else does and they still may be taken."""
        if self.plain:
            return hot.hold_these(self.membership, list(ids))
        found = servable(self.membership, self.policy, skipped=self.skipped)
        return list(_held(found.filter(pk__in=ids)))


def _held(entries: QuerySet[QueueEntry]) -> QuerySet[QueueEntry]:
    return entries.select_for_update(skip_locked=True, of=("self",), no_key=True)


def skill_of(item: Item, policy: Policy) -> str:
    """The skill that an item asks for by its metadata; blank asks for none."""
    value = item.metadata.get(policy.skill_field, "") if policy.skill_field else ""
    return str(value if value is not None else "")[:80]


def _team(membership: Membership) -> QuerySet[Membership]:
    """Who may be given items at all."""
    return Membership.objects.filter(
        project_id=membership.project_id, active=True, paused_at=None, excluded_at=None
    )


def _for_seniors(membership: Membership, policy: Policy) -> Q:
    """Entries that a senior person who has their skill, and has not had the item, can still be given."""
    had = Assignment.objects.filter(item=OuterRef(OuterRef("item_id")), annotator=OuterRef("user"))
    seniors = queries.crew(membership.project_id).filter(~Exists(had.exclude(state__in=AGAIN)), senior=True)
    if not policy.skill_field:
        return Q(Exists(seniors))
    skills: dict[str, list[int]] = {}
    for pk, theirs in queries.crew(membership.project_id).filter(senior=True).values_list("pk", "skills"):
        for skill in theirs:
            skills.setdefault(str(skill), []).append(pk)
    able = Q(Exists(seniors), skill="")
    for skill, people in skills.items():
        able |= Q(Exists(seniors.filter(pk__in=people)), skill=skill)
    return able


def known(project_id: int, skill: str) -> bool:
    """Whether somebody who may be given items has a skill: what nobody knows goes to everybody."""
    team = Membership.objects.filter(project_id=project_id, active=True, paused_at=None, excluded_at=None)
    return any(skill in skills for skills in team.exclude(skills=[]).values_list("skills", flat=True))


def others_skills(membership: Membership) -> set[str]:
    """Skills that somebody else has and this person has not: what nobody knows goes to everybody."""
    lists = _team(membership).exclude(skills=[]).values_list("skills", flat=True)
    return {str(skill) for skills in lists for skill in skills} - {str(one) for one in membership.skills}


# --- everybody meets everybody ---------------------------------------------------------------------------


def spread(membership: Membership, window: Sequence[Waiting], number: int) -> list[int] | None:
    """Choose among the next entries so that people meet as many others as they can; None: as they come.

    An item that others have answered comes the sooner the fewer items they have in common with this person;
    one that nobody has seen counts as the average, and comes last where many wait for a further answer.
    ``window`` holds more entries than the ``number`` whose ids are returned, best by rank first.
    """
    first = window[:number]
    if not any(entry.begun and not entry.lasting for entry in first):
        return None
    kept = [entry.pk for entry in first if entry.lasting]
    free = [entry for entry in window if not entry.lasting]
    partners = hot.partners([entry.item for entry in free if entry.begun])
    met = _meetings(membership)
    average = sum(met.values()) / max(1, len(met))
    # Waiting for somebody new must not leave items half answered for long.
    waiting = sum(entry.begun for entry in free)
    unseen = float("inf") if waiting > WAITING * (len(met) + 1) else average

    def cost(entry: Waiting) -> float:
        others = partners.get(entry.item, [])
        return sum(met.get(other, 0) for other in others) / len(others) if others else unseen

    chosen = sorted(free, key=cost)[: number - len(kept)]
    _note(membership, met, [other for entry in chosen for other in partners.get(entry.item, [])])
    return [*kept, *[entry.pk for entry in chosen]]


def _meetings(membership: Membership) -> dict[int, int]:
    """How many of this person's newest items each other member has answered too; kept for a minute."""
    kept: tuple[float, dict[int, int]] | None = _near.get(_key(membership))
    if kept is not None and kept[0] > monotonic():
        return kept[1]
    answers = Annotation.objects.filter(
        project_id=membership.project_id, superseded_by=None, kind__in=Annotation.COUNTED
    )
    mine = answers.filter(annotator_id=membership.user_id).order_by("-pk").values("item_id")[:RECENT]
    others: Any = answers.filter(item_id__in=mine).exclude(annotator_id=membership.user_id)
    counts = others.order_by().values_list("annotator_id").annotate(items=Count("item_id"))
    met = dict.fromkeys(_labelling(membership), 0)
    met.pop(membership.user_id, None)
    met.update(counts)
    _near.set(_key(membership), (monotonic() + MEETING_SECONDS, met), MEETING_SECONDS)
    return met


def _labelling(membership: Membership) -> list[int]:
    """Those whom it is worth waiting for: who labels, and in the beginning who may."""
    team = _team(membership)
    begun = membership.answered >= BEGUN
    people = team.filter(answered__gt=0) if begun else team.filter(role=Membership.Role.ANNOTATOR)
    return list((people if people.exists() else team).values_list("user_id", flat=True))


def _note(membership: Membership, met: dict[int, int], others: Sequence[int]) -> None:
    """Count the meetings that were just arranged, until all are counted anew."""
    for other in others:
        met[other] = met.get(other, 0) + 1
    kept: tuple[float, dict[int, int]] | None = _near.get(_key(membership))
    if kept is not None:
        _near.set(_key(membership), (kept[0], met), MEETING_SECONDS)


def _key(membership: Membership) -> str:
    return f"meetings:{membership.project_id}:{membership.user_id}"


def returned(membership: Membership) -> QuerySet[Assignment]:
    """Items that a lead sent back to this very person: their places are kept."""
    return Assignment.objects.filter(
        project_id=membership.project_id,
        annotator_id=membership.user_id,
        state=Assignment.State.SENT_BACK,
        entry__stream=_Stream.RETURNED,
        entry__state=QueueEntry.State.LIVE,
    ).order_by("entry__rank", "pk")
