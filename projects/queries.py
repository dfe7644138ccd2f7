"""Reads of the heart: votes, training and evaluation labels, counts that cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Final, TypeVar

from django.core.cache import caches
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum

from projects import hot, returning
from projects.models import Annotation, Assignment, Item, Label, Membership, Policy, Project, QueueEntry
from projects.quality import consensus

Value = TypeVar("Value")
# Of this process alone.
near = caches["near"]
ACCURACY_SECONDS = 60
COUNT_SECONDS = 10
DEAR_SECONDS = 30
SINCE_SECONDS = 1
_Stream = QueueEntry.Stream
# Answers that say nothing of how people agree: asked because of doubt, or to check people.
GOLD: Final = _Stream.GOLD
ASIDE: Final = (
    _Stream.AGAIN,
    _Stream.CHECK,
    _Stream.RETURNED,
    _Stream.RECHECK,
    _Stream.CARD_CHECK,
    GOLD,
)


@dataclass(frozen=True)
class Known:
    """An item whose label is settled: its positions (none: «none of these»), how sure, since when."""

    item_id: int
    positions: tuple[int, ...]
    posterior: float | None = None  # None: not voted on, so taken as certain
    settled_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True)
class Rules:
    """What a project decides by, read once a request."""

    policy: Policy
    labels: list[Label]
    # Answers that name a merged label count for the one that it became: {label id: label id}.
    merged: dict[int, int] = field(default_factory=dict)
    # What each column of a model counts for today, by position: label ids in use.
    columns: dict[int, int] = field(default_factory=dict)


def rules(project: Project) -> Rules:
    """Read the policy in force, the labels in use, and what merged ones became."""
    labels = list(Label.objects.filter(project=project).order_by("order", "position"))
    into = {label.pk: label.merged_into_id for label in labels if label.merged_into_id}
    ends, used = _ends(into), [label for label in labels if label.retired_at is None]
    ids = {label.pk for label in used}
    columns = {label.position: ends.get(label.pk, label.pk) for label in labels}
    return Rules(project.policy, used, ends, {at: pk for at, pk in columns.items() if pk in ids})


def _ends(into: dict[int, int]) -> dict[int, int]:
    """Follow labels that were merged more than once to what they are now."""
    ends = {}
    for label, target in into.items():
        seen = {label}
        while target in into and target not in seen:
            seen.add(target)
            target = into[target]
        ends[label] = target
    return ends


def current(annotations: QuerySet[Annotation]) -> QuerySet[Annotation]:
    """Only what people say now: the revisions that no later one replaces."""
    return annotations.filter(superseded_by=None)


def votes(item_ids: Iterable[int]) -> QuerySet[Annotation]:
    """Current answers and «can't tell» of these items, oldest first: those under the labels' present meaning.

    Not those that only check the person.
    """
    found = Annotation.objects.filter(item_id__in=item_ids, kind__in=Annotation.COUNTED)
    found = found.filter(guideline_version__gte=F("item__votes_from"))
    return current(found).exclude(stream=GOLD).order_by("pk")


def revisions(item_ids: Iterable[int]) -> QuerySet[Annotation]:
    """Everything ever said of these items, oldest first; ``excluded_at``: since when that is void."""
    theirs = Membership.objects.filter(project=OuterRef("project"), user=OuterRef("annotator"))
    found = Annotation.objects.filter(item_id__in=item_ids).order_by("pk")
    return found.annotate(excluded_at=Subquery(theirs.values("excluded_at")[:1]))  # type: ignore[no-redef]


def crew(project_id: int) -> QuerySet[Membership]:
    """Who labels in a project and may go on: its annotators, or everybody where there are none."""
    annotators = Membership.objects.filter(project_id=project_id, active=True, role=Membership.Role.ANNOTATOR)
    able = Membership.objects.filter(project_id=project_id, active=True, paused_at=None, excluded_at=None)
    return able.filter(Q(role=Membership.Role.ANNOTATOR) | ~Exists(annotators))


def askable(project_id: int, item_id: int, skill: str = "") -> list[Membership]:
    """Who is left to ask about an item: people who label, may go on, and have said nothing of it yet.

    Nothing that counts: whoever answered before its labels changed may be asked again. A skill that nobody
    has is asked of everybody.
    """
    from projects import serving

    said = current(Annotation.objects.filter(item_id=item_id)).exclude(kind=Annotation.Kind.UNDO)
    over = (Assignment.State.SUBMITTED, Assignment.State.SKIPPED)
    back = Assignment.objects.filter(item_id=item_id).exclude(state__in=over)
    said = said.exclude(guideline_version__lt=F("item__votes_from"), annotator__in=back.values("annotator"))
    found = crew(project_id).exclude(user__in=said.values("annotator"))
    wanted = skill if skill and serving.known(project_id, skill) else ""
    return [member for member in found if not wanted or wanted in member.skills]


def pool(project: Project) -> QuerySet[Item]:
    """Open items that a strategy may pick: neither hold-out nor agreement sample."""
    return Item.objects.filter(project=project, state=Item.State.OPEN, holdout=False, agreement=False)


def stuck(project: Project) -> QuerySet[Item]:
    """Items that wait for nobody and no lead has: what was asked for is in, or nobody is left to answer."""
    waiting = Item.objects.filter(project=project, state__in=(Item.State.OPEN, Item.State.STALE))
    held = returning.held(Assignment.objects.filter(item=OuterRef("pk")))
    live = QueueEntry.objects.filter(item=OuterRef("pk"), state=QueueEntry.State.LIVE)
    mine = Assignment.objects.filter(item=OuterRef(OuterRef("pk")), annotator=OuterRef("user"))
    left = crew(project.pk).filter(~Exists(mine.filter(state=Assignment.State.SUBMITTED)))
    said = Annotation.objects.filter(item=OuterRef("pk"), superseded_by=None, kind__in=Annotation.COUNTED)
    nobody = Q(Exists(live), Exists(said.exclude(stream=GOLD)), ~Exists(left))
    return waiting.filter(Q(Exists(live.filter(free=0))) | nobody, ~Exists(held))


def training(project: Project, *only: Q | Exists) -> Iterator[Known]:
    """Settled items that a model may learn from, in order of number; ``only`` those that meet conditions."""
    return _known(project, *only, holdout=False)


def evaluation(project: Project) -> Iterator[Known]:
    """Settled items of the hold-out, in order of number: never trained on."""
    return _known(project, holdout=True)


def _known(project: Project, *only: Q | Exists, holdout: bool) -> Iterator[Known]:
    positions = dict(Label.objects.filter(project=project).values_list("pk", "position"))
    settled = Item.objects.filter(
        *only, project=project, state=Item.State.SETTLED, holdout=holdout, settled_labels__isnull=False
    )
    facts = ("pk", "settled_labels", "posterior", "settled_at", "settled_source")
    for pk, labels, *rest in settled.order_by("number").values_list(*facts).iterator():
        # «None of these» teaches something where several labels may apply, and nothing where one must;
        # where one must and a lead accepts several, there is no one label to learn or to be measured by.
        if project.task == Project.Task.MULTI or len(labels or ()) == 1:
            yield Known(pk, tuple(positions[label] for label in labels or ()), *rest)


def answers_since_round(project: Project, most: int | None = None) -> int:
    """Answers that the last round did not know: they count towards the next one. Counts up to ``most``."""
    new = Annotation.objects.filter(project=project, pk__gt=project.round_mark, kind__in=Annotation.COUNTED)
    return current(new)[:most].count()


def since_round(project: Project, most: int) -> int:
    """The same for people to see: counted anew every second at most, and this process's own at once."""
    count = partial(hot.answers_since, project.pk, project.round_mark, most)
    return max(0, min(most, _kept(_since(project, most), count, SINCE_SECONDS)))


def note_answers(project: Project, most: int, change: int) -> None:
    """Count answers in until all are counted anew."""
    if near.get(_since(project, most)) is not None:
        with suppress(ValueError):  # It has run out in this moment.
            near.incr(_since(project, most), change)


def count_anew(project: Project, most: int) -> None:
    """Whoever took something back sees the figures without it."""
    near.delete_many([_since(project, most), f"labelled:{project.pk}"])


def _since(project: Project, most: int) -> str:
    return f"since:{project.pk}:{project.round_mark}:{most}"


def answered(project_id: int) -> int:
    """Answers in a project, added up over its people: as cheap at a million items as at ten."""
    total = Membership.objects.filter(project_id=project_id).aggregate(total=Sum("answered"))["total"]
    return total or 0


def labelled(project_id: int) -> int:
    """Items with a settled label; counted anew every few seconds at most."""
    return _kept(f"labelled:{project_id}", partial(_count_labelled, project_id), COUNT_SECONDS)


def _count_labelled(project_id: int) -> int:
    return Item.objects.filter(project_id=project_id, state=Item.State.SETTLED).count()


def active_labels(project_id: int) -> list[Label]:
    """Labels that may be chosen, in order."""
    return list(Label.objects.filter(project_id=project_id, retired_at=None).order_by("order", "position"))


def pooled_accuracy(project: Project, known: Rules | None = None) -> float:
    """How often one answer is right, estimated from the agreement sample; recomputed once a minute."""
    agree, pairs, labels = _pairs(project, known)
    return consensus.pooled_accuracy(agree, pairs, labels, project.task)


def proven_accuracy(project: Project) -> float | None:
    """The same where enough pairs of answers speak for it, else None."""
    return pooled_accuracy(project) if _pairs(project)[1] >= consensus.ENOUGH_PAIRS else None


def _kept(key: str, compute: Callable[[], Value], seconds: float) -> Value:
    """Keep a figure in this process for some seconds: a cache server would cost more at every answer."""
    found: Value | None = near.get(key)
    if found is None:
        start = monotonic()
        found = compute()
        # What took long is worked out the more seldom: at most a hundredth of the time goes into it, unless
        # that would be longer than half a minute: people want to see their work count.
        near.set(key, found, max(seconds, min(100 * (monotonic() - start), DEAR_SECONDS)))
    return found


def _pairs(project: Project, known: Rules | None = None) -> tuple[int, int, int]:
    """Equal pairs of answers, pairs in all, and labels in use."""
    return _kept(f"accuracy:{project.pk}", partial(_count_pairs, project, known), ACCURACY_SECONDS)


def _count_pairs(project: Project, known: Rules | None) -> tuple[int, int, int]:
    known = known or rules(project)
    found = Annotation.objects.filter(project=project, item__agreement=True, kind=Annotation.Kind.ANSWER)
    found = found.filter(guideline_version__gte=project.agreed_version).exclude(stream__in=ASIDE)
    void = Membership.objects.filter(project=project, excluded_at__isnull=False)
    rows = current(found.exclude(annotator__in=void.values("user"))).order_by("item_id", "pk")
    # Further answers were asked because these differed: the first ones were drawn.
    most = known.policy.agreement_overlap
    by_item: dict[int, list[frozenset[int]]] = {}
    for item_id, labels in rows.values_list("item_id", "labels"):
        by_item.setdefault(item_id, []).append(frozenset(labels))
    pairs = agree = 0
    for answers in (all_of_item[:most] for all_of_item in by_item.values()):
        for i, one in enumerate(answers):
            pairs += len(answers) - i - 1
            agree += sum(one == other for other in answers[i + 1 :])
    return agree, pairs, max(2, len(known.labels))


def my_last(project_id: int, user_id: int, count: int) -> QuerySet[Annotation]:
    """A person's newest current judgements in a project, newest first."""
    mine = Annotation.objects.filter(project_id=project_id, annotator_id=user_id)
    return current(mine).exclude(kind=Annotation.Kind.UNDO).select_related("item").order_by("-pk")[:count]
