"""What a person said so far: newest first, found again, and put back on the stage to be changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast, Left
from django.utils.timezone import make_aware
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import labelling, queries
from projects.models import Annotation, Assignment, Label, Membership
from projects.trust.touching import names_label

_Kind = Annotation.Kind
_STANDING: Final = frozenset({Assignment.State.SUBMITTED, Assignment.State.SKIPPED})
# Beside the labelling page, and on one page of the list.
BESIDE: Final = 50
PAGE: Final = 50
# A filter looks at so many judgements at a time: the next ones are a link away.
WINDOW: Final = 10_000
SHOWN_TEXT: Final = 160
# Kinds that may be looked for.
KINDS: Final = {
    _Kind.ANSWER: gettext_lazy("Answers"),
    _Kind.CANT_TELL: gettext_lazy("Can't tell"),
    _Kind.SKIP: gettext_lazy("Skipped"),
    _Kind.FLAG: gettext_lazy("Flagged"),
}


@dataclass(frozen=True)
class Wanted:
    """Which of a person's judgements are looked for; blank means all."""

    label: int | None = None
    kind: str = ""
    text: str = ""
    since: date | None = None
    until: date | None = None
    corrected: bool = False

    @property
    def any(self) -> bool:
        """Whether something is looked for at all."""
        return self != Wanted()


@dataclass(frozen=True)
class Entry:
    """One judgement as its author sees it. ``anew``: it is asked again, and what was said is not shown."""

    pk: int
    item: int
    number: int
    text: str
    picture: bool
    kind: str
    labels: Sequence[Label]
    said: str
    note: str
    # Why it was skipped.
    reason: str
    at: datetime
    corrected: bool
    bulk: str
    anew: bool

    @property
    def label_ids(self) -> list[int]:
        """The labels that were given and may be shown."""
        return [label.pk for label in self.labels]

    @property
    def hue(self) -> int:
        """The colour of the first label; 0: none."""
        return self.labels[0].hue if self.labels else 0


@dataclass(frozen=True)
class Page:
    """One page, newest first, and from where the neighbours go on; ``cut``: more was not looked at."""

    rows: Sequence[Entry]
    before: int | None = None
    after: int | None = None
    cut: bool = False


def newest(membership: Membership, labels: Sequence[Label] = (), count: int = BESIDE) -> list[Entry]:
    """A person's newest judgements, at a cost that does not grow with what was said before."""
    return _entries(membership, _said(membership).order_by("-pk")[:count], labels)


def page(membership: Membership, wanted: Wanted, before: int | None = None, after: int | None = None) -> Page:
    """Cut one page by key. Where a filter is given, so many judgements on from there are looked at."""
    said = _said(membership)
    if after is not None:
        ahead = said.filter(pk__gt=after).order_by("pk")
        end = _end(ahead, wanted)
        found = list(_matching(membership, ahead.filter(pk__lte=end) if end else ahead, wanted)[: PAGE + 1])
        rows = found[:PAGE][::-1]
        on = rows[0].pk if len(found) > PAGE else end
        return Page(_entries(membership, rows), rows[-1].pk if rows else after + 1, on, bool(end))
    behind = said.order_by("-pk")
    behind = behind.filter(pk__lt=before) if before is not None else behind
    end = _end(behind, wanted)
    found = list(_matching(membership, behind.filter(pk__gte=end) if end else behind, wanted)[: PAGE + 1])
    rows = found[:PAGE]
    on = rows[-1].pk if len(found) > PAGE else end
    newer = None if before is None else (rows[0].pk if rows else before - 1)
    return Page(_entries(membership, rows), on, newer, bool(end) and len(found) <= PAGE)


def _end(ordered: QuerySet[Annotation], wanted: Wanted) -> int | None:
    """The last judgement that a filter looks at; None: it may look at all that is left."""
    if not wanted.any:
        return None
    return ordered.values_list("pk", flat=True)[WINDOW - 1 : WINDOW].first()


def one(membership: Membership, pk: int) -> Entry | None:
    """One present judgement of this person, by its id."""
    return next(iter(_entries(membership, _said(membership).filter(pk=pk))), None)


def of_item(membership: Membership, item_id: int) -> Entry | None:
    """What this person says of an item now."""
    return next(iter(_entries(membership, _said(membership).filter(item_id=item_id))), None)


def opened(membership: Membership, entry: Entry) -> dict[str, Any]:
    """What the page's script needs to have an answer changed: what it was, and what was said with it."""
    items = [one.item for one in together(membership, entry)]
    held = Assignment.objects.filter(annotator_id=membership.user_id, item_id__in=items)
    rules = queries.rules(membership.project)
    rows = {row["id"]: row for row in on_stage(membership, rules, list(held))}
    return {**as_json(entry), "stage": rows[entry.item], "together": [rows[item] for item in items[1:]]}


def older(membership: Membership, before: int) -> Entry | None:
    """The newest judgement of this person before one."""
    said = _said(membership).filter(pk__lt=before).order_by("-pk")[:1]
    return next(iter(_entries(membership, said)), None)


def together(membership: Membership, entry: Entry) -> list[Entry]:
    """What was said in the same act and still stands, this one first; only itself where it was alone."""
    if not entry.bulk:
        return [entry]
    alike = _said(membership).filter(bulk=entry.bulk).exclude(pk=entry.pk).order_by("-pk")[:BESIDE]
    return [entry, *_entries(membership, alike)]


def on_stage(
    membership: Membership, rules: queries.Rules, assignments: Sequence[Assignment]
) -> list[dict[str, Any]]:
    """Items that somebody asked for by name, as the labelling page holds them.

    What is still to be answered comes as from the queue, with what the model thinks: the answer says how that
    was met. Where one stands, nothing is suggested.
    """
    rows = labelling.in_hand(membership, rules, assignments)
    standing = {one.item_id for one in assignments if one.state in _STANDING}
    return [{**row, "thought": None, "alike": 0} if row["id"] in standing else row for row in rows]


def as_json(entry: Entry) -> dict[str, Any]:
    """The same for the page's script; nothing of what was said where that is not shown."""
    return {
        "pk": entry.pk,
        "item": entry.item,
        "kind": "" if entry.anew else entry.kind,
        "labels": entry.label_ids,
        "said": entry.said,
        "note": entry.note,
        "reason": entry.reason,
    }


def _said(membership: Membership) -> QuerySet[Annotation]:
    """What a person says now: nothing replaced, nothing taken back."""
    mine = Annotation.objects.filter(project_id=membership.project_id, annotator_id=membership.user_id)
    return queries.current(mine).exclude(kind=_Kind.UNDO)


def _matching(membership: Membership, said: QuerySet[Annotation], wanted: Wanted) -> QuerySet[Annotation]:
    if (wanted.label or wanted.kind) and not _old_shown(membership):
        # To be found by it would tell what was said.
        said = said.filter(guideline_version__gte=F("item__votes_from"))
    if wanted.label:
        listed = said.alias(listed=Cast("labels", TextField()))
        said = listed.filter(names_label("listed", [wanted.label]))
    if wanted.kind:
        said = said.filter(kind=wanted.kind)
    if wanted.text:
        words = wanted.text
        found = Q(item__text__icontains=words) | Q(note__icontains=words)
        if words.isdecimal() and len(words) < 10:
            found |= Q(item__number=int(words))
        said = said.filter(found)
    if wanted.since:
        said = said.filter(created_at__gte=_midnight(wanted.since))
    if wanted.until:
        said = said.filter(created_at__lt=_midnight(wanted.until + timedelta(days=1)))
    return said.filter(_corrected()) if wanted.corrected else said


def _corrected() -> Exists:
    """Whether another answer came before: one that was only skipped before is none."""
    before = Annotation.objects.filter(
        item=OuterRef("item"),
        annotator=OuterRef("annotator"),
        revision__lt=OuterRef("revision"),
        kind__in=Annotation.COUNTED,
    )
    return Exists(before)


def _midnight(day: date) -> datetime:
    return make_aware(datetime.combine(day, time()))


def _old_shown(membership: Membership) -> bool:
    return bool(membership.project.policy.show_old_answer)


def _entries(
    membership: Membership, said: QuerySet[Annotation] | Sequence[Annotation], labels: Sequence[Label] = ()
) -> list[Entry]:
    """Read what a page shows of judgements: the beginning of each text, never the whole."""
    if not isinstance(said, QuerySet):
        said = Annotation.objects.filter(pk__in=[row.pk for row in said]).order_by("-pk")
    facts = said.annotate(
        start=Left("item__text", SHOWN_TEXT), changed=_corrected(), asked_from=F("item__votes_from")
    ).values_list(
        *("pk", "item_id", "item__number", "start", "kind", "labels", "note", "reason", "created_at"),
        *("changed", "bulk", "guideline_version", "asked_from"),
    )
    rows = list(facts)
    hidden = {row[0] for row in rows if row[-1] > row[-2]}
    if hidden and _old_shown(membership):
        hidden = set()
    names = {label.pk: label for label in labels}
    if any(pk not in names for row in rows for pk in row[5]):
        names = {label.pk: label for label in membership.project.labels.all()}
    return [_entry(row, names, row[0] in hidden) for row in rows]


def _entry(row: tuple[Any, ...], names: dict[int, Label], anew: bool) -> Entry:
    pk, item, number, start, kind, labels, note, reason, at, changed, bulk, *_versions = row
    chosen = [] if anew else [names[label] for label in labels if label in names]
    return Entry(
        pk=pk,
        item=item,
        number=number,
        text=start.strip() or _("Picture %(number)d") % {"number": number},
        picture=not start.strip(),
        kind=kind,
        labels=chosen,
        said=_("Asked again") if anew else ", ".join(label.name for label in chosen) or _worded(kind),
        note="" if anew else note,
        # Beside other kinds stands how the system asked.
        reason=reason if kind == _Kind.SKIP else "",
        at=at,
        corrected=changed,
        bulk=str(bulk or ""),
        anew=anew,
    )


def _worded(kind: str) -> str:
    words = {
        _Kind.ANSWER: _("None of these"),
        _Kind.CANT_TELL: _("Can't tell"),
        _Kind.SKIP: _("Skipped"),
        _Kind.FLAG: _("Flagged"),
    }
    return words.get(_Kind(kind), kind)
