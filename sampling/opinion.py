"""What the model in use says about one item: for leads who ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from projects import reasons
from projects.models import Item, Label
from sampling import shards
from sampling.core.arrays import FloatArray
from sampling.models import FeatureSet, ModelVersion

if TYPE_CHECKING:
    from sampling.core.learners import Model

TOP: Final = 3


@dataclass(frozen=True)
class Opinion:
    """The likeliest labels, best first, with the round that the model comes from."""

    round_number: int
    items: int
    top: Sequence[tuple[Label, float, str]]


def opinion(item: Item) -> Opinion | None:
    """Ask the model in use, or return None where there is none, or nothing was computed for the item yet."""
    found = ModelVersion.objects.filter(project_id=item.project_id, state=ModelVersion.State.CHAMPION)
    version = found.select_related("round__feature_set").first()
    features = _features(item, version.round.feature_set) if version else None
    if version is None or features is None:
        return None
    proba = _champion(version.path).proba(features)[0]
    labels = {label.position: label for label in item.project.labels.filter(retired_at=None)}
    best = [int(at) for at in np.argsort(-proba, kind="stable") if int(at) in labels][:TOP]
    top = [(labels[at], float(proba[at]), reasons.percent(float(proba[at]))) for at in best]
    return Opinion(version.round.number, version.training_items, top)


def _features(item: Item, feature_set: FeatureSet | None) -> FloatArray | None:
    """The item's row (1, d) of the features that the model knows."""
    if feature_set is None:
        return None
    found = feature_set.shards.filter(first__lte=item.number, last__gte=item.number).exclude(path="")
    if shard := found.first():
        items, x = shards.opened(shard.path)
        rows = np.flatnonzero(items == item.pk)
        return np.asarray(x[rows[:1]], np.float32) if len(rows) else None
    # A model that was put in use again may know features that nobody computes any more.
    return _computed(item, feature_set) if feature_set.state == FeatureSet.State.RETIRED else None


def _computed(item: Item, feature_set: FeatureSet) -> FloatArray | None:
    from sampling import contents, features  # Load the featurizers: only for whoever asks.

    chosen = Item.objects.filter(pk=item.pk)
    _, read = contents.contents_of(chosen, item.project.media)
    try:
        return features.rows_for(feature_set, read, contents.metadata_of(chosen))
    except ValueError:  # Its model file is gone.
        return None


@lru_cache(maxsize=4)
def _champion(path: str) -> Model:
    """A model never changes once it is stored."""
    from sampling.core.loop import Trained  # Loads the learner: only for whoever asks.

    return Trained.from_state(shards.load(path)).champion
