"""What people said, and what a lead made of it."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models.items import Item
from projects.models.project import Project


class Annotation(models.Model):
    """One annotator's judgement of one item. Rows are only ever added: a correction is the next revision."""

    class Kind(models.TextChoices):
        ANSWER = "answer", _("Answer")
        CANT_TELL = "cant_tell", _("Can't tell")
        SKIP = "skip", _("Skip")
        FLAG = "flag", _("Flag")
        UNDO = "undo", _("Taken back")

    # Kinds that fill one of the places of an item.
    COUNTED = (Kind.ANSWER, Kind.CANT_TELL)

    project = models.ForeignKey(Project, models.CASCADE, related_name="annotations")
    item = models.ForeignKey(Item, models.CASCADE, related_name="annotations")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="annotations")
    revision = models.PositiveIntegerField(default=1)
    # The revision that this one replaces. What no row replaces is what the person says now.
    supersedes = models.OneToOneField(
        "self", models.CASCADE, null=True, blank=True, related_name="superseded_by"
    )
    # Made in the browser: the same submission sent again is stored once.
    submission = models.UUIDField(unique=True)
    kind = models.CharField(max_length=9, choices=Kind.choices, default=Kind.ANSWER)
    # Label ids in ascending order; empty for «none of these» and for the other kinds.
    labels = models.JSONField(default=list, blank=True)
    # Answers of later task kinds: spans, boxes, ratings.
    value = models.JSONField(null=True, blank=True)
    note = models.TextField(blank=True)
    reason = models.CharField(max_length=40, blank=True)
    # Which round's queue the item came from, and by which stream.
    round_number = models.PositiveIntegerField(default=0)
    stream = models.CharField(max_length=9, blank=True)
    guideline_version = models.PositiveIntegerField(default=1)
    active_ms = models.PositiveIntegerField(null=True, blank=True)
    # What the model suggested and how the person met it: {"labels", "p", "how": "always" | "revealed" |
    # "unseen" | "blind", "ms"}; null: it had nothing to say, or people are not to see it.
    suggestion = models.JSONField(null=True, blank=True)
    # Answers that were given together, and are taken back together.
    bulk = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    # Since when this person's votes count for nothing: read together with the row, see projects.queries.
    excluded_at: datetime | None = None

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "annotator", "revision"], name="annotation_revision_once"
            ),
            models.CheckConstraint(
                condition=Q(revision=1, supersedes=None) | Q(revision__gt=1, supersedes__isnull=False),
                name="annotation_chain",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="annotation_project"),
            models.Index(fields=["annotator", "project", "-id"], name="annotation_mine"),
            models.Index(fields=["project", "bulk"], condition=Q(bulk__isnull=False), name="annotation_bulk"),
            models.Index(
                fields=["project", "id"], condition=Q(suggestion__isnull=False), name="annotation_suggested"
            ),
        ]


class Dispute(models.Model):
    """An item handed to a lead, with the reasons."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        RESOLVED = "resolved", _("Resolved")
        SENT_BACK = "sent_back", _("Sent back")
        DISMISSED = "dismissed", _("Dismissed")
        # The decision stays in the log; the item waits in a new dispute.
        UNDONE = "undone", _("Decision taken back")

    class Reason(models.TextChoices):
        TIE = "tie", _("The votes differ")
        LOW = "low", _("The votes leave too much doubt")
        FLAG = "flag", _("Flagged by an annotator")
        GOLD = "gold", _("Several people missed a known item")
        MODEL = "model", _("The model contradicts")
        SPOT = "spot", _("A spot check differs")
        GUIDELINE = "guideline", _("A decision under older guidelines")
        AGE = "age", _("Open for too long")
        REGION = "region", _("Among items that people dispute")

    project = models.ForeignKey(Project, models.CASCADE, related_name="disputes")
    item = models.ForeignKey(Item, models.CASCADE, related_name="disputes")
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    reasons = models.JSONField(default=list)
    # Grows with every vote that changes while the dispute is open: a stale form is refused.
    version = models.PositiveIntegerField(default=1)
    # Which lead should take it; empty: whoever comes first.
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Higher comes first: reasons, then what the model could learn. See projects.trust.escalation.
    priority = models.FloatField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item"], condition=Q(state="open"), name="dispute_open_once")
        ]
        indexes = [
            models.Index(
                fields=["project", "-priority", "opened_at"], condition=Q(state="open"), name="dispute_next"
            ),
        ]


class Resolution(models.Model):
    """A lead's decision. It wins over votes and keeps them."""

    class Outcome(models.TextChoices):
        LABELLED = "labelled", _("Labelled")
        BOTH = "both", _("Several are acceptable")
        SENT_BACK = "sent_back", _("Sent back for another vote")
        RETURNED = "returned", _("Sent back to those who answered")
        BAD_ITEM = "bad_item", _("Bad item, excluded")
        CANT_TELL = "cant_tell", _("Nobody can tell")

    class Reason(models.TextChoices):
        AMBIGUOUS = "ambiguous", _("Ambiguous item")
        GUIDELINE_GAP = "guideline_gap", _("Guideline gap")
        SLIP = "slip", _("Annotator slip")
        EDGE_CASE = "edge_case", _("Edge case")
        SUBJECTIVE = "subjective", _("Subjective")
        GOLD_WRONG = "gold_wrong", _("Gold was wrong")

    dispute = models.OneToOneField(Dispute, models.CASCADE, related_name="resolution")
    item = models.ForeignKey(Item, models.CASCADE, related_name="resolutions")
    lead = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="resolutions")
    outcome = models.CharField(max_length=9, choices=Outcome.choices)
    labels = models.JSONField(default=list, blank=True)
    reason = models.CharField(max_length=13, choices=Reason.choices)
    note = models.TextField(blank=True)
    # Decisions taken together, after a preview, are taken back together.
    bulk = models.UUIDField(null=True, blank=True, db_index=True)
    created_at = models.DateTimeField(default=timezone.now)


class SpotCheck(models.Model):
    """A settled item that a lead judges again without seeing what it was settled as."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="spot_checks")
    item = models.OneToOneField(Item, models.CASCADE, related_name="spot_check")
    # What the item was settled as when it was drawn, and by whom.
    settled_labels = models.JSONField(null=True)
    people = models.JSONField(default=list)
    lead = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    labels = models.JSONField(null=True, blank=True)
    right = models.BooleanField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "id"], condition=Q(answered_at=None), name="spot_check_open")
        ]


class Estimate(models.Model):
    """What is known of how people answer: fitted on all votes, by version; never changed."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="estimates")
    version = models.PositiveIntegerField()
    # majority, one-coin or dawid-skene; whether it was chosen by itself.
    method = models.CharField(max_length=12)
    automatic = models.BooleanField(default=True)
    # The newest annotation and the number of decided items that it knew, and the label ids of its columns.
    mark = models.BigIntegerField(default=0)
    decided = models.PositiveIntegerField(default=0)
    labels = models.JSONField(default=list)
    # See projects.trust.estimates: prior, people's rows, calibration; and what each method got right.
    tables = models.JSONField(default=dict)
    figures = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "version"], name="estimate_version_once")]
