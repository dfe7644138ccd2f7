"""A project, its label set, its people and its policies."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


def new_seed() -> int:
    """Draw a seed that fits a signed 64-bit column."""
    return secrets.randbits(62)


class Project(models.Model):
    """Items, a label set, people and policies."""

    class Media(models.TextChoices):
        TEXT = "text", "Texts"
        IMAGE = "image", "Images"

    class Task(models.TextChoices):
        # Spans, boxes, ratings and pairs will be further kinds; their answers go into Annotation.value.
        SINGLE = "single", "One label"
        MULTI = "multi", "Several labels"

    class State(models.TextChoices):
        DRAFT = "draft", "Being set up"
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        ARCHIVED = "archived", "Archived"

    name = models.CharField(max_length=120)
    media = models.CharField(max_length=5, choices=Media.choices, default=Media.TEXT)
    task = models.CharField(max_length=6, choices=Task.choices, default=Task.SINGLE)
    state = models.CharField(max_length=8, choices=State.choices, default=State.DRAFT)
    question = models.CharField(max_length=200, default="Which label fits?")
    guidelines = models.TextField(blank=True)
    guideline_version = models.PositiveIntegerField(default=1)
    # Every random draw of the project comes from this number.
    seed = models.BigIntegerField(default=new_seed, editable=False)
    # Blank: the default of the media. Otherwise a name, or "kind:path" of a model file of this site.
    featurizer = models.CharField(max_length=300, blank=True)
    # Metadata columns that stand beside the features.
    feature_columns = models.JSONField(default=list, blank=True)
    # The newest annotation that the last round knew: what came after it counts towards the next.
    round_mark = models.BigIntegerField(default=0, editable=False)
    # Whether a model picks by now; until then the first batch and the random order serve.
    has_model = models.BooleanField(default=False, editable=False)
    item_count = models.PositiveIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name

    @property
    def policy(self) -> Policy:
        """The settings in force: the newest version."""
        newest = self.policies.order_by("-version").first()
        return newest or Policy(project=self, version=0)


class Label(models.Model):
    """One class of the label set; its position is its column in every probability array."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="labels")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    # One of the twelve hues of the design, 1 to 12, readable in light and dark.
    hue = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(12)]
    )
    key = models.CharField(max_length=1, blank=True)
    # Where people see it: lower first, then by position. Columns never follow it.
    order = models.PositiveIntegerField(default=0)
    # Retired, never deleted: columns and answers keep their meaning.
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["project", "position"], name="label_position_once"),
            models.UniqueConstraint(fields=["project", "name"], name="label_name_once"),
            models.UniqueConstraint(
                fields=["project", "key"],
                condition=Q(retired_at=None) & ~Q(key=""),
                name="label_key_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's role in a project."""

    class Role(models.TextChoices):
        ANNOTATOR = "annotator", "Annotator"
        LEAD = "lead", "Lead"
        ADMIN = "admin", "Admin"

    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.ANNOTATOR)
    # Someone who left keeps their votes and loses access.
    active = models.BooleanField(default=True)
    # How many items this person's answer stands for: kept here so that progress costs no count.
    answered = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"

    @property
    def leads(self) -> bool:
        """Whether this person may see disputes, progress and everybody's votes."""
        return self.role in {self.Role.LEAD, self.Role.ADMIN}

    @property
    def administers(self) -> bool:
        """Whether this person may change the project."""
        return self.role == self.Role.ADMIN


class Policy(models.Model):
    """The sampling and quality settings that a round runs under. Never changed: a change is a new version."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="policies")
    version = models.PositiveIntegerField()
    strategy = models.CharField(max_length=40, default="default")
    learner = models.CharField(max_length=40, default="logistic")
    # How a plain score makes a batch: "" as the strategy does, or sequential, clustered, diverse.
    mode = models.CharField(max_length=12, blank=True)
    # {score name: weight}, for the strategy "hybrid".
    hybrid = models.JSONField(default=dict, blank=True)
    # Items more alike than this (cosine) do not come in one batch.
    diversity = models.FloatField(default=0.95, validators=[MinValueValidator(0), MaxValueValidator(1)])
    # [{"name", "strategy", "share"}, …] beside the strategy above, which gets the rest of each batch.
    streams = models.JSONField(default=list, blank=True)
    # [{"of": "label" or "field:NAME", "value", "at_least", "at_most"}, …], shares of each batch.
    quotas = models.JSONField(default=list, blank=True)
    # What the stream "rare" looks near: {"labels": [position, …], "items": [item id, …]}; empty: the rarest.
    rare = models.JSONField(default=dict, blank=True)
    # "" or "balanced": whether a rare label weighs more in training.
    class_weights = models.CharField(max_length=12, blank=True)
    # How much more the newest labels weigh than the oldest, from 0 (the same) to 4.
    recency = models.FloatField(default=0, validators=[MinValueValidator(0), MaxValueValidator(4)])
    # {"min_accuracy", "plateau_rounds", "max_labels", "max_cost", "label_cost"}, all optional.
    stop_rules = models.JSONField(default=dict, blank=True)
    # Whether a worse model is held back, and the slices [{"field", "value"}, …] it must not be worse on.
    gate = models.BooleanField(default=True)
    gate_slices = models.JSONField(default=list, blank=True)
    # Answers between two rounds, and items that a round picks.
    batch_size = models.PositiveIntegerField(
        default=50, validators=[MinValueValidator(1), MaxValueValidator(5000)]
    )
    committee_size = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )
    # Share of items kept for evaluation, at most so many labelled, and their share of each batch.
    holdout_share = models.FloatField(default=0.05, validators=[MinValueValidator(0), MaxValueValidator(0.5)])
    holdout_max = models.PositiveIntegerField(default=500)
    holdout_mix = models.FloatField(default=0.15, validators=[MinValueValidator(0), MaxValueValidator(0.5)])
    # Annotations an item needs; and the random share of items that several people label.
    overlap = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(9)]
    )
    agreement_share = models.FloatField(
        default=0.10, validators=[MinValueValidator(0), MaxValueValidator(0.5)]
    )
    agreement_overlap = models.PositiveSmallIntegerField(
        default=2, validators=[MinValueValidator(2), MaxValueValidator(9)]
    )
    lease_minutes = models.PositiveSmallIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(1440)]
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="policy_version_once"),
            models.CheckConstraint(
                condition=Q(agreement_overlap__gte=F("overlap")), name="policy_overlap_order"
            ),
        ]

    def __str__(self) -> str:
        return f"policy {self.version}"
