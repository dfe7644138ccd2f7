"""What goes out: annotations as they were made, and what each item's label rests on, page by page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Max

from projects import queries, reasons, weighing
from projects.models import Annotation, Item, Project, QueueEntry, Resolution

Row = dict[str, Any]
PAGE: Final = 500
_LABELLED: Final = (Resolution.Outcome.LABELLED, Resolution.Outcome.BOTH)


@dataclass(frozen=True)
class Names:
    """How label ids and positions are called in an export; retired labels keep their names."""

    by_id: dict[int, str]
    by_position: dict[int, str]

    @classmethod
    def of(cls, project: Project) -> Names:
        labels = list(project.labels.values_list("pk", "position", "name"))
        return cls({pk: name for pk, _, name in labels}, {position: name for _, position, name in labels})

    def of_ids(self, ids: Sequence[int] | None) -> list[str] | None:
        """Return names for ids; None stays None: nobody said anything."""
        return None if ids is None else [self.of_id(pk) for pk in ids]

    def of_id(self, pk: int) -> str:
        return self.by_id.get(pk, f"label {pk}")


def annotation_rows(project: Project) -> Iterator[Row]:
    """Yield one row an annotation, oldest first: all revisions, skips and flags that there are now."""
    names = Names.of(project)
    newest = project.annotations.aggregate(newest=Max("pk"))["newest"] or 0
    mine = project.annotations.filter(pk__lte=newest).select_related("item", "annotator").order_by("pk")
    last = 0
    while page := list(mine.filter(pk__gt=last)[:PAGE]):
        last = page[-1].pk
        replaced = set(
            Annotation.objects.filter(supersedes__in=page, pk__lte=newest).values_list(
                "supersedes_id", flat=True
            )
        )
        picked = _picked(project, {one.item_id for one in page})
        for one in page:
            entry = picked.get((one.item_id, one.round_number))
            said = _said(one, names) | {"current": one.pk not in replaced}
            yield _head(one.item) | said | _why(entry, names) | _tail(one.item, names)


def settled_rows(project: Project, everything: bool = False) -> Iterator[Row]:
    """Yield one row an item, in the order of import: the settled ones, or all with what became of them."""
    names, rules = Names.of(project), queries.rules(project)
    items = project.items.order_by("number")
    if not everything:
        items = items.filter(state=Item.State.SETTLED)
    last = 0
    while page := list(items.filter(number__gt=last)[:PAGE]):
        last = page[-1].number
        said, resolutions = _said_of(page), _resolutions(page, names)
        picked = _picked(project, {item.pk for item in page})
        # The newest by its own number: an entry that a lead asked for belongs to no round.
        latest = {entry.item_id: entry for entry in sorted(picked.values(), key=lambda entry: entry.pk)}
        for item in page:
            counted = weighing.counted(rules, item, said[item.pk])
            cast = _votes(said[item.pk], {vote.pk for vote in counted}, names)
            label = _label_of(item, names) | {
                "n": len(counted),
                "shares": _shares(counted, names),
                "votes": cast,
                "resolution": resolutions.get(item.pk),
                "guideline_version": max((vote["guideline_version"] for vote in cast), default=None),
            }
            yield _head(item) | label | _why(latest.get(item.pk), names) | _tail(item, names)


def outcome(item: Item) -> str:
    """Say what became of an item: an empty answer, «can't tell» and no answer are three things."""
    if item.state == Item.State.SETTLED:
        if item.settled_labels is None:
            return "cant_tell"
        return "labelled" if item.settled_labels else "none_of_these"
    return {Item.State.OPEN: "unlabelled"}.get(Item.State(item.state), str(item.state))


def _head(item: Item) -> Row:
    """Return what an item is known by. ``id`` is the external id, or the number where there is none."""
    content = {"image": item.metadata.get("file", "")} if item.image else {"text": item.text}
    return {"id": item.external_id or str(item.number)} | content


def _tail(item: Item, names: Names) -> Row:
    gold = None if item.gold is None else [names.of_ids(answer) for answer in item.gold]
    return {
        "item": item.number,
        "state": item.state,
        "holdout": item.holdout,
        "agreement": item.agreement,
        "gold": gold,
        "metadata": item.metadata,
    }


def _said(one: Annotation, names: Names) -> Row:
    answered = one.kind == Annotation.Kind.ANSWER
    labels = names.of_ids(one.labels) if answered else None
    return {
        "label": _joined(labels),
        "annotator": one.annotator.get_username(),
        "lead_time": None if one.active_ms is None else one.active_ms / 1000,
        "kind": one.kind,
        "labels": labels,
        "label_ids": one.labels if answered else None,
        "none_of_these": answered and not one.labels,
        "revision": one.revision,
        "note": one.note,
        "reason": one.reason,
        "round": one.round_number,
        "stream": one.stream,
        "guideline_version": one.guideline_version,
        "created_at": one.created_at.isoformat(),
        "submission": str(one.submission),
        "bulk": str(one.bulk) if one.bulk else None,
    }


def _label_of(item: Item, names: Names) -> Row:
    labels = names.of_ids(item.settled_labels)
    return {
        "label": _joined(labels),
        "outcome": outcome(item),
        "labels": labels,
        "label_ids": item.settled_labels,
        "source": item.settled_source,
        "method": item.method,
        "posterior": item.posterior,
        "estimate": item.estimate or None,
        "soft": _named(item.soft, names),
        "settled_at": item.settled_at.isoformat() if item.settled_at else None,
    }


def _joined(labels: list[str] | None) -> str | None:
    """Return one name to read; ``labels`` is the exact list."""
    return " | ".join(labels) if labels else None


def _said_of(items: list[Item]) -> dict[int, list[Annotation]]:
    """Return what people say now of each item: the newest revision of each, unless it was taken back."""
    current = queries.current(queries.revisions([item.pk for item in items]))
    found: dict[int, list[Annotation]] = defaultdict(list)
    for one in current.exclude(kind=Annotation.Kind.UNDO).select_related("annotator"):
        found[one.item_id].append(one)
    return found


def _votes(said: list[Annotation], counted: set[int], names: Names) -> list[Row]:
    """Return each person's word, and whether it counts: see ``weighing.counted``."""
    kept = ("annotator", "kind", "labels", "label_ids", "none_of_these", "note", "reason", "lead_time")
    more = ("created_at", "round", "stream", "guideline_version")
    rows = [(one.pk in counted, _said(one, names)) for one in said]
    return [{key: row[key] for key in kept + more} | {"counts": counts} for counts, row in rows]


def _shares(votes: Sequence[weighing.Vote], names: Names) -> dict[str, float] | None:
    """Return how large a share of the votes that count names each label; None without votes."""
    if not votes:
        return None
    named = Counter(label for vote in votes for label in vote.answer)
    counts = {weighing.key_of(label): number / len(votes) for label, number in sorted(named.items())}
    return _named(counts, names)


def _named(soft: dict[str, float] | None, names: Names) -> dict[str, float] | None:
    """Return chances by the labels' names; «can't tell» keeps its own."""
    if soft is None:
        return None
    return {names.of_id(int(key)) if key.isdigit() else key: p for key, p in soft.items()}


def _resolutions(items: list[Item], names: Names) -> dict[int, Row]:
    """Return each item's latest decision of a lead."""
    made = Resolution.objects.filter(item__in=items).select_related("lead").order_by("pk")
    return {
        one.item_id: {
            "lead": one.lead.get_username(),
            "outcome": one.outcome,
            "labels": names.of_ids(one.labels) if one.outcome in _LABELLED else None,
            "reason": one.reason,
            "note": one.note,
            "created_at": one.created_at.isoformat(),
        }
        for one in made
    }


def _picked(project: Project, items: set[int]) -> dict[tuple[int, int], QueueEntry]:
    """Return queue entries by item and round."""
    entries = QueueEntry.objects.filter(project=project, item_id__in=items).order_by("pk")
    return {(entry.item_id, entry.round_number): entry for entry in entries}


def _why(entry: QueueEntry | None, names: Names) -> Row:
    if entry is None:
        return {"picked_because": None, "pick": None}
    pick = {"round": entry.round_number, "stream": entry.stream} | entry.reason
    pick.pop("alike", None)  # Ids of the database say nothing outside.
    return {"picked_because": reasons.sentence(entry.reason, names.by_position) or None, "pick": pick}


WHAT: Final[dict[str, Callable[[Project, bool], Iterator[Row]]]] = {
    "annotations": lambda project, _everything: annotation_rows(project),
    "settled": settled_rows,
}
