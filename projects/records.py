"""What is known of how each person works: a line each for leads, computed for the whole team at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

import numpy as np
from django.db.models import Count, Max

from projects import agreement, queries
from projects.models import Annotation, Event, Membership, Policy, Project, QueueEntry, Resolution, SpotCheck
from projects.quality import standing as rule
from projects.quality.agreement import Peer
from projects.quality.standing import Sign, Standing
from projects.remembered import remembered
from projects.trust import book, estimates, gold, standing

# Fewer items than this say little about one person.
FEW: Final = 30
# Pace and signs come from so many newest judgements of the project; decisions from so many newest ones.
RECENT: Final = 20_000
DECIDED: Final = 2_000
_Kind = Annotation.Kind
Answer = frozenset[int] | None
Signs = Sequence[Sign]


@dataclass(frozen=True)
class Figures:
    """What a person's judgements say, by counts: of everything, but signs of the newest only.

    ``rank``   the place in the team by the diagonal of the estimate, 1 is best; None without an estimate.
    ``decided``  decisions of leads on what this person had answered, where there is one truth to know.
    ``lost``   those that differ from this person's answer, by the lead's reason.
    """

    answers: int = 0
    skips: int = 0
    flags: int = 0
    peer: Peer | None = None
    rank: int | None = None
    checks: int = 0
    check_errors: int = 0
    decided: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    seconds: float | None = None
    signs: Signs = ()

    @property
    def judged(self) -> int:
        return self.answers + self.skips + self.flags

    @property
    def skip_rate(self) -> float | None:
        return self.skips / self.judged if self.judged else None

    @property
    def flag_rate(self) -> float | None:
        return self.flags / self.judged if self.judged else None

    @property
    def lost_count(self) -> int:
        return self.lost.total()


@dataclass(frozen=True)
class Line:
    """One person's record."""

    membership: Membership
    gold: Standing
    figures: Figures
    floor: float

    @property
    def state(self) -> str:
        """paused, excluded, warned, left, else good or early: the worst that holds.

        Good are those of whom enough is known and whose share reaches the bar; below it, and not surely so,
        it is too early to say.
        """
        one = self.membership
        if not one.active:
            return "left"
        if one.paused_at:
            return "paused"
        if one.excluded_at:
            return "excluded"
        if one.warned_at:
            return "warned"
        share = self.gold.share
        sure = share is not None and self.gold.answers >= rule.FIRST and share >= self.floor
        return "good" if sure else "early"

    @property
    def few_gold(self) -> bool:
        return self.gold.answers < FEW

    @property
    def few_peers(self) -> bool:
        return self.figures.peer is None or self.figures.peer.items < FEW


def lines(project: Project, policy: Policy) -> list[Line]:
    """Everybody's record; figures are as old as ``remembered`` lets them be, states are of now."""
    members = project.memberships.select_related("user").order_by("user__name", "user__email")
    known = gold.answers_by_person(project)
    figures = team(project, policy)
    return [
        Line(
            one,
            standing.of_answers(one, known.get(one.user_id, []), policy),
            figures.get(one.user_id, Figures()),
            policy.gold_floor,
        )
        for one in members
        if one.active or one.answered
    ]


def team(project: Project, policy: Policy) -> dict[int, Figures]:
    """Everybody's figures by user id; measured anew when somebody said, decided or changed something."""
    newest = Annotation.objects.filter(project=project).aggregate(newest=Max("pk"))["newest"]
    event = Event.objects.filter(project=project).aggregate(newest=Max("pk"))["newest"]
    mark = (newest, event, policy.version)
    return remembered(f"records:{project.pk}", mark, lambda: _team(project, policy))


def _team(project: Project, policy: Policy) -> dict[int, Figures]:
    kinds = _kinds(project)
    peers = {line.figures.person: line.figures for line in agreement.report(project).people}
    ranks, checks, decided = _ranks(project), _checks(project), decisions(project)
    recent = _recent(project)
    shares = _shares(recent)
    skips = {person: (counts[_Kind.SKIP], counts.total()) for person, counts in kinds.items()}
    found = {}
    for person, counts in kinds.items():
        rows = recent.get(person, [])
        # An item of a card takes a moment, and all of one card are answered alike: neither says anything.
        singly = [row for row in rows if row["bulk"] is None]
        seconds = [row["active_ms"] / 1000 for row in singly if row["active_ms"] is not None]
        judged = [one for one in decided.get(person, []) if one.counts]
        found[person] = Figures(
            answers=counts[_Kind.ANSWER] + counts[_Kind.CANT_TELL],
            skips=counts[_Kind.SKIP],
            flags=counts[_Kind.FLAG],
            peer=peers.get(person),
            rank=ranks.get(person),
            checks=checks[person][0],
            check_errors=checks[person][1],
            decided=len(judged),
            lost=Counter(one.reason for one in judged if not one.right),
            seconds=median(seconds) if seconds else None,
            signs=_signs(person, rows, seconds, shares, skips, policy),
        )
    return found


def _kinds(project: Project) -> dict[int, Counter[str]]:
    """How many present judgements of each kind everybody has."""
    said = queries.current(Annotation.objects.filter(project=project)).exclude(kind=_Kind.UNDO)
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for person, kind, count in said.order_by().values_list("annotator_id", "kind").annotate(n=Count("pk")):
        found[person][kind] = count
    return found


def _recent(project: Project) -> dict[int, list[dict[str, Any]]]:
    """Everybody's newest judgements in the order in which they were given, corrections too."""
    said = Annotation.objects.filter(project=project).exclude(kind=_Kind.UNDO).order_by("-pk")
    names = ("annotator_id", "item_id", "kind", "labels", "active_ms", "created_at", "superseded_by", "bulk")
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in reversed(said.values(*names)[:RECENT]):
        found[row["annotator_id"]].append(row)
    return found


def code(labels: Iterable[int]) -> int:
    """One number for a label set: the label itself where it is one."""
    ids = tuple(labels)
    return ids[0] if len(ids) == 1 else -(hash(ids) & 0xFFFFFFFF) - 1


def _shares(recent: dict[int, list[dict[str, Any]]]) -> dict[int, float]:
    """How often each answer occurs in the team."""
    counts = Counter(
        code(row["labels"]) for rows in recent.values() for row in rows if row["kind"] == _Kind.ANSWER
    )
    total = counts.total()
    return {answer: (count + 1) / (total + len(counts)) for answer, count in counts.items()}


def _signs(  # noqa: PLR0913
    person: int,
    rows: Sequence[dict[str, Any]],
    seconds: Sequence[float],
    shares: dict[int, float],
    skips: dict[int, tuple[int, int]],
    policy: Policy,
) -> list[Sign]:
    answers = [row for row in rows if row["kind"] == _Kind.ANSWER]
    singly = [row for row in answers if row["superseded_by"] is None and row["bulk"] is None]
    others = [pair for other, pair in skips.items() if other != person]
    found = (
        rule.run_of_one([code(row["labels"]) for row in singly], shares),
        rule.too_fast(seconds, policy.fastest_seconds),
        rule.changed_mind(*_changed(answers)),
        rule.many_skips(*skips[person], sum(one for one, _ in others), sum(n for _, n in others)),
    )
    return [sign for sign in found if sign is not None]


def _changed(answers: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Items answered a second time more than an hour later: with another answer, and in all."""
    last: dict[int, dict[str, Any]] = {}
    different = twice = 0
    for row in answers:
        before = last.get(row["item_id"])
        if before is not None and (row["created_at"] - before["created_at"]).total_seconds() > 3600:
            twice += 1
            different += row["labels"] != before["labels"]
        last[row["item_id"]] = row
    return different, twice


def _ranks(project: Project) -> dict[int, int]:
    """People by how often the newest estimate thinks them right; a rank, for values are pulled together."""
    if (known := estimates.newest(project)) is None:
        return {}
    diagonal: dict[int, list[float]] = defaultdict(list)
    for table in known.tables.values():
        for person, row in table.people.items():
            diagonal[person].append(_rightness(row, table))
    order = sorted(diagonal, key=lambda person: -sum(diagonal[person]) / len(diagonal[person]))
    return {person: place for place, person in enumerate(order, start=1)}


def _rightness(row: float | book.Floats, table: book.Table) -> float:
    return row if isinstance(row, float) else float(np.diag(row) @ table.prior)


def _checks(project: Project) -> dict[int, tuple[int, int]]:
    """Blind checks of items that a person's vote settled, and how many of these were wrong."""
    found: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    answered = SpotCheck.objects.filter(project=project, right__isnull=False)
    for people, right in answered.values_list("people", "right"):
        for person in people:
            checks, wrong = found[person]
            found[person] = (checks + 1, wrong + (not right))
    return found


# --- what leads decided against what people said ---------------------------------------------------------


@dataclass(frozen=True)
class Decision:
    """A lead's decision on an item that a person had answered; labels as they are called now."""

    item_id: int
    said: Answer
    labels: tuple[int, ...]
    right: bool
    reason: str
    note: str
    outcome: str

    @property
    def counts(self) -> bool:
        """Whether it says anything of people: not where nobody can tell, nor where tastes differ."""
        unclear = self.outcome == Resolution.Outcome.CANT_TELL
        return not unclear and self.reason != Resolution.Reason.SUBJECTIVE


def decisions(project: Project, user_id: int | None = None) -> dict[int, list[Decision]]:
    """Decisions that stand, newest first, by the id of each person who had answered the item."""
    standing = Resolution.objects.filter(
        dispute__project=project, dispute__state="resolved", outcome__in=("labelled", "both", "cant_tell")
    ).order_by("-pk")
    newest = {one.item_id: one for one in reversed(standing[:DECIDED])}
    said = Annotation.objects.filter(item_id__in=newest, kind__in=Annotation.COUNTED)
    said = queries.current(said).exclude(stream=QueueEntry.Stream.GOLD)
    said = said.filter(annotator_id=user_id) if user_id else said
    into = queries.rules(project).merged
    found: dict[int, list[Decision]] = defaultdict(list)
    for one in said:
        found[one.annotator_id].append(_decision(newest[one.item_id], one, into))
    order = {item: place for place, item in enumerate(reversed(newest))}
    return {person: sorted(rows, key=lambda row: order[row.item_id]) for person, rows in found.items()}


def _decision(resolution: Resolution, one: Annotation, into: dict[int, int]) -> Decision:
    answer = frozenset(into.get(pk, pk) for pk in one.labels) if one.kind == _Kind.ANSWER else None
    labels = tuple(dict.fromkeys(into.get(pk, pk) for pk in resolution.labels))
    if resolution.outcome == Resolution.Outcome.CANT_TELL:
        right = answer is None
    elif resolution.outcome == Resolution.Outcome.BOTH:
        right = bool(answer) and answer is not None and answer <= set(labels)
    else:
        right = answer == frozenset(labels)
    return Decision(
        one.item_id, answer, labels, right, resolution.reason, resolution.note, resolution.outcome
    )
