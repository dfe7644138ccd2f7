"""Which features serve now, and which come next. Loads nothing of the learner, so that pages may ask."""

from __future__ import annotations

from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import Max, Sum

from projects.models import Project
from sampling import shards
from sampling.core.defaults import default_for
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


def wanted(project: Project) -> str:
    """The featurizer that the project names, or the best one for its media."""
    return project.featurizer or default_for(project.media)


def is_wanted(feature_set: FeatureSet, project: Project) -> bool:
    """Whether a generation is of the features that the project asks for."""
    return feature_set.featurizer == wanted(project) and feature_set.columns == project.feature_columns


def begin(project: Project, latest: FeatureSet | None) -> FeatureSet:
    """The generation after ``latest``, made by whoever is first; what was half done is given up."""
    number = latest.generation + 1 if latest else 1
    try:
        with transaction.atomic():
            made = FeatureSet.objects.create(
                project=project,
                generation=number,
                featurizer=wanted(project),
                columns=project.feature_columns,
            )
            project.feature_sets.filter(state=FeatureSet.State.BUILDING, generation__lt=number).update(
                state=FeatureSet.State.RETIRED
            )
    except IntegrityError:  # Another worker made it first.
        return project.feature_sets.get(generation=number)
    return made


def asked(project: Project) -> FeatureSet | None:
    """Begin what the project asks for now, inside the transaction that changed it; None if it has that.

    Where the generation in use is what is wanted again, the one on its way is dropped with its files.
    """
    newest = project.feature_sets.order_by("-generation").first()
    if newest is None or is_wanted(newest, project):
        return None
    serving = usable(project)
    if serving is None or serving.pk == newest.pk or not is_wanted(serving, project):
        return begin(project, newest)
    for dropped in project.feature_sets.filter(generation__gt=serving.generation, rounds=None):
        files = [dropped.fitted, *dropped.shards.values_list("path", flat=True)]
        dropped.delete()
        for path in filter(None, files):
            transaction.on_commit(partial(shards.delete, path))
    return None
