"""The sampling and quality settings of a project, by version."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models.project import Project


class Policy(models.Model):
    """The sampling and quality settings that a round runs under. Never changed: a change is a new version."""

    class Suggest(models.TextChoices):
        HIDDEN = "hidden", _("Once they have answered")
        KEY = "key", _("When they press a key")
        ALWAYS = "always", _("At once")

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
    # Where the votes leave doubt, more people are asked: up to so many, then a lead.
    max_overlap = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1), MaxValueValidator(15)]
    )
    # An item is settled once its calibrated posterior is at least this.
    target_confidence = models.FloatField(
        default=0.95, validators=[MinValueValidator(0.5), MaxValueValidator(0.999)]
    )
    # "": chosen on adjudicated items; otherwise majority, one-coin or dawid-skene.
    aggregator = models.CharField(max_length=12, blank=True)
    # Whether a model that has proven itself has a say in the posterior.
    model_vote = models.BooleanField(default=True)
    # From this many answers on an item only senior people are asked; 0: never.
    senior_after = models.PositiveSmallIntegerField(default=0)
    # A metadata field whose value must be among a person's skills; "" asks nobody's.
    skill_field = models.CharField(max_length=80, blank=True)
    # What hands an item to a lead: {name: number}, see projects.trust.escalation. Missing: the default.
    triggers = models.JSONField(default=dict, blank=True)
    # Hours in which a lead should answer a dispute.
    service_hours = models.PositiveSmallIntegerField(
        default=48, validators=[MinValueValidator(1), MaxValueValidator(2000)]
    )
    # Share of known items mixed in (three times as many in a person's first hundred), and the bar on them.
    gold_share = models.FloatField(default=0.05, validators=[MinValueValidator(0), MaxValueValidator(0.5)])
    gold_floor = models.FloatField(default=0.7, validators=[MinValueValidator(0), MaxValueValidator(0.99)])
    # Known items to answer before joining, and the share to get right; 0: nobody is asked.
    qualification = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(100)])
    qualification_share = models.FloatField(
        default=0.8, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    # The first so many items go to everybody, and nothing is trained before leads are through with them.
    calibration = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(500)])
    # Share of settled items that a lead judges again, blind.
    spot_share = models.FloatField(default=0.02, validators=[MinValueValidator(0), MaxValueValidator(0.5)])
    # Limits a person: answers in all, an hour, and the share of all answers; 0: none.
    person_most = models.PositiveIntegerField(default=0)
    person_hourly = models.PositiveIntegerField(default=0)
    person_share = models.FloatField(default=0, validators=[MinValueValidator(0), MaxValueValidator(1)])
    # Seconds that nobody needs less than; 0: not looked at.
    fastest_seconds = models.FloatField(default=0, validators=[MinValueValidator(0), MaxValueValidator(600)])
    # Whether a person who is asked again after a change of the guidelines sees the own old answer.
    show_old_answer = models.BooleanField(default=False)
    # When people see what the model thinks: once they have answered, on a key, or at once.
    suggest = models.CharField(max_length=6, choices=Suggest.choices, default=Suggest.HIDDEN)
    # Share of answers that are given without it all the same, to measure how far people follow it.
    blind_share = models.FloatField(default=0.1, validators=[MinValueValidator(0), MaxValueValidator(0.9)])
    # Whether likely labels come first, and words are marked that the model went by.
    likely_first = models.BooleanField(default=False)
    highlight = models.BooleanField(default=False)
    # Whether people may label look-alikes together, and the share of these that is asked singly as a check.
    bulk = models.BooleanField(default=False)
    bulk_check = models.FloatField(default=0.1, validators=[MinValueValidator(0), MaxValueValidator(1)])
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
            models.CheckConstraint(
                condition=Q(max_overlap__gte=F("overlap")), name="policy_max_overlap_order"
            ),
        ]

    def __str__(self) -> str:
        return f"policy {self.version}"
