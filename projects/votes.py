"""What people said of a disputed item, under letters: who said it is told after the decision only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from statistics import median
from typing import Final

from django.utils.translation import gettext as _

from projects import queries
from projects.models import Annotation, Dispute, Item, Label, Policy, Project, Resolution, SpotCheck

LETTERS: Final = "ABCDEFGHIJKL"
# What counts as having judged an item.
JUDGED: Final = (*Annotation.COUNTED, Annotation.Kind.FLAG)
# Where the policy names no floor: faster than this share of the usual time, of so many answers, is unusual.
FAST_SHARE: Final = 0.2
TIMED: Final = 200


@dataclass(frozen=True)
class Vote:
    """What one person said, under a letter; ``choice`` is what the form sends to take it."""

    letter: str
    labels: Sequence[Label]
    kind: str
    note: str
    choice: str
    person: str
    # Times are told only so: exact ones would give people away.
    fast: bool = False
    # All votes of this person count for nothing at present.
    left_out: bool = False
    # The blind answer of a lead in a spot check.
    spot: bool = False
    # Given before the labels changed their meaning: it decides nothing any more.
    outdated: bool = False

    @property
    def offered(self) -> bool:
        """Whether it may be taken: its labels are still in use."""
        return all(label.retired_at is None for label in self.labels)

    @property
    def key(self) -> str:
        return self.letter.lower()

    @property
    def said(self) -> str:
        """The answer in words, for where no chips are shown."""
        if self.kind != Annotation.Kind.ANSWER:
            return str(Annotation.Kind(self.kind).label)
        return ", ".join(label.name for label in self.labels) or _("None of these")


@dataclass(frozen=True)
class Flag:
    """Why somebody asked for a lead."""

    reason: str
    note: str
    person: str

    @property
    def words(self) -> str:
        """The reason in words, where one was given."""
        return self.reason.replace("_", " ").capitalize()


def votes(project: Project, item: Item, fastest_ms: float = 0) -> list[Vote]:
    """Everybody's present answer under letters, in an order that is the item's own and tells nothing."""
    return lettered(project, item, said([item.pk]).get(item.pk, []), named(project), fastest_ms)


def flags(item: Item) -> list[Flag]:
    """Flags that still stand."""
    return raised(said([item.pk]).get(item.pk, []))


def named(project: Project) -> dict[int, Label]:
    """All labels by id, retired ones too: old answers keep their names."""
    return {label.pk: label for label in project.labels.all()}


def said(item_ids: Iterable[int]) -> dict[int, list[Annotation]]:
    """What people say now of each item, oldest first: answers, «can't tell» and flags."""
    current = queries.current(queries.revisions(list(item_ids))).filter(kind__in=JUDGED)
    by_item: dict[int, list[Annotation]] = {}
    for annotation in current.select_related("annotator").order_by("pk"):
        by_item.setdefault(annotation.item_id, []).append(annotation)
    return by_item


def lettered(
    project: Project, item: Item, said: list[Annotation], labels: dict[int, Label], fastest_ms: float = 0
) -> list[Vote]:
    """Put what was said under letters; ``fastest_ms``: answers that took less are marked."""
    cast = [annotation for annotation in said if annotation.kind in Annotation.COUNTED]
    cast.sort(key=lambda annotation: _place(project, item, annotation.annotator_id))
    return [
        Vote(
            letter=LETTERS[at] if at < len(LETTERS) else str(at + 1),
            labels=[labels[pk] for pk in meant(annotation.labels, labels) if pk in labels],
            kind=annotation.kind,
            note=annotation.note,
            choice=choice_of(annotation.kind, meant(annotation.labels, labels)),
            person=str(annotation.annotator),
            fast=_fast(annotation, fastest_ms),
            left_out=annotation.excluded_at is not None,
            outdated=annotation.guideline_version < item.votes_from,
        )
        for at, annotation in enumerate(cast)
    ]


def meant(ids: Iterable[int], labels: Mapping[int, Label]) -> list[int]:
    """What an answer's label ids count for, in order: a merged label for the one that it became."""
    found = set()
    for pk in ids:
        while pk in labels and (into := labels[pk].merged_into_id):
            pk = into
        found.add(pk)
    return sorted(found)


def answers(item: Item) -> list[list[int]]:
    """The label ids that each present answer to an item counts for; nothing of «can't tell» and flags."""
    labels = {label.pk: label for label in Label.objects.filter(project=item.project_id)}
    present = Annotation.objects.filter(item=item, superseded_by=None, kind=Annotation.Kind.ANSWER)
    return [meant(one, labels) for one in present.values_list("labels", flat=True)]


def spot_check(dispute: Dispute) -> SpotCheck | None:
    """The answered spot check that a dispute is about."""
    if Dispute.Reason.SPOT not in dispute.reasons:
        return None
    return SpotCheck.objects.filter(item_id=dispute.item_id, right=False).first()


def with_check(cast: list[Vote], dispute: Dispute, labels: dict[int, Label]) -> list[Vote]:
    """The votes, and the blind answer of a lead under the letter behind them."""
    check, at = spot_check(dispute), len(cast)
    if check is None:
        return cast
    kind = Annotation.Kind.CANT_TELL if check.labels is None else Annotation.Kind.ANSWER
    ids = check.labels or []
    letter = LETTERS[at] if at < len(LETTERS) else str(at + 1)
    chosen = [labels[pk] for pk in ids if pk in labels]
    return [*cast, Vote(letter, chosen, kind, "", choice_of(kind, ids), "", spot=True)]


def alone(annotation: Annotation, labels: dict[int, Label]) -> Vote:
    """One answer on its own, as its author sees it."""
    chosen = [labels[pk] for pk in annotation.labels if pk in labels]
    return Vote("", chosen, annotation.kind, annotation.note, "", "")


def raised(said: list[Annotation]) -> list[Flag]:
    """The flags among what was said."""
    found = [annotation for annotation in said if annotation.kind == Annotation.Kind.FLAG]
    return [Flag(one.reason, one.note, str(one.annotator)) for one in found]


def choice_of(kind: str, labels: Iterable[int]) -> str:
    """Name an answer as the form sends it."""
    if kind == Annotation.Kind.CANT_TELL:
        return str(Resolution.Outcome.CANT_TELL)
    return "labels:" + ",".join(str(pk) for pk in sorted(labels))


def worded(choice: str, names: dict[int, str]) -> str:
    """Say in words what ``choice_of`` named."""
    kind, _colon, ids = choice.partition(":")
    if kind != "labels":
        return _("Can't tell")
    return ", ".join(names.get(int(pk), "?") for pk in ids.split(",") if pk) or _("None of these")


def voted_on(item_id: int, user_id: int) -> bool:
    """Whether a person ever judged an item; who did never decides it."""
    return Annotation.objects.filter(item_id=item_id, annotator_id=user_id, kind__in=JUDGED).exists()


def _fast(annotation: Annotation, fastest_ms: float) -> bool:
    """Whether an answer took unusually little; of a card every item takes a moment."""
    singly = annotation.bulk is None and annotation.active_ms is not None
    return singly and (annotation.active_ms or 0) < fastest_ms


def fastest_ms(project: Project, policy: Policy) -> float:
    """Milliseconds below which an answer is unusually fast: the policy's floor, else from what is usual."""
    if policy.fastest_seconds:
        return policy.fastest_seconds * 1000
    timed = Annotation.objects.filter(project=project, active_ms__isnull=False, bulk=None).order_by("-pk")
    times = [ms for ms in timed.values_list("active_ms", flat=True)[:TIMED] if ms is not None]
    return FAST_SHARE * median(times) if times else 0.0


def _place(project: Project, item: Item, person: int) -> bytes:
    """Where a person's vote stands among the others: different for every item, the same at every look."""
    return blake2b(f"{project.seed}/votes/{item.number}/{person}".encode(), digest_size=8).digest()
