"""How far people agree in a project: on the agreement sample, drawn before anybody saw the items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from projects import queries
from projects.models import Annotation, Label, Membership, Project, QueueEntry
from projects.quality import agreement as measure
from projects.quality.agreement import Agreement, Peer
from projects.remembered import remembered

# Krippendorff's own marks: nothing is to be concluded below the first, one may rely on the second.
TENTATIVE: Final = 0.667
RELIABLE: Final = 0.8
# Fewer common items than this say little about one person or one label.
FEW: Final = 30


@dataclass(frozen=True)
class LabelLine:
    """One label as a yes-or-no question."""

    name: str
    hue: int
    figures: Agreement


@dataclass(frozen=True)
class PersonLine:
    """One person against the others on the same items."""

    name: str
    figures: Peer

    @property
    def few(self) -> bool:
        return self.figures.items < FEW


@dataclass(frozen=True)
class Mixed:
    """Two labels that were given to the same items."""

    first: str
    first_hue: int
    second: str
    second_hue: int
    items: int


@dataclass(frozen=True)
class Report:
    """Agreement as a whole, by label, by person, and what is mixed up most."""

    whole: Agreement
    labels: Sequence[LabelLine]
    people: Sequence[PersonLine]
    mixed: Sequence[Mixed]

    @property
    def verdict(self) -> str:
        return verdict(self.whole)


def report(project: Project) -> Report:
    """Measure the agreement sample; what was measured stays until somebody says something new."""
    newest = Annotation.objects.filter(project=project).aggregate(newest=Max("pk"))["newest"]
    return remembered(f"agreement:{project.pk}", newest, lambda: _measure(project))


def verdict(whole: Agreement) -> str:
    """Say what the figure allows, by its interval and not by its middle."""
    if whole.undefined == "no_pairs":
        return _("No item of the agreement sample has two answers yet.")
    if whole.undefined == "one_class":
        return _("Everybody gave one and the same label so far: there is nothing to disagree on yet.")
    if whole.low is None or whole.high is None:
        return _("Too few items to say how sure this is.")
    if whole.low >= RELIABLE:
        return _("People agree well: labels can be relied on.")
    if whole.high < TENTATIVE:
        return _(
            "People agree too little to rely on the labels. See what is mixed up, and sharpen the guidelines."
        )
    if whole.low >= TENTATIVE:
        return _("People agree fairly well: enough for cautious conclusions.")
    if whole.high - whole.low > 0.2:
        return _("Too early to tell: the interval is wide. More items with two answers make it narrower.")
    return _("People agree only in part. See what is mixed up, and sharpen the guidelines.")


def size(figures: Agreement) -> str:
    """Say what a figure rests on."""
    items = ngettext("%(n)s item", "%(n)s items", figures.items) % {"n": f"{figures.items:,}"}
    people = ngettext("%(n)s person", "%(n)s people", figures.people) % {"n": figures.people}
    return _("%(items)s with two answers, by %(people)s") % {"items": items, "people": people}


def _measure(project: Project) -> Report:
    labels = list(project.labels.all())
    items, people, said = _votes(project)
    chosen = _matrix(said, labels)
    if project.task == Project.Task.MULTI:
        whole = measure.set_agreement(items, people, chosen)
        codes = np.unique(chosen, axis=0, return_inverse=True)[1].reshape(-1) if len(chosen) else items
        pairs: list[tuple[int, int, int]] = []
    else:
        # «None of these» is one more answer, behind the labels.
        codes = np.where(chosen.any(axis=1), chosen.argmax(axis=1), len(labels)) if len(chosen) else items
        whole = measure.agreement(items, people, codes)
        pairs = [pair for pair in measure.confusions(items, codes) if pair[1] < len(labels)]
    used = [at for at in range(len(labels)) if len(chosen) and chosen[:, at].any()]
    alphas = measure.label_agreement(items, people, chosen[:, used]) if used else []
    lines = [LabelLine(labels[at].name, labels[at].hue, one) for at, one in zip(used, alphas, strict=True)]
    return Report(
        whole=whole,
        labels=lines,
        people=_people(project, measure.peer_agreement(items, people, codes)),
        mixed=[_mixed(labels[a], labels[b], n) for a, b, n in pairs[:5]],
    )


def _votes(project: Project) -> tuple[measure.Ints, measure.Ints, list[list[int]]]:
    """Present answers on the agreement sample: item ids, person ids, label ids."""
    answers = Annotation.objects.filter(project=project, kind=Annotation.Kind.ANSWER, item__agreement=True)
    # A vote that a lead asked for comes from disputed items only, and knows that it does.
    answers = answers.exclude(stream__in=(QueueEntry.Stream.AGAIN, QueueEntry.Stream.CHECK))
    rows = list(queries.current(answers).order_by("pk").values_list("item_id", "annotator_id", "labels"))
    ids = np.array([row[:2] for row in rows], dtype=np.int64).reshape(-1, 2)
    return ids[:, 0], ids[:, 1], [row[2] for row in rows]


def _matrix(said: list[list[int]], labels: Sequence[Label]) -> measure.Bools:
    column = {label.pk: at for at, label in enumerate(labels)}
    chosen = np.zeros((len(said), len(labels)), dtype=np.bool_)
    for row, ids in enumerate(said):
        for pk in ids:
            chosen[row, column[pk]] = True
    return chosen


def _people(project: Project, peers: Sequence[Peer]) -> list[PersonLine]:
    members = Membership.objects.filter(project=project).select_related("user")
    names = {member.user_id: str(member.user) for member in members}
    return [PersonLine(names.get(peer.person, "–"), peer) for peer in peers]


def _mixed(first: Label, second: Label, items: int) -> Mixed:
    return Mixed(first.name, first.hue, second.name, second.hue, items)
