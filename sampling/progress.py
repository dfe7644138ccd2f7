"""Reads for the progress page: flat in the number of items, or kept until something changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final, NamedTuple

from django.db.models import CharField, Count, Max, Min
from django.db.models.functions import Cast, Substr
from django.utils.translation import gettext as _

from projects import charts, reasons
from projects.models import Annotation, Dispute, Event, Item, Label, Membership, Project, QueueEntry
from projects.remembered import remembered
from sampling import advice
from sampling.core import rules
from sampling.measures import kept_report
from sampling.models import ModelVersion, Round

# A curve through fewer hold-out items would be noise.
ENOUGH: Final = 20
ROUNDS: Final = 200
RECENT_ANSWERS: Final = 2000
PICKS: Final = 8
_Stream = QueueEntry.Stream
# What a round picks itself; the rest was drawn before, or stands by.
PICKED: Final = (
    _Stream.FIRST, _Stream.STRATEGY, _Stream.RARE, _Stream.CONTROL, _Stream.NEW, _Stream.CHECK
)  # fmt: skip
# A pause, not work, lies between two answers that are so many seconds apart.
PAUSE: Final = 300.0
POINTS: Final = 40


@dataclass(frozen=True)
class Settled:
    """Items with a settled label, in all, by source and by label id."""

    total: int
    sources: dict[str, int]
    labels: dict[int, int]
    none: int


@dataclass(frozen=True)
class Worker:
    """What one person did: ``seconds`` is the median of an answer."""

    name: str
    role: str
    active: bool
    answered: int
    share: float
    seconds: float | None
    last: datetime | None


@dataclass(frozen=True)
class Picked:
    """An item that the last round asked for, and why."""

    item: Item
    sentence: str
    state: str


class Done(NamedTuple):
    """A published round: ``n`` to ``high`` come from the hold-out, ``stopping`` from ``sampling.figures``."""

    number: int
    labelled: int
    picked: int
    finished_at: datetime | None
    n: int | None
    accuracy: float | None
    low: float | None
    high: float | None
    stopping: dict[str, Any] | None
    held_back: bool | None = None  # the figures are those of the model before, which stayed in use


class InUse(NamedTuple):
    """The model in use, where it is not the one that the newest round trained."""

    number: int
    newest: int  # the number of that one
    held_back: bool  # so the newest round measured the one in use; else somebody put it there
    figures: Mapping[str, Any]  # on the hold-out, when it was trained
    report: Mapping[str, Any] | None  # the same with all intervals, where its round kept them


@dataclass(frozen=True)
class Accuracy:
    """The newest measurement on the hold-out, or why there is none."""

    chart: charts.Chart
    share: float | None
    low: float | None
    high: float | None
    items: int


@dataclass(frozen=True)
class LabelLine:
    """A label on the hold-out; precision and recall are {value, low, high, n}, or None with too few items."""

    label: Label
    support: int
    precision: Mapping[str, float] | None
    recall: Mapping[str, float] | None


@dataclass(frozen=True)
class Measured:
    """What the newest round says of its model: see ``sampling.core.evaluation.Report``."""

    macro_f1: Mapping[str, float] | None
    calibration: Mapping[str, float] | None
    bins: int
    labels: Sequence[LabelLine]
    rare: int  # labels with too few items for a figure
    slices: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]


def rounds_done(project: Project) -> list[Done]:
    """The published rounds, oldest first, each with its few figures; the rest of its metrics stays away."""
    done = project.rounds.filter(state=Round.State.DONE).order_by("-number")
    figures = [f"metrics__holdout__{name}" for name in ("n", "accuracy", "low", "high")]
    figures += ["metrics__stopping", "metrics__held_back"]
    rows = done.values_list("number", "labelled", "picked", "finished_at", *figures)
    return [Done(*row) for row in rows[:ROUNDS]][::-1]


def newest(project: Project, *names: str) -> dict[str, Any]:
    """These parts of what the newest published round measured; None where it has none."""
    done = project.rounds.filter(state=Round.State.DONE).order_by("-number")
    row = done.values_list(*(f"metrics__{name}" for name in names)).first()
    return dict(zip(names, row or [None] * len(names), strict=True))


def in_use(project: Project) -> InUse | None:
    """The model in use; None where the newest round trained it, or there is none."""
    models = ModelVersion.objects.filter(project=project).order_by("-round__number")
    of_round = [f"round__metrics__{name}" for name in ("evaluation", "held_back")]
    row = models.filter(state=ModelVersion.State.CHAMPION).values_list("round__number", "metrics", *of_round)
    newest = models.values_list("round__number", "round__metrics__held_back", "gate__against").first()
    used = row.first()
    if used is None or newest is None:
        return None
    number, figures, report, held_back = used
    last, last_held_back, against = newest
    if number == last and not last_held_back:
        return None
    kept = kept_report({"evaluation": report, "held_back": held_back})
    return InUse(number, last, bool(last_held_back) and number == against, figures, kept)


def as_used(done: Sequence[Done], used: InUse | None) -> list[Done]:
    """The rounds, the newest with the figures of the model in use, should somebody have put another there."""
    if not done or used is None or used.held_back:
        return list(done)
    figures: dict[str, Any] = {name: used.figures.get(name) for name in ("n", "accuracy", "low", "high")}
    return [*done[:-1], done[-1]._replace(**figures)]


def accuracy(done: Sequence[Done], used: InUse | None = None) -> Accuracy:
    """Hold-out accuracy after each round, where the hold-out is large enough to mean something.

    The newest figure is that of the model in use.
    """
    enough = [one for one in done if (one.n or 0) >= ENOUGH]
    points = [charts.Point(one.labelled, one.accuracy or 0, one.low, one.high) for one in enough]
    chart = charts.line(
        [charts.Series(_("accuracy"), points)] if points else [],
        title=_("Accuracy on the hold-out after each round"),
        x_label=_("labelled items to learn from"),
        y_label=_("accuracy"),
        y_format=charts.percent,
        y_range=(0, 1),
    )
    last = next((one for one in reversed(as_used(done, used)) if one.n is not None), None)
    shown = last if last is not None and (last.n or 0) >= ENOUGH else None
    items = (last.n or 0) if last is not None else 0
    if shown is None:
        return Accuracy(chart, None, None, None, items)
    return Accuracy(chart, shown.accuracy, shown.low, shown.high, items)


def measured(found: Mapping[str, Any] | None, labels: Sequence[Label]) -> Measured | None:
    """The newest report on the hold-out, by label and slice; None while the hold-out is too small."""
    if not found or found["missing"]:
        return None
    rows = dict(enumerate(found["labels"]))
    lines = [
        LabelLine(label, row["support"], row["precision"], row["recall"])
        for label in labels
        if (row := rows.get(label.position)) and (row["support"] or label.retired_at is None)
    ]
    slices: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in found["slices"]:
        slices[row["field"]].append(row)
    return Measured(
        found["macro_f1"],
        found["calibration"],
        found["bins"],
        lines,
        sum(line.recall is None for line in lines),
        list(slices.items()),
    )


def advised(done: Sequence[Done], stop_rules: Mapping[str, Any]) -> advice.Advice:
    """Whether to stop, by what the rounds measured."""
    ahead = (done[-1].stopping or {}).get("ahead_labels", 0) if done else 0
    return advice.advise([_past(one) for one in done], stop_rules, ahead)


def _past(one: Done) -> rules.Past:
    """A round as rules see it; a small hold-out counts as none."""
    said, items = one.stopping or {}, one.n or 0
    known = items >= ENOUGH
    return rules.Past(
        number=one.number,
        labels=one.labelled + items,
        answers=said.get("answers", 0),
        accuracy=one.accuracy if known else None,
        low=one.low if known else None,
        trends={int(window): tuple(change) for window, change in said.get("trends", {}).items()},
        kappa=said.get("kappa"),
        ahead=tuple(said["ahead"]) if said.get("ahead") else None,
    )


def saved(project: Project) -> advice.Saved | None:
    """What the newest round that looked at the random control found."""
    done = project.rounds.filter(state=Round.State.DONE, metrics__has_key="savings").order_by("-number")
    found = done.values_list("metrics__savings", "number").first()
    return advice.saved(*found) if found else None


def settled(project: Project) -> Settled:
    """Count settled items by what they rest on and by label."""
    return remembered(f"settled:{project.pk}", _mark(project), lambda: _settled(project))


def _settled(project: Project) -> Settled:
    rows = Item.objects.filter(project=project, state=Item.State.SETTLED)
    groups = rows.values_list("settled_labels", "settled_source").annotate(n=Count("pk")).order_by()
    sources: Counter[str] = Counter()
    labels: Counter[int] = Counter()
    none = 0
    for ids, source, n in groups:
        sources[source] += n
        none += n if ids is None else 0
        for pk in ids or ():
            labels[pk] += n
    return Settled(sources.total(), dict(sources), dict(labels), none)


def label_chart(labels: Sequence[Label], counted: Settled) -> charts.Chart:
    """How often each label was settled on, in the order of the label set; of many the most frequent first."""
    most = max(counted.total - counted.none, 1)
    rows = [
        charts.Bar(label.name, n, label.hue, charts.percent(n / most))
        for label in labels
        if (n := counted.labels.get(label.pk, 0)) or label.retired_at is None
    ]
    return charts.bars(rows, title=_("Labels"), name_label=_("label"), value_label=_("items"))


def over_time(project: Project) -> charts.Chart:
    """Items with a settled label, added up since the first one."""
    points, unit = remembered(f"over-time:{project.pk}", _mark(project), lambda: _over_time(project))
    return charts.line(
        # One point is no curve.
        [charts.Series(_("labelled items"), points)] if len(points) > 1 else [],
        title=_("Labelled items over time"),
        x_label=unit,
        y_label=_("items"),
    )


def _over_time(project: Project) -> tuple[list[charts.Point], str]:
    rows = Item.objects.filter(project=project, state=Item.State.SETTLED)
    ends = rows.aggregate(first=Min("settled_at"), last=Max("settled_at"))
    first, last = ends["first"], ends["last"]
    if first is None:
        return [], ""
    seconds = (last - first).total_seconds()
    # The database cuts the time short as text: hours, or minutes for what began today.
    length, unit, name = _scale(seconds)
    moment = Substr(Cast("settled_at", CharField()), 1, length)
    groups = rows.annotate(moment=moment).values_list("moment").annotate(n=Count("pk")).order_by("moment")
    total, points = 0, []
    for text, n in groups:
        total += n
        at = datetime.fromisoformat(f"{text}+00:00" if length > 13 else f"{text}:00+00:00")
        points.append(charts.Point(max(0.0, (at - first).total_seconds() / unit), total))
    return _thinned(points), name


def _scale(seconds: float) -> tuple[int, float, str]:
    if seconds < 2 * 3600:
        return 16, 60.0, _("minutes since the first label")
    if seconds < 3 * 86400:
        return 16, 3600.0, _("hours since the first label")
    return 13, 86400.0, _("days since the first label")


def _thinned(points: list[charts.Point]) -> list[charts.Point]:
    """Keep the ends and evenly many between: more than the eye could tell apart help nobody."""
    step = max(1, -(-len(points) // POINTS))
    return points[-1::-step][::-1] if step > 1 else points


def people(project: Project) -> list[Worker]:
    """Who did how much, and how fast lately; who did most comes first."""
    members = list(
        Membership.objects.filter(project=project).select_related("user").order_by("-answered", "pk")
    )
    total = sum(member.answered for member in members) or 1
    pace = _pace(project)
    return [
        Worker(
            name=str(member.user),
            role=member.get_role_display(),
            active=member.active,
            answered=member.answered,
            share=member.answered / total,
            seconds=pace.get(member.user_id, (None, None))[0],
            last=pace.get(member.user_id, (None, None))[1],
        )
        for member in members
        if member.answered or (member.active and member.role == Membership.Role.ANNOTATOR)
    ]


def _pace(project: Project) -> dict[int, tuple[float | None, datetime | None]]:
    """Median seconds an answer and the last one, by person, from the project's newest answers."""
    said = Annotation.objects.filter(project=project, kind__in=Annotation.COUNTED).order_by("-pk")
    rows = list(said.values_list("annotator_id", "created_at", "active_ms")[:RECENT_ANSWERS])
    times: dict[int, list[datetime]] = defaultdict(list)
    taken: dict[int, list[float]] = defaultdict(list)
    for person, at, active in rows:
        if times[person] and active is None:
            gap = (times[person][-1] - at).total_seconds()
            if 0 <= gap < PAUSE:
                taken[person].append(gap)
        elif active is not None:
            taken[person].append(active / 1000)
        times[person].append(at)
    return {person: (median(taken[person]) if taken[person] else None, times[person][0]) for person in times}


def picked(project: Project, labels: Sequence[Label], number: int | None) -> list[Picked]:
    """The first items that the last round asked for, each with its reason."""
    if number is None:
        return []
    entries = QueueEntry.objects.filter(project=project, round_number=number, stream__in=PICKED)
    names = {label.position: label.name for label in labels}
    return [
        Picked(entry.item, reasons.sentence(entry.reason, names), entry.get_state_display())
        for entry in entries.select_related("item").order_by("rank")[:PICKS]
    ]


def oldest_dispute(project: Project) -> datetime | None:
    """Since when the oldest dispute waits."""
    waiting = Dispute.objects.filter(project=project, state=Dispute.State.OPEN)
    oldest: datetime | None = waiting.aggregate(oldest=Min("opened_at"))["oldest"]
    return oldest


def _mark(project: Project) -> tuple[object, ...]:
    """Changes with every answer, every decision and every import."""
    answers = Annotation.objects.filter(project=project).aggregate(newest=Max("pk"))
    events = Event.objects.filter(project=project).aggregate(newest=Max("pk"))
    return answers["newest"], events["newest"], project.item_count
