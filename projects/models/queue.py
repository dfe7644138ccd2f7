"""What is to be asked next, and who holds what."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models.items import Item
from projects.models.project import Membership, Project


class QueueEntry(models.Model):
    """One picked item with its rank and the reason that it was picked."""

    class State(models.TextChoices):
        LIVE = "live", _("Live")
        DONE = "done", _("Done")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    class Stream(models.TextChoices):
        FIRST = "first", _("First batch: typical and diverse")
        STRATEGY = "strategy", _("Picked by the strategy")
        RARE = "rare", _("Near rare labels or named examples")
        CONTROL = "control", _("Random control")
        NEW = "new", _("A region that is new")
        CHECK = "check", _("Looked at again: the label may be wrong")
        HOLDOUT = "holdout", _("Hold-out, drawn at random")
        AGREEMENT = "agreement", _("Agreement sample, drawn at random")
        RESERVE = "reserve", _("Next best by the last scores")
        RANDOM = "random", _("Random order")
        AGAIN = "again", _("Another vote asked by a lead")
        RETURNED = "returned", _("Sent back by a lead to those who answered")
        RECHECK = "recheck", _("Asked again since the guidelines changed")
        CALIBRATE = "calibrate", _("First items, for everybody")
        # Look-alikes of a picked item; and those of a card that are asked singly, to check it.
        CARD = "card", _("Look-alike, labelled together with others")
        CARD_CHECK = "cardcheck", _("Asked singly, to check a card")
        # Known items: people see them as any other; they have places for everybody.
        GOLD = "gold", _("Known item, to check people")

    project = models.ForeignKey(Project, models.CASCADE, related_name="queue")
    item = models.ForeignKey(Item, models.CASCADE, related_name="entries")
    round_number = models.PositiveIntegerField(default=0)
    rank = models.BigIntegerField()
    stream = models.CharField(max_length=9, choices=Stream.choices)
    # {"score", "cluster", "top": [[label position, probability], …], "disagreement", "why"}:
    # see docs/sampling.md.
    reason = models.JSONField(default=dict, blank=True)
    places = models.PositiveSmallIntegerField(default=1)
    # Only people with this skill, or only senior ones, may be given a place.
    skill = models.CharField(max_length=80, blank=True)
    senior = models.BooleanField(default=False)
    # Places that nobody holds and nobody has answered.
    free = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=9, choices=State.choices, default=State.LIVE)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "queue entries"
        constraints = [
            models.UniqueConstraint(fields=["item"], condition=Q(state="live"), name="entry_live_once"),
            models.CheckConstraint(
                condition=Q(free__lte=models.F("places")), name="entry_free_within_places"
            ),
        ]
        indexes = [
            models.Index(
                fields=["project", "rank"], condition=Q(state="live", free__gt=0), name="entry_servable"
            ),
            models.Index(fields=["project", "round_number"], name="entry_round"),
        ]


class Assignment(models.Model):
    """An item kept for one annotator until it expires (a lease)."""

    class State(models.TextChoices):
        LEASED = "leased", _("Leased")
        SUBMITTED = "submitted", _("Submitted")
        SKIPPED = "skipped", _("Skipped")
        EXPIRED = "expired", _("Expired")
        # The person may be asked again: by a lead, with a note, or since the guidelines changed.
        SENT_BACK = "sent_back", _("Sent back")

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    item = models.ForeignKey(Item, models.CASCADE, related_name="assignments")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="assignments")
    entry = models.ForeignKey(QueueEntry, models.CASCADE, related_name="assignments")
    state = models.CharField(max_length=9, choices=State.choices, default=State.LEASED)
    # Whether it has one of its entry's places: a late or repeated answer may find them taken.
    placed = models.BooleanField(default=True)
    # What a lead said when it was sent back.
    note = models.TextField(blank=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "annotator"], name="assignment_once")]
        indexes = [
            models.Index(
                fields=["project", "expires_at"], condition=Q(state="leased"), name="assignment_leased"
            ),
            models.Index(
                fields=["annotator", "project"], condition=Q(state="leased"), name="assignment_mine"
            ),
            models.Index(
                fields=["annotator", "project"], condition=Q(state="skipped"), name="assignment_skipped"
            ),
            models.Index(
                fields=["annotator", "project"], condition=Q(state="sent_back"), name="assignment_returned"
            ),
        ]


class Shift(models.Model):
    """A stretch of work that one person sized beforehand; leases given in it end with it at the latest."""

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="shifts")
    started_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    # Answers that fit in at the person's pace, and how many the person had when it began.
    size = models.PositiveIntegerField()
    answered_before = models.PositiveIntegerField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership"], condition=Q(ended_at=None), name="shift_open_once")
        ]
