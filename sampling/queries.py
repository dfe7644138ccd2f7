"""Reads of the loop: which projects wait for a step."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from projects.models import Annotation, Item, Policy, Project
from sampling import claims
from sampling.core.featurizers import default_for
from sampling.due import FEATURED, free
from sampling.models import FeatureSet, FeatureShard, ModelVersion, Round


def waiting(at: datetime) -> list[int]:
    """Ids of the projects for which a step may be due: one cheap query; ``advance`` looks closer."""
    newest_set = FeatureSet.objects.filter(project=OuterRef("pk")).order_by("-generation")
    policy = Policy.objects.filter(project=OuterRef("pk")).order_by("-version")
    projects = Project.objects.filter(state__in=FEATURED, item_count__gt=0).annotate(
        newest_set=Subquery(newest_set.values("pk")[:1]),
        batch=Coalesce(Subquery(policy.values("batch_size")[:1]), Value(Policy().batch_size)),
        new=Coalesce(Subquery(_new_answers(), output_field=IntegerField()), Value(0)),
        wanted=_wanted(),
    )
    rounds = Q(state=Project.State.ACTIVE) & (_round_waits(at) | _round_due())
    found = projects.filter(rounds | Q(newest_set=None) | _features_wait(at))
    return list(found.order_by("pk").values_list("pk", flat=True))


def _round_waits(at: datetime) -> Exists:
    return Exists(Round.objects.filter(free(at), project=OuterRef("pk")))


def _round_due() -> Q:
    rounds = Round.objects.filter(project=OuterRef("pk"))
    first = ~Exists(rounds) & Exists(
        FeatureShard.objects.filter(feature_set=OuterRef("newest_set"), rows__gt=0)
    )
    modelled = Exists(ModelVersion.objects.filter(project=OuterRef("pk")))
    # Labels may have been there before their features: without a model each of them is looked at again.
    labelled = Exists(Item.objects.filter(project=OuterRef("pk"), state=Item.State.SETTLED))
    enough = Q(new__gte=F("batch") / 2) & Q(new__gt=0) | (Q(new__gt=0) | labelled) & ~modelled
    return ~Exists(rounds.exclude(state=Round.State.DONE)) & (first | enough)


def _new_answers() -> QuerySet[Annotation, Any]:
    """Answers that the last round did not know, counted; a few more where somebody took one back."""
    new = Annotation.objects.filter(
        project=OuterRef("pk"), pk__gt=OuterRef("round_mark"), kind__in=Annotation.COUNTED
    )
    return new.order_by().values("project").annotate(number=Count("pk")).values("number")


def _wanted() -> Case:
    """The featurizer of each project, as ``features.wanted`` names it."""
    defaults = [When(media=media, then=Value(default_for(media))) for media in Project.Media.values]
    return Case(When(~Q(featurizer=""), then=F("featurizer")), *defaults, output_field=CharField())


def _features_wait(at: datetime) -> Exists:
    shards = FeatureShard.objects.filter(feature_set=OuterRef("pk"))
    missing = shards.filter(path="")
    idle = Exists(missing.filter(claims.silent("claimed_at", at)))
    busy = Exists(missing.filter(claimed_at__range=(claims.stale_before(at), at)))
    last = shards.order_by().values("feature_set").annotate(last=Max("last")).values("last")
    newest = FeatureSet.objects.filter(pk=OuterRef("newest_set")).annotate(
        covered=Coalesce(Subquery(last, output_field=IntegerField()), Value(0))
    )
    unfitted = Q(fitted_items=0) & claims.silent("claimed_at", at)
    uncut = Q(fitted_items__gt=0, covered__lt=OuterRef("item_count"))
    unfinished = Q(state=FeatureSet.State.BUILDING, fitted_items__gt=0) & ~Exists(missing)
    other = ~Q(featurizer=OuterRef("wanted"))
    outgrown = ~Q(fitted="") & Q(fitted_items__lte=OuterRef("item_count") * Value(2) / Value(3))
    return Exists(newest.filter(unfitted | uncut | unfinished | other | outgrown | (idle & ~busy)))
