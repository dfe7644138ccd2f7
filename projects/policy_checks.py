"""What a policy must hold, whoever sets it: names that are known, shares that fit into a batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _

from projects import policy_names
from projects.models import Policy

# At least this much of a batch stays with the main rule.
MAIN_SHARE: Final = 0.05
RULES: Final = ("min_accuracy", "plateau_rounds", "max_labels", "max_cost", "label_cost")


def problems(policy: Policy) -> Iterator[tuple[str, str]]:
    """What is wrong, in sentences, each with the field that it is about."""
    yield from _names(policy)
    yield from _hybrid(policy)
    yield from _streams(policy)
    yield from _quotas(policy)
    yield from _rare(policy)
    yield from _rules(policy)


def _names(policy: Policy) -> Iterator[tuple[str, str]]:
    allowed = {
        "strategy": policy_names.every_strategy(),
        "learner": list(policy_names.LEARNERS),
        "mode": list(policy_names.MODES),
        "class_weights": list(policy_names.CLASS_WEIGHTS),
    }
    for field, names in allowed.items():
        value = getattr(policy, field)
        if value not in names:
            known = ", ".join(name for name in names if name)
            yield (
                field,
                _("“%(value)s” is not known. Choose one of: %(known)s.")
                % {
                    "value": value,
                    "known": known,
                },
            )
    chosen = {policy.strategy, *_named(policy, "streams", "strategy")}
    asked = policy_names.OF_COMMITTEE & chosen
    if isinstance(policy.hybrid, dict) and "hybrid" in chosen:
        asked |= policy_names.OF_COMMITTEE & {name for name, weight in policy.hybrid.items() if weight}
    if asked and policy.committee_size < 2:
        yield "committee_size", _("The rule asks a committee: it needs two models at least.")


def _named(policy: Policy, field: str, key: str) -> set[str]:
    rows = getattr(policy, field)
    rows = rows if isinstance(rows, list) else []
    return {str(row.get(key)) for row in rows if isinstance(row, dict)}


def _hybrid(policy: Policy) -> Iterator[tuple[str, str]]:
    if not isinstance(policy.hybrid, dict):
        yield "hybrid", _("Give weights by name.")
        return
    for name, weight in policy.hybrid.items():
        if name not in policy_names.MEASURES:
            yield "hybrid", _("“%(name)s” is not a measure that can be mixed.") % {"name": name}
        elif not _number(weight) or weight < 0:
            yield "hybrid", _("The weight of “%(name)s” must be 0 or more.") % {"name": name}
    if policy.hybrid and not any(_number(weight) and weight > 0 for weight in policy.hybrid.values()):
        yield "hybrid", _("One weight at least must be more than 0.")


def _streams(policy: Policy) -> Iterator[tuple[str, str]]:
    rows = policy.streams
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield "streams", _("Give a list of streams.")
        return
    names = [row.get("name") for row in rows]
    if len(set(map(str, names))) < len(names):
        yield "streams", _("Two streams have the same name.")
    for row in rows:
        if not isinstance(row.get("name"), str) or row["name"] in ("", "main"):
            yield "streams", _("A stream needs a name, and not “main”.")
        elif row["name"] != "check" and row.get("strategy") not in policy_names.every_strategy():
            yield "streams", _("The stream “%(name)s” has no strategy that is known.") % {"name": row["name"]}
        if not _number(row.get("share")) or not 0 < row["share"] < 1:
            yield "streams", _("The share of a stream lies between 0 and 1.")
            return
    if sum(row["share"] for row in rows) > 1 - MAIN_SHARE + 1e-9:
        # xgettext:no-python-format
        yield "streams", _("Together these parts leave less than 5 % of a batch to the main rule.")


def _quotas(policy: Policy) -> Iterator[tuple[str, str]]:
    rows = policy.quotas
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield "quotas", _("Give a list of quotas.")
        return
    for row in rows:
        of, value = str(row.get("of", "")), row.get("value")
        if of == "label" and not (isinstance(value, int) and value >= 0):
            yield "quotas", _("A quota of a label names its position.")
        elif of != "label" and not (of.startswith("field:") and len(of) > 6 and value not in (None, "")):
            yield "quotas", _("A quota is about a label, or about a field and its value.")
        least, most = row.get("at_least") or 0, 1 if row.get("at_most") is None else row["at_most"]
        if not (_number(least) and _number(most) and 0 <= least <= most <= 1):
            yield "quotas", _("“At least” and “at most” lie between 0 and 1, in this order.")


def _rare(policy: Policy) -> Iterator[tuple[str, str]]:
    found = policy.rare if isinstance(policy.rare, dict) else {"labels": None}
    for name in ("labels", "items"):
        values = found.get(name, [])
        if not isinstance(values, list) or any(type(value) is not int for value in values):
            yield "rare", _("Rare labels and examples are lists of numbers.")
            return
    slices = policy.gate_slices
    if not isinstance(slices, list) or not all(
        isinstance(row, dict) and row.get("field") and row.get("value") not in (None, "") for row in slices
    ):
        yield "gate_slices", _("A slice has a field and its value.")


def _rules(policy: Policy) -> Iterator[tuple[str, str]]:
    rules: Any = policy.stop_rules
    if not isinstance(rules, Mapping) or any(name not in RULES for name in rules):
        yield "stop_rules", _("Rules are: %(known)s.") % {"known": ", ".join(RULES)}
        return
    if any(not _number(value) or value <= 0 for value in rules.values()):
        yield "stop_rules", _("Every rule needs a number above 0.")
    elif rules.get("min_accuracy", 0) > 1:
        yield "stop_rules", _("An accuracy is at most 1.")
    elif "max_cost" in rules and "label_cost" not in rules:
        yield "stop_rules", _("A limit of cost needs to know what an answer costs.")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
