"""Feedback from production: items that the model, or their label, has wrong, to be looked at again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy

from projects import audit
from projects.models import Item, Project
from sampling import versions
from sampling.models import Feedback

if TYPE_CHECKING:
    from sampling.core.learners import Model

CHUNK: Final = 500
# Decisions that further votes do not change.
FIRM: Final = (Item.Source.ADJUDICATED, Item.Source.GOLD)
Labels = tuple[int, ...]
# What becomes of feedback, by ``outcome``, after a number of rows.
OUTCOMES: Final = {
    "ask": gettext_lazy("go back to people, before anything else"),
    "agrees": gettext_lazy("need nothing: the label, or the model in use, says the same"),
    "holdout": gettext_lazy("are of the hold-out, which stays as it is"),
    "firm": gettext_lazy("were decided by a lead or known as gold: look at them yourself"),
    "away": gettext_lazy("are excluded, or wait for a lead's decision already"),
}


# --- reads: for rounds -------------------------------------------------------------------------------------


def waiting(project: Project) -> list[int]:
    """Ids of the items to ask about, oldest feedback first; never of the hold-out.

    Settled ones whose label is in doubt, and open ones that the model had wrong; no longer those that a lead
    has decided since.
    """
    doubted = Q(item__state=Item.State.SETTLED) & ~Q(item__settled_source__in=FIRM)
    rows = Feedback.objects.filter(project=project, handled_at=None, item__holdout=False)
    rows = rows.filter(Q(item__state=Item.State.OPEN) | doubted)
    found = rows.order_by("pk").values_list("item_id", "labels", "item__settled_labels")
    # Whoever labelled it meanwhile may have said the same.
    return list(dict.fromkeys(item for item, labels, settled in found if labels is None or labels != settled))


def handled(project: Project, items: Iterable[int]) -> None:
    """Let the feedback about these items rest: they are in the queue, or need nothing."""
    Feedback.objects.filter(project=project, handled_at=None, item_id__in=list(items)).update(
        handled_at=now()
    )


# --- what follows from a word about an item ----------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """What was heard about an item: the right labels (ids, ascending), or None for «wrong»."""

    item: Item
    labels: Labels | None
    note: str = ""


def outcome(word: Word, predicted: Labels | None) -> str:
    """What becomes of it: «ask», or why not: «agrees», «holdout», «firm», «away».

    ``predicted`` is what the model in use says of the item, None where it cannot say. Where the label is
    right and only the model wrong, nothing is gained by asking people again.
    """
    item = word.item
    if item.state not in (Item.State.OPEN, Item.State.SETTLED):
        return "away"
    settled = item.state == Item.State.SETTLED
    if settled:
        known = None if item.settled_labels is None else tuple(item.settled_labels)
        agrees = known == word.labels if word.labels is not None else predicted not in (None, known)
    else:
        agrees = word.labels is not None and word.labels == predicted
    if agrees:
        return "agrees"
    if item.holdout:
        # Correcting only what somebody complained about would bend the figures.
        return "holdout"
    return "firm" if settled and item.settled_source in FIRM else "ask"


@dataclass
class Report:
    """What became of a file: counts, and the rows that could not be used."""

    outcomes: Counter[str] = field(default_factory=Counter)
    known: int = 0

    @property
    def stored(self) -> int:
        return self.outcomes.total()

    @property
    def lines(self) -> list[tuple[int, str]]:
        """How many rows came to what end, in words."""
        return [(self.outcomes[end], str(words)) for end, words in OUTCOMES.items() if self.outcomes[end]]

    def as_dict(self) -> dict[str, int]:
        """For the history."""
        return {"rows": self.stored, "asked again": self.outcomes["ask"]}


class Oracle:
    """The model in use, asked about items by their features; one that has none it cannot judge."""

    def __init__(self, project: Project) -> None:
        self._version = versions.champion(project)
        self._model: Model | None = None
        self._multi = project.task == Project.Task.MULTI
        self._ids = dict(project.labels.filter(retired_at=None).values_list("position", "pk"))

    def labels(self, items: Sequence[Item]) -> dict[int, Labels]:
        """What the model says of each of these items, by id."""
        if self._version is None or self._version.round.feature_set is None:
            return {}
        from sampling import features, generations
        from sampling.core.evaluation import predicted
        from sampling.core.learners import model_from_state

        self._model = self._model or model_from_state(versions.state_of(self._version))
        numbers = [item.number for item in items]
        ready = [
            shard
            for shard in generations.ready_shards(self._version.round.feature_set)
            if any(shard.first <= number <= shard.last for number in numbers)
        ]
        table = features.table(ready)
        rows = table.rows_of(np.array([item.pk for item in items], np.int64))
        there = np.flatnonzero(rows >= 0)
        columns = [position for position in sorted(self._ids) if position < self._model.labels]
        if not len(there) or not columns:
            return {}
        proba = self._model.proba(table[rows[there]])[:, columns]
        chosen = predicted(proba, "multi" if self._multi else "single")
        ids = np.array([self._ids[position] for position in columns])
        return {
            items[at].pk: tuple(sorted(ids[row].tolist()))
            for at, row in zip(there.tolist(), chosen, strict=True)
        }


# --- writes ------------------------------------------------------------------------------------------------


def take(project: Project, actor: AbstractBaseUser | None, words: Sequence[Word]) -> Report:
    """Keep what was heard, each word once, and let wait what is to be asked about.

    What needs nothing is kept as handled. Hearing the same again changes nothing.
    """
    report, oracle = Report(), Oracle(project)
    for start in range(0, len(words), CHUNK):
        chunk = words[start : start + CHUNK]
        said = oracle.labels([word.item for word in chunk])
        with transaction.atomic():
            audit.hold(project)
            _keep(project, chunk, said, report)
    if report.stored:
        audit.record(project, actor, "feedback.added", after=report.as_dict())
    return report


def _keep(project: Project, words: Sequence[Word], said: dict[int, Labels], report: Report) -> None:
    before = Feedback.objects.filter(project=project, item__in=[word.item.pk for word in words])
    seen = {_mark(item, labels) for item, labels in before.values_list("item_id", "labels")}
    rows = []
    for word in words:
        labels = None if word.labels is None else list(word.labels)
        mark = _mark(word.item.pk, labels)
        if mark in seen:
            report.known += 1
            continue
        seen.add(mark)
        end = outcome(word, said.get(word.item.pk))
        report.outcomes[end] += 1
        at = None if end == "ask" else now()
        rows.append(
            Feedback(project=project, item=word.item, labels=labels, note=word.note[:500], handled_at=at)
        )
    Feedback.objects.bulk_create(rows)


def _mark(item: int, labels: Any) -> tuple[int, Labels | None]:
    return item, None if labels is None else tuple(labels)
