"""Known items: mixed in for everybody once, answered, and what the answers say of people.

What is right stands on the item, ``Item.gold`` as [[label id, …], …]: several answers may be right. Whether
an answer is right is worked out anew at every look, so a known item that is changed or voided changes every
figure by itself. Only leads ever learn which items these are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.timezone import now

from projects import draws, queries
from projects import serving as asking
from projects.leasing import hand_over
from projects.models import (
    Annotation,
    Assignment,
    Dispute,
    Item,
    Membership,
    Policy,
    Project,
    QueueEntry,
    Resolution,
    SpotCheck,
)
from projects.trust import escalation, notices

# Places of an entry that has one for everybody.
PLACES: Final = 10_000
# In a person's first answers known items come so many times as often.
EARLY: Final = 100
EARLY_TIMES: Final = 3
# Among so many known items the next one is drawn.
DRAWN_FROM: Final = 500
# What an annotation keeps as its reason when it was given in the batch before joining.
TRAINING: Final = "training"
# Among so many newly queued items a reason is looked for that a known item may have too.
LATELY: Final = 60
# What a reason says of the model's opinion.
SUGGESTION: Final = ("top", "score", "disagreement")
_Stream = QueueEntry.Stream


@dataclass(frozen=True)
class Dealt:
    """Known items put into a person's hands; ``only``: nothing else may be given now."""

    assignments: list[Assignment] = field(default_factory=list)
    only: bool = False


class Answer(NamedTuple):
    """What a person says now of a known item: its id, whether that is right, and since when."""

    item: int
    right: bool
    at: datetime


class Confusion(NamedTuple):
    """Label ids that a person takes for each other, and how often; ``given`` None: could not tell."""

    right: int | None
    given: int | None
    times: int


# --- given -----------------------------------------------------------------------------------------------


def deal(membership: Membership, policy: Policy, count: int, until: datetime) -> Dealt:
    """Put known items into ``count`` free places of a person's hands; the caller holds the membership."""
    from projects.trust import qualification

    if (quiz := qualification.of(membership, policy)) is not None:
        return Dealt(give(membership, policy, min(count, quiz.left), until), only=True)
    due = _due(membership, policy, count)
    return Dealt(give(membership, policy, due, until)) if due else Dealt()


def rate(policy: Policy, answered: int) -> float:
    """How likely the next item of a person with so many answers is a known one."""
    return min(1.0, policy.gold_share * (EARLY_TIMES if answered < EARLY else 1))


def drawn(project: Project, policy: Policy, user_id: int, answered: int) -> bool:
    """Whether a known item follows a person's answer of this number: a draw that is always the same."""
    return draws.known(project.seed, f"{user_id}/{answered}") < rate(policy, answered)


def _due(membership: Membership, policy: Policy, count: int) -> int:
    """How many known items a person should get now: those drawn since the last answers, less those given."""
    if count <= 0 or not policy.gold_share or not membership.known_items:
        return 0
    last = membership.answered
    numbers = range(max(0, last - count + 1), last + 1)
    wanted = sum(drawn(membership.project, policy, membership.user_id, number) for number in numbers)
    if not wanted:
        return 0
    # A page that looks again without an answer in between asks for the same draws again.
    mine = Annotation.objects.filter(annotator_id=membership.user_id, project_id=membership.project_id)
    since = mine.order_by("-pk").values_list("created_at", flat=True)[len(numbers) - 1 : len(numbers)].first()
    given = _given(membership)
    return max(0, wanted - (given.filter(created_at__gte=since) if since else given).count())


def _given(membership: Membership) -> QuerySet[Assignment]:
    """Known items that a person was ever given."""
    known = Item.objects.filter(project_id=membership.project_id, gold__isnull=False)
    return Assignment.objects.filter(
        item__in=known, annotator_id=membership.user_id, entry__stream=_Stream.GOLD
    )


def held(membership: Membership) -> int:
    """How many known items a person holds at this moment."""
    return _given(membership).filter(state=Assignment.State.LEASED, expires_at__gt=now()).count()


def reserve(membership: Membership, policy: Policy, count: int) -> bool:
    """Whether so many known items are left for a person; those that came with a file enter service for it."""
    from projects.trust import known

    left = unseen(membership, policy).count()
    while left < count and (more := known.enlist(membership.project, policy)):
        left += more
    return left >= count


def give(membership: Membership, policy: Policy, count: int, until: datetime) -> list[Assignment]:
    """Put so many known items in a person's hands, or as many as there are; the caller holds the membership.

    Nobody waits for anybody here: an entry of a known item has places for everybody, so none is taken.
    """
    from projects.trust import known

    if count <= 0:
        return []
    found = _next(membership, policy, count)
    if len(found) < count and known.enlist(membership.project, policy):
        found = _next(membership, policy, count)
    return hand_over(membership, found, until)


def _next(membership: Membership, policy: Policy, count: int) -> list[QueueEntry]:
    """The person's next known items, in an order of the person's own."""
    seed, person = membership.project.seed, membership.user_id
    ids = unseen(membership, policy).order_by("shuffle").values_list("pk", flat=True)[:DRAWN_FROM]
    chosen = sorted(ids, key=lambda pk: draws.known(seed, f"{person}:{pk}"))[:count]
    entries = serving(membership.project_id).filter(item__in=chosen).select_related("item").order_by("-pk")
    by_item = {entry.item_id: entry for entry in reversed(entries)}
    return [by_item[pk] for pk in chosen if pk in by_item]


def unseen(membership: Membership, policy: Policy) -> QuerySet[Item]:
    """Known items that a person was never given, said nothing of, and never decided or checked."""
    of_item = {"item": OuterRef("pk")}
    given = Assignment.objects.filter(**of_item, annotator_id=membership.user_id)
    # A lease that ended without an answer was no question yet.
    given = given.exclude(state=Assignment.State.EXPIRED)
    said = Annotation.objects.filter(**of_item, annotator_id=membership.user_id)
    decided = Resolution.objects.filter(**of_item, lead_id=membership.user_id)
    checked = SpotCheck.objects.filter(**of_item, lead_id=membership.user_id)
    found = in_service(membership.project_id).filter(
        ~Exists(given), ~Exists(said), ~Exists(decided), ~Exists(checked)
    )
    if policy.skill_field:
        others = asking.others_skills(membership)
        found = found.exclude(entries__in=serving(membership.project_id).filter(skill__in=others))
    return found


def in_service(project_id: int) -> QuerySet[Item]:
    """Known items that people are given: not while a lead looks at them or their labels are in doubt."""
    served = serving(project_id).filter(item=OuterRef("pk"))
    known = Item.objects.filter(project_id=project_id, gold__isnull=False, state=Item.State.SETTLED)
    return known.filter(Exists(served))


def serving(project_id: int) -> QuerySet[QueueEntry]:
    """Entries of known items; one that everybody had is done, and serves whoever joins later."""
    states = (QueueEntry.State.LIVE, QueueEntry.State.DONE)
    return QueueEntry.objects.filter(project_id=project_id, stream=_Stream.GOLD, state__in=states)


# --- answered --------------------------------------------------------------------------------------------


def answered(membership: Membership, policy: Policy, item: Item, annotation: Annotation, at: datetime) -> str:
    """Take note that a known item was answered, in the transaction that stores the answer.

    Returns what the person is told about it: only in the batch before joining is that anything.
    """
    from projects.trust import known, qualification, standing

    told = qualification.lesson(membership, policy, item, annotation, at)
    if annotation.kind == Annotation.Kind.FLAG and item.state == Item.State.SETTLED:
        known.doubt(membership.project, policy, item, Dispute.Reason.FLAG, at)
    elif item.gold is not None and item.state == Item.State.SETTLED:
        _count_misses(membership, policy, item, at)
    standing.review(membership, policy, at)
    known.retire(item)
    return told


def told(item: Item, entry: QueueEntry) -> dict[str, Any]:
    """Why an item was asked, as far as a person may know once it is answered.

    What it was labelled before is nobody's business while it is in doubt; and what the model thinks is told
    neither of known items nor of the agreement sample, whose figures are about people alone. Of a known item
    is told what is told of others at this time.
    """
    reason = _plausible(item) if entry.stream == _Stream.GOLD else entry.reason
    hidden = {"given", *(SUGGESTION if item.agreement else ())}
    return {name: value for name, value in reason.items() if name not in hidden}


def _plausible(item: Item) -> dict[str, Any]:
    """The reason of an item that was queued lately, and of which no model thought anything."""
    lately = QueueEntry.objects.filter(project_id=item.project_id).exclude(stream__in=asking.LASTING)
    reasons = lately.order_by("-pk").values_list("reason", flat=True)[:LATELY]
    plain = [reason for reason in reasons if reason.get("why") and not set(SUGGESTION) & set(reason)]
    if not plain:
        return {"why": "random_order"}
    return dict(plain[int(draws.known(item.project.seed, f"why:{item.pk}") * len(plain))])


def right(item: Item, annotation: Annotation) -> bool:
    """Whether an answer is one of the right ones; merged labels count for what they became."""
    into = merged(item.project)
    return _answer(annotation.labels, annotation.kind, into) in _rights(item.gold, into)


def _count_misses(membership: Membership, policy: Policy, item: Item, at: datetime) -> None:
    """Doubt a known item that several people miss, unless a lead confirmed it since."""
    from projects.trust import known

    most = escalation.setting(policy, "gold_people")
    if not most:
        return
    void = Membership.objects.filter(project_id=item.project_id, excluded_at__isnull=False).values("user")
    said = _said(item.project_id).filter(item=item).exclude(annotator__in=void)
    looked = item.disputes.exclude(closed_at=None).order_by("-closed_at").first()
    if looked is not None:
        said = said.filter(created_at__gt=looked.closed_at)
    into = merged(item.project)
    rights = _rights(item.gold, into)
    missed = {row.annotator_id for row in said if _answer(row.labels, row.kind, into) not in rights}
    if len(missed) < most:
        return
    found = known.doubt(membership.project, policy, item, Dispute.Reason.GOLD, at)
    address = reverse("dispute", args=[item.project_id, found.pk])
    leads = notices.leads(membership.project)
    notices.tell(leads, membership.project, "gold.doubted", address, number=item.number, people=len(missed))


def _said(project_id: int) -> QuerySet[Annotation]:
    """What people say now of items that they were given as known ones."""
    found = Annotation.objects.filter(project_id=project_id, stream=_Stream.GOLD, kind__in=Annotation.COUNTED)
    return queries.current(found).order_by("pk")


# --- what the answers say --------------------------------------------------------------------------------


def answers(membership: Membership, before: datetime | None = None) -> list[Answer]:
    """A person's answers to known items, oldest first, against what is right now.

    Left out: the batch before joining, items that a lead looks at or whose labels mean something new, and
    what was said before the last breaking change. With ``before`` only what was said until then: whoever sees
    the own record grow after an answer knows that it was a known item.
    """
    rows = _counted(membership.project, membership.user_id)
    return [one for _person, one, _row in rows if before is None or one.at < before]


def answers_by_person(project: Project) -> dict[int, list[Answer]]:
    """Everybody's answers, by user id; see ``answers``."""
    found: dict[int, list[Answer]] = {}
    for person, one, _row in _counted(project):
        found.setdefault(person, []).append(one)
    return found


def confusions(membership: Membership, before: datetime | None = None, least: int = 1) -> list[Confusion]:
    """Which labels a person takes for which on known items, most frequent first, never naming an item.

    Of several labels at once those count that are missing or too many. Only what occurs ``least`` times.
    """
    into = merged(membership.project)
    counts: Counter[tuple[int | None, int | None]] = Counter()
    for _person, one, row in _counted(membership.project, membership.user_id):
        if one.right or (before is not None and one.at >= before):
            continue
        counts.update(_mixed_up(_rights(row["item__gold"], into), _answer(row["labels"], row["kind"], into)))
    found = [Confusion(*pair, times) for pair, times in counts.items() if times >= least]
    return sorted(found, key=lambda one: (-one.times, one.right or 0, one.given or 0))


def _mixed_up(
    rights: Sequence[frozenset[int] | None], given: frozenset[int] | None
) -> list[tuple[int | None, int | None]]:
    """Pairs of a label that was right and one that was said instead, against the nearest right answer."""
    sets = [one for one in rights if one is not None]
    if given is None or not sets:
        return [(min(sets[0]) if sets and sets[0] else None, None)]
    nearest = min(sets, key=lambda one: (len(one ^ given), sorted(one)))
    missing, extra = sorted(nearest - given), sorted(given - nearest)
    return list(zip_longest(missing, extra))


def _counted(project: Project, user_id: int | None = None) -> Iterable[tuple[int, Answer, dict[str, Any]]]:
    """Answers that count for people's records, oldest first: (user id, answer, row)."""
    trained = Annotation.objects.filter(
        item=OuterRef("item"), annotator=OuterRef("annotator"), reason=TRAINING
    )
    found = _said(project.pk).filter(
        ~Exists(trained),
        item__gold__isnull=False,
        item__state=Item.State.SETTLED,
        guideline_version__gte=project.agreed_version,
    )
    found = found.filter(annotator_id=user_id) if user_id else found
    into = merged(project)
    columns = ("annotator_id", "item_id", "item__gold", "labels", "kind", "created_at")
    for values in found.values_list(*columns):
        row = dict(zip(columns, values, strict=True))
        fits = _answer(row["labels"], row["kind"], into) in _rights(row["item__gold"], into)
        yield row["annotator_id"], Answer(row["item_id"], fits, row["created_at"]), row


def _answer(labels: Iterable[int], kind: str, into: dict[int, int]) -> frozenset[int] | None:
    """An answer by what its labels are called now; None: could not tell, which is never right."""
    if kind != Annotation.Kind.ANSWER:
        return None
    return frozenset(into.get(label, label) for label in labels)


def _rights(gold: Sequence[Sequence[int]] | None, into: dict[int, int]) -> list[frozenset[int] | None]:
    return [frozenset(into.get(label, label) for label in one) for one in gold or ()]


def among(labels: Iterable[int], rights: Sequence[Sequence[int]] | None, into: dict[int, int]) -> bool:
    """Whether labels are one of the right answers; ``into`` says what merged labels became."""
    return _answer(labels, Annotation.Kind.ANSWER, into) in _rights(rights, into)


def merged(project: Project) -> dict[int, int]:
    """What merged labels became: {label id: label id}."""
    return queries.rules(project).merged
