"""The settings of a policy that have parts, in words: streams, quotas, weights, rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import policy_names, policy_quality
from projects.models import Item, Project

STREAMS: Final[dict[str, Promise]] = {
    "rare": gettext_lazy("rare labels"),
    "control": gettext_lazy("random control"),
    "new": gettext_lazy("new items"),
    "check": gettext_lazy("check again"),
}
RULES: Final[dict[str, Promise]] = {
    "min_accuracy": gettext_lazy("accuracy"),
    "plateau_rounds": gettext_lazy("rounds without a rise"),
    "max_labels": gettext_lazy("labels"),
    "max_cost": gettext_lazy("cost"),
    "label_cost": gettext_lazy("price of an answer"),
}


def in_words(name: str, value: Any, project: Project) -> str:
    """Say what a setting held; something of another shape as it stands."""
    say = _WORDS.get(name)
    try:
        return ", ".join(say(value, project)) if say else str(value)
    except (AttributeError, KeyError, TypeError, ValueError):
        return str(value)


def _share(value: float) -> str:
    return f"{round(value * 100, 1):g} %"


def _mix(weights: dict[str, float], _project: Project) -> Iterable[str]:
    # Heaviest first: a database may give the names in any order.
    heaviest = sorted(weights.items(), key=lambda row: (-row[1], row[0]))
    return (f"{policy_names.MEASURES.get(name, name)}: {weight:g}" for name, weight in heaviest)


def _streams(streams: list[dict[str, Any]], _project: Project) -> Iterable[str]:
    return (f"{STREAMS.get(row['name'], row['name'])} {_share(row['share'])}" for row in streams)


def _quotas(quotas: list[dict[str, Any]], project: Project) -> Iterable[str]:
    labels = _labels(project)
    for row in quotas:
        if row["of"] == "label":
            group = labels.get(row["value"], str(row["value"]))
        else:
            group = f"{row['of'].removeprefix('field:')}: {row['value']}"
        bounds = []
        if row.get("at_least") is not None:
            bounds.append(_("at least %(share)s") % {"share": _share(row["at_least"])})
        if row.get("at_most") is not None:
            bounds.append(_("at most %(share)s") % {"share": _share(row["at_most"])})
        yield " ".join([group, *bounds])


def _rare(wishes: dict[str, list[int]], project: Project) -> Iterable[str]:
    labels = _labels(project)
    yield from (labels.get(position, str(position)) for position in wishes.get("labels", []))
    found = Item.objects.filter(project=project, pk__in=wishes.get("items", []))
    yield from (f"#{number}" for number in found.order_by("number").values_list("number", flat=True))


def _rules(rules: dict[str, float], _project: Project) -> Iterable[str]:
    for name in sorted(rules, key=lambda name: list(RULES).index(name) if name in RULES else len(RULES)):
        limit = rules[name]
        yield f"{RULES.get(name, name)} {_share(limit) if name == 'min_accuracy' else f'{limit:,.10g}'}"


def _slices(slices: list[dict[str, Any]], _project: Project) -> Iterable[str]:
    return (f"{row['field']}: {row['value']}" for row in slices)


def _labels(project: Project) -> dict[int, str]:
    return dict(project.labels.values_list("position", "name"))


def _triggers(triggers: dict[str, float], _project: Project) -> Iterable[str]:
    return policy_quality.trigger_words(triggers)


_WORDS: Final[dict[str, Callable[[Any, Project], Iterable[str]]]] = {
    "hybrid": _mix,
    "streams": _streams,
    "quotas": _quotas,
    "rare": _rare,
    "stop_rules": _rules,
    "gate_slices": _slices,
    "triggers": _triggers,
}
