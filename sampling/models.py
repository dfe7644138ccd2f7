"""Rounds, features and models: the facts of the loop."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models import Item, Policy, Project


class FeatureSet(models.Model):
    """One featurizer, fitted once on a project's pool: all its shards hold columns of the same meaning."""

    class State(models.TextChoices):
        BUILDING = "building", _("Being computed")
        READY = "ready", _("In use")
        RETIRED = "retired", _("Replaced")

    project = models.ForeignKey(Project, models.CASCADE, related_name="feature_sets")
    generation = models.PositiveIntegerField()
    featurizer = models.CharField(max_length=300)
    columns = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.BUILDING)
    # What was fitted on the pool, as a file in the default storage; blank where nothing is fitted.
    fitted = models.CharField(max_length=200, blank=True)
    # Items that the project had when it was fitted: a pool that grew by a half wants a new one.
    fitted_items = models.PositiveIntegerField(default=0)
    # Who fits it: claimed like a round. And what went wrong last, here or in a shard.
    attempt = models.PositiveIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "generation"], name="feature_generation_once")
        ]


class FeatureShard(models.Model):
    """The features of items first to last (by number), computed once, never changed."""

    feature_set = models.ForeignKey(FeatureSet, models.CASCADE, related_name="shards")
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    # .npz in the default storage: items int64 (n,), x float32 (n, d). Blank until it is computed.
    path = models.CharField(max_length=200, blank=True)
    rows = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["first"]
        constraints = [models.UniqueConstraint(fields=["feature_set", "first"], name="feature_shard_once")]


class Round(models.Model):
    """One turn of the loop: train, evaluate, score, select, publish."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Due")
        RUNNING = "running", _("Running")
        DONE = "done", _("Published")
        FAILED = "failed", _("Failed")

    project = models.ForeignKey(Project, models.CASCADE, related_name="rounds")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.QUEUED)
    # train, evaluate, score, select, publish: what the worker does now.
    step = models.CharField(max_length=20, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    # Attempts in a row whose worker died; one that ends, well or not, begins the count anew.
    deaths = models.PositiveIntegerField(default=0)
    # While it runs: last sign of life. After a failure: when to try again.
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    policy = models.ForeignKey(Policy, models.PROTECT, null=True, related_name="rounds")
    feature_set = models.ForeignKey(FeatureSet, models.PROTECT, null=True, related_name="rounds")
    # The newest annotation that the round knows; with the snapshot file it can be replayed.
    mark = models.BigIntegerField(default=0)
    # .npz in the default storage: what was known and what was picked; see sampling.snapshots.
    snapshot = models.CharField(max_length=200, blank=True)
    # .npz in the default storage: what whoever scores a shard must know. Blank before and after scoring.
    plan = models.CharField(max_length=200, blank=True)
    # Scores over the pool, one file: items int64 (n,), score float32 (n,).
    scores = models.CharField(max_length=200, blank=True)
    labelled = models.PositiveIntegerField(default=0)
    picked = models.PositiveIntegerField(default=0)
    # {"holdout": {"n", "correct", "accuracy", "low", "high", "macro_f1"}, "committee": {…}, "seconds": {…}}
    metrics = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="round_number_once"),
            models.UniqueConstraint(
                fields=["project"], condition=Q(state__in=["queued", "running"]), name="round_live_once"
            ),
        ]


class ScoreShard(models.Model):
    """A slice of a round's pool, to be scored by whichever worker comes first."""

    round = models.ForeignKey(Round, models.CASCADE, related_name="score_shards")
    # The attempt of the round that it belongs to: another attempt may know more, and begins anew.
    of_attempt = models.PositiveIntegerField()
    # Rows of the pool: first to before last.
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    # .npz in the default storage; blank until it is scored.
    path = models.CharField(max_length=200, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["first"]
        constraints = [
            models.UniqueConstraint(fields=["round", "of_attempt", "first"], name="score_shard_once")
        ]


class ModelVersion(models.Model):
    """One fitted model with its data, seed and metrics."""

    class State(models.TextChoices):
        CHAMPION = "champion", _("In use")
        RETIRED = "retired", _("Replaced")
        REJECTED = "rejected", _("Held back")

    project = models.ForeignKey(Project, models.CASCADE, related_name="model_versions")
    round = models.OneToOneField(Round, models.CASCADE, related_name="model_version")
    learner = models.CharField(max_length=40)
    # Weights as .npz in the default storage, never a pickle.
    path = models.CharField(max_length=200)
    training_items = models.PositiveIntegerField()
    seed = models.JSONField(default=list)
    metrics = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State.choices, default=State.CHAMPION)
    # What the gate compared, and what it said.
    gate = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project"], condition=Q(state="champion"), name="champion_once"),
        ]


class Feedback(models.Model):
    """What was heard from production about an item: the right label, or only that the model was wrong."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="feedback")
    item = models.ForeignKey(Item, models.CASCADE, related_name="feedback")
    # Ids of the right labels; null: only that it was wrong.
    labels = models.JSONField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # When the item went back into the queue because of it, or was found to need nothing.
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "feedback"
        indexes = [models.Index(fields=["project"], condition=Q(handled_at=None), name="feedback_waiting")]


class Comparison(models.Model):
    """A what-if: strategies replayed on a project's own settled labels, one replay after the other."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        STOPPED = "stopped", _("Stopped")

    LIVE = (State.QUEUED, State.RUNNING)

    project = models.ForeignKey(Project, models.CASCADE, related_name="comparisons")
    state = models.CharField(max_length=7, choices=State.choices, default=State.QUEUED)
    strategies = models.JSONField(default=list)
    seeds = models.PositiveSmallIntegerField(default=5)
    # Settled items when it was asked for.
    labelled = models.PositiveIntegerField(default=0)
    # Each replay is claimed on its own; between two of them nobody has it.
    attempt = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    # .npz in the default storage: the labels as they were at the start. Blank before and after.
    path = models.CharField(max_length=200, blank=True)
    # What it is measured on, the finished replays, and the processor's seconds that they took.
    facts = models.JSONField(default=dict)
    replays = models.JSONField(default=list)
    seconds = models.FloatField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project"], condition=Q(state__in=["queued", "running"]), name="comparison_live_once"
            )
        ]
