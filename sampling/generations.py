"""Which features serve now. Loads nothing of the learner, so that pages may ask."""

from __future__ import annotations

from django.db.models import Max, Sum

from projects.models import Project
from sampling.models import FeatureSet, FeatureShard

# A first generation serves as soon as so many items have features.
ENOUGH_ROWS = 16_384


def usable(project: Project) -> FeatureSet | None:
    """The generation that serves now: the newest finished one, or the first once enough of it is there."""
    sets = FeatureSet.objects.filter(project=project)
    if ready := sets.filter(state=FeatureSet.State.READY).order_by("-generation").first():
        return ready
    building = sets.filter(state=FeatureSet.State.BUILDING).order_by("-generation").first()
    if building is None:
        return None
    done = ready_rows(building)
    return building if done and done >= min(newest_item(project), ENOUGH_ROWS) else None


def ready_rows(feature_set: FeatureSet) -> int:
    """Items of this generation that have features."""
    return feature_set.shards.aggregate(rows=Sum("rows"))["rows"] or 0


def ready_shards(feature_set: FeatureSet) -> list[FeatureShard]:
    """Shards that are computed, in order of their items."""
    return list(feature_set.shards.exclude(path="").order_by("first"))


def newest_item(project: Project) -> int:
    """The highest number that an item has, 0 without items."""
    return project.items.aggregate(newest=Max("number"))["newest"] or 0
