"""What is known of how people answer: fitted in the background, used at every vote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import F, Max, OuterRef, Q, QuerySet, Subquery

from projects import queries
from projects.models import (
    Annotation,
    Estimate,
    GuidelineVersion,
    Item,
    Membership,
    Project,
    Resolution,
    SpotCheck,
)
from projects.quality.calibration import Calibration
from projects.queries import Rules, near
from projects.trust import fitting
from projects.trust.book import CANT_TELL, Book, Table
from projects.trust.fitting import Answer, Ballots, Tried

# So long a process may go on with the estimate before.
SECONDS: Final = 5.0
# It is worth fitting again after so many votes, or decisions, and that share of those it knew.
VOTES: Final = 50
DECISIONS: Final = 5
SHARE: Final = 0.1
# After a fit for which no vote counted, so long nothing is tried again unless something is new.
VAIN_SECONDS: Final = 600


def newest(project: Project) -> Book | None:
    """Return what votes are weighed with now, some seconds old at most; None before the first estimate."""
    key = f"estimate:{project.pk}"
    known = near.get(key)
    if known is None:
        row = project.estimates.order_by("-version").values_list("pk", "created_at").first()
        known = row or ()
        near.set(key, known, SECONDS)
    return _read(*known) if known else None


@lru_cache(maxsize=32)
def _read(pk: int, _made: datetime) -> Book:
    """Parse an estimate once a process: it never changes."""
    row = Estimate.objects.select_related("project").get(pk=pk)
    ordinal = row.project.ordinal
    tables = {int(of): Table.from_json(kept, ordinal) for of, kept in row.tables["questions"].items()}
    calibration = row.tables["calibration"]
    return Book(
        classes=tuple(row.labels),
        tables=tables,
        method=f"{row.method} v{row.version}",
        version=row.version,
        calibration=Calibration.from_dict(calibration) if calibration else None,
    )


def due(project: Project) -> bool:
    """Whether enough was said or decided since the newest estimate, or what counts has changed.

    Not where the last fit found no vote that counts, and nothing is new since.
    """
    vain = cache.get(_vain(project))
    if vain is not None and vain == _state(project, queries.rules(project)):
        return False
    last = project.estimates.order_by("-version").defer("tables").first()
    if last is None:
        return _more(project, 0, VOTES)
    if last.figures["basis"] != _basis(project, queries.rules(project)):
        return True
    if _decisions(project) - last.decided >= max(DECISIONS, SHARE * last.decided):
        return True
    return _more(project, last.mark, max(VOTES, round(SHARE * last.figures["votes"])))


def fit(project: Project) -> Estimate | None:
    """Make the next estimate from all votes that count; nothing that is settled changes by it.

    None where nothing was said that counts, or another worker made it at this moment.
    """
    rules = queries.rules(project)
    mark, decisions, basis = state = _state(project, rules)
    ballots = gather(project, rules)
    if not len(ballots.items):
        # Else all votes would be read again at every tick, as after a breaking change until people go on.
        cache.set(_vain(project), state, VAIN_SECONDS)
        return None
    found = compare(project, ballots)
    wanted = rules.policy.aggregator
    method = wanted if wanted in found else fitting.chosen(ballots, found)
    kept = _with_calibration(found[method])
    row = Estimate(
        project=project,
        version=(project.estimates.aggregate(last=Max("version"))["last"] or 0) + 1,
        method=method,
        automatic=not wanted,
        mark=mark,
        decided=decisions,
        labels=list(ballots.classes),
        tables=_as_json(kept),
        figures={**_figures(ballots, found), "basis": basis},
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return None
    near.set(f"estimate:{project.pk}", (row.pk, row.created_at), SECONDS)
    return row


def compare(project: Project, ballots: Ballots) -> dict[str, Tried]:
    """Every method that can be worked with, fitted and tried on the decided items."""
    known = dict(decided(project))
    return {method: fitting.tried(ballots, method, known) for method in fitting.methods(ballots)}


def gather(project: Project, rules: Rules) -> Ballots:
    """All votes that count, with merged labels as what they became."""
    void = Membership.objects.filter(project=project, excluded_at__isnull=False)
    votes = Annotation.objects.filter(
        project=project,
        kind__in=Annotation.COUNTED,
        guideline_version__gte=F("item__votes_from"),
    )
    votes = votes.filter(guideline_version__gte=project.agreed_version)
    votes = votes.exclude(Q(stream=queries.GOLD) | Q(annotator__in=void.values("user")))
    votes = queries.current(votes.exclude(item__state=Item.State.EXCLUDED))
    multi = project.task == Project.Task.MULTI
    rows = list(_rows(votes, rules.merged, multi))
    said = {label for _item, _person, answer in rows for label in answer}
    labels = [label.pk for label in rules.labels]
    classes = (*labels, *sorted(said.difference(labels), reverse=True))
    return Ballots.of(rows, classes, multi, project.ordinal)


def _rows(
    votes: QuerySet[Annotation], merged: dict[int, int], multi: bool
) -> Iterator[tuple[int, int, Answer]]:
    facts = votes.order_by("pk").values_list("item_id", "annotator_id", "kind", "labels")
    for item, person, kind, labels in facts.iterator():
        if kind != Annotation.Kind.CANT_TELL:
            yield item, person, frozenset(merged.get(label, label) for label in labels)
        elif not multi:
            yield item, person, frozenset({CANT_TELL})


def decided(project: Project) -> Iterator[tuple[int, list[Answer]]]:
    """Items whose right answers are known, with these: gold, decided by a lead, or checked by one, blind.

    Merged labels are what they became. What was known before an item's labels changed their meaning is not.
    """
    multi = project.task == Project.Task.MULTI
    right = partial(_right, multi=multi, merged=queries.rules(project).merged)
    for item, labels in _checks(project).values_list("item_id", "labels"):
        yield item, right([labels])
    items = Item.objects.filter(project=project, state=Item.State.SETTLED)
    leads = items.filter(settled_source=Item.Source.ADJUDICATED)
    for item, labels, soft in leads.values_list("pk", "settled_labels", "soft"):
        several = [[int(pk)] for pk in soft if pk.isdigit()] if soft and not multi else [labels]
        yield item, right(several)
    for item, answers in items.filter(gold__isnull=False).values_list("pk", "gold"):
        yield item, right(answers or ())


def _checks(project: Project) -> QuerySet[SpotCheck]:
    """Answered spot checks that went by what the labels of their items mean now."""
    since = GuidelineVersion.objects.filter(
        project=OuterRef("project"), version=OuterRef("item__votes_from")
    ).values("created_at")
    present = Q(item__votes_from=0) | Q(answered_at__gte=Subquery(since))
    return SpotCheck.objects.filter(present, project=project, answered_at__isnull=False)


def _right(answers: Sequence[list[int] | None], multi: bool, merged: dict[int, int]) -> list[Answer]:
    """An answer of None is «can't tell», which is no class where several labels may apply."""
    told = [frozenset(merged.get(pk, pk) for pk in labels) for labels in answers if labels is not None]
    return told if multi or len(told) == len(answers) else [*told, frozenset({CANT_TELL})]


def consequences(project: Project) -> dict[str, int]:
    """Count for each method the items settled by several votes that it would label otherwise.

    Takes some seconds for many votes. Nothing changes by it: settled labels stay.
    """
    rules = queries.rules(project)
    ballots = gather(project, rules)
    settled = Item.objects.filter(
        project=project, state=Item.State.SETTLED, settled_source=Item.Source.CONSENSUS
    )
    multi = project.task == Project.Task.MULTI
    facts = settled.values_list("pk", "settled_labels")
    now_ = {pk: _right([labels], multi, rules.merged) for pk, labels in facts}
    return {method: fitting.differing(ballots, method, now_) for method in fitting.methods(ballots)}


# --- what makes it due -----------------------------------------------------------------------------------


def _more(project: Project, mark: int, enough: int) -> bool:
    votes = Annotation.objects.filter(project=project, pk__gt=mark, kind__in=Annotation.COUNTED)
    return votes.exclude(stream=queries.GOLD)[:enough].count() >= enough


def _decisions(project: Project) -> int:
    checks = SpotCheck.objects.filter(project=project, answered_at__isnull=False).count()
    return checks + Resolution.objects.filter(dispute__project=project).count()


def _vain(project: Project) -> str:
    return f"estimate-in-vain:{project.pk}"


def _state(project: Project, rules: Rules) -> tuple[int, int, dict[str, Any]]:
    """What a fit would know of: the newest annotation, decisions, and what it rests on besides."""
    mark = Annotation.objects.filter(project=project).aggregate(newest=Max("pk"))["newest"] or 0
    return mark, _decisions(project), _basis(project, rules)


def _basis(project: Project, rules: Rules) -> dict[str, Any]:
    """What an estimate rests on besides votes and decisions."""
    void = Membership.objects.filter(project=project, excluded_at__isnull=False)
    return {
        "labels": [label.pk for label in rules.labels],
        "merged": sorted(rules.merged),
        "aggregator": rules.policy.aggregator,
        "excluded": sorted(void.values_list("user_id", flat=True)),
        "agreed": project.agreed_version,
        "ordinal": project.ordinal,
    }


# --- what is kept ----------------------------------------------------------------------------------------


def _with_calibration(one: Tried) -> Book:
    return replace(one.book, calibration=fitting.calibration(one))


def _as_json(book: Book) -> dict[str, Any]:
    """``questions`` are tables by label id, or one under 0; ``calibration`` is None while there is none."""
    calibration = book.calibration.as_dict() if book.calibration else None
    questions = {str(of): table.as_json() for of, table in book.tables.items()}
    return {"questions": questions, "calibration": calibration}


def _figures(ballots: Ballots, found: dict[str, Tried]) -> dict[str, Any]:
    """``right``: the share of decided items that each method has right; ``decided``: how many these are."""
    tried = len(next(iter(found.values())).right)
    right = {method: round(float(one.right.mean()), 4) for method, one in found.items()} if tried else {}
    return {
        "votes": len(ballots.items),
        "items": len(ballots.item_ids),
        "people": len(ballots.user_ids),
        "decided": tried,
        "right": right,
    }
