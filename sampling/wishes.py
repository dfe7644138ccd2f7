"""What a policy asks of a round, as the core takes it. Raises ValueError with a sentence for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from projects.models import Label, Policy, Project, QueueEntry
from sampling.core.constraints import FIELD, LABEL, Quota
from sampling.core.settings import NEW, Settings, Stream

# The stream of settled items that are asked about again; it picks by no strategy.
CHECK: Final = QueueEntry.Stream.CHECK.value
# What new items get where the figures raise an alarm and the policy says nothing.
NEW_SHARE: Final = 0.2
NEW_STRATEGY: Final = "first-batch"


def settings_of(policy: Policy, project: Project, *, alarm: bool = False) -> Settings:
    """The settings of a round; ``alarm``: new items are unlike those that the model knows."""
    return Settings(
        strategy=policy.strategy,
        learner=policy.learner,
        task="multi" if project.task == Project.Task.MULTI else "single",
        committee_size=policy.committee_size,
        class_weights=policy.class_weights,
        mode=policy.mode,
        diversity=policy.diversity,
        hybrid=_mapping("hybrid", policy.hybrid),
        streams=_streams(policy, alarm=alarm),
        quotas=_quotas(policy, project),
    )


def check_share(policy: Policy) -> float:
    """The share of each batch that looks at settled items again; 0 where the policy wants none."""
    shares = [
        row["share"] for row in _rows("streams", policy.streams, "name", "share") if row["name"] == CHECK
    ]
    if not shares:
        return 0.0
    # As strict as with any other stream.
    return Stream(CHECK, "random", shares[0]).share


def rare(policy: Policy, project: Project) -> tuple[list[int], list[int]]:
    """Positions of the labels in use, and ids of the items, that the stream "rare" looks near."""
    wishes = _mapping("rare", policy.rare)
    labels, items = (_whole(f"{name} of rare", wishes.get(name) or []) for name in ("labels", "items"))
    in_use = _in_use(project)
    return [position for position in labels if position in in_use], items


def _streams(policy: Policy, *, alarm: bool) -> tuple[Stream, ...]:
    rows = _rows("streams", policy.streams, "name", "share")
    streams = [
        Stream(row["name"], row.get("strategy", ""), row["share"]) for row in rows if row["name"] != CHECK
    ]
    room = 1 - sum(row["share"] for row in rows)
    if alarm and room > 0 and all(stream.name != NEW for stream in streams):
        streams.append(Stream(NEW, NEW_STRATEGY, min(NEW_SHARE, room)))
    return tuple(streams)


def _quotas(policy: Policy, project: Project) -> tuple[Quota, ...]:
    """Quotas of labels that are retired bind nobody."""
    in_use = _in_use(project)
    quotas = []
    for row in _rows("quotas", policy.quotas, "of", "value"):
        if row["of"] == LABEL and row["value"] not in in_use:
            continue
        bounds = {name: float(row[name]) for name in ("at_least", "at_most") if row.get(name) is not None}
        quotas.append(Quota(str(row["of"]), row["value"], **bounds))
    return tuple(quotas)


def fields(settings: Settings) -> list[tuple[str, str]]:
    """Field and value of each quota about a field, in order."""
    about = (quota for quota in settings.quotas if quota.of != LABEL)
    return [(quota.of.removeprefix(FIELD), str(quota.value)) for quota in about]


def slices(policy: Policy) -> list[tuple[str, str]]:
    """Field and value of each slice on which a new model must not be worse."""
    rows = _rows("gate_slices", policy.gate_slices, "field", "value")
    return [(str(row["field"]), str(row["value"])) for row in rows]


def _in_use(project: Project) -> set[int]:
    return set(Label.objects.filter(project=project, retired_at=None).values_list("position", flat=True))


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} of the policy is {value!r}, but must be an object")
    return value


def _rows(name: str, value: Any, *needed: str) -> Sequence[Mapping[str, Any]]:
    """A list of objects that each have what is needed; a share must be a number."""
    if not isinstance(value, list):
        raise ValueError(f"{name} of the policy is {value!r}, but must be a list")
    for row in value:
        if not isinstance(row, Mapping) or any(key not in row for key in needed):
            raise ValueError(f"{name} of the policy has {row!r}, which needs {' and '.join(needed)}")
        numbers = [row.get(key) for key in ("share", "at_least", "at_most") if row.get(key) is not None]
        if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
            raise ValueError(f"{name} of the policy has {row!r}, whose shares must be numbers")
    return value


def _whole(name: str, values: Any) -> list[int]:
    if not isinstance(values, list) or any(type(value) is not int for value in values):
        raise ValueError(f"{name} of the policy is {values!r}, but must be a list of whole numbers")
    return values
