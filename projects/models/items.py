"""What is judged, and the files that it came from."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models.project import Project


class Upload(models.Model):
    """A file on its way in: checked first, then imported whole, or its good rows only, or not at all."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting to be checked")
        CHECKING = "checking", _("Being checked")
        CHECKED = "checked", _("Checked")
        READY = "ready", _("Waiting to be imported")
        IMPORTING = "importing", _("Being imported")
        DONE = "done", _("Imported")
        REFUSED = "refused", _("Refused")

    project = models.ForeignKey(Project, models.CASCADE, related_name="uploads")
    file = models.FileField(upload_to="uploads/%Y/%m/", max_length=300)
    name = models.CharField(max_length=255)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    # Which column is text, id and label; which are kept: see projects.files.columns.
    columns = models.JSONField(default=dict)
    # What the reader found: columns, first rows, encoding, rows, good, bad, known.
    report = models.JSONField(default=dict)
    # The first thousand bad rows: [{"row", "column", "value", "reason"}].
    problems = models.JSONField(default=list)
    good_rows_only = models.BooleanField(default=False)
    rows_done = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True)
    attempt = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)


class Item(models.Model):
    """One thing to judge: a text or an image."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        SETTLED = "settled", _("Settled")
        DISPUTED = "disputed", _("Disputed")
        # Settled once, and asked again since the guidelines changed: in no training set meanwhile.
        STALE = "stale", _("To be looked at again")
        EXCLUDED = "excluded", _("Excluded")

    class Source(models.TextChoices):
        SEED = "seed", _("Known at import")
        GOLD = "gold", _("Gold")
        SINGLE = "single", _("One annotation")
        CONSENSUS = "consensus", _("Consensus")
        ADJUDICATED = "adjudicated", _("Lead's decision")

    project = models.ForeignKey(Project, models.CASCADE, related_name="items")
    # Order of import, from 1: never changes, never reused.
    number = models.PositiveIntegerField()
    # The external id, or a hash of the content: the same file twice adds nothing.
    key = models.CharField(max_length=200)
    external_id = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    image = models.CharField(max_length=200, blank=True)  # path in the default storage, re-encoded
    thumbnail = models.CharField(max_length=200, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    # Keyed hash of project seed and key: one random order, for ever.
    shuffle = models.BigIntegerField()
    # Drawn by further keyed hashes at import; never depends on a model, a person or the order of import.
    holdout = models.BooleanField(default=False)
    agreement = models.BooleanField(default=False)
    # Among the first items of a project, which everybody labels.
    calibration = models.BooleanField(default=False, db_default=False)
    # The known right answers, [[label id, …], …]: used to check annotators. Null: not a gold item.
    gold = models.JSONField(null=True, blank=True)

    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    # What the item's label rests on. Label ids in ascending order; null while open or when nobody could tell.
    settled_labels = models.JSONField(null=True, blank=True)
    settled_source = models.CharField(max_length=11, choices=Source.choices, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    posterior = models.FloatField(null=True, blank=True)
    method = models.CharField(max_length=40, blank=True)
    # {label id: probability} as of the settlement, and the version of the estimate behind it (0: none).
    soft = models.JSONField(null=True, blank=True)
    estimate = models.PositiveIntegerField(default=0, db_default=0)
    # Only votes given under this guideline version or a later one decide.
    votes_from = models.PositiveIntegerField(default=0, db_default=0)
    # Of a stale item: {"labels", "source", "version"}, what it was settled as.
    former = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="item_number_once"),
            models.UniqueConstraint(fields=["project", "key"], name="item_key_once"),
        ]
        indexes = [
            models.Index(fields=["project", "shuffle"], condition=Q(state="open"), name="item_open_random"),
            models.Index(
                fields=["project", "shuffle"],
                condition=Q(state="open", holdout=True),
                name="item_open_holdout",
            ),
            models.Index(
                fields=["project", "shuffle"],
                condition=Q(state="open", agreement=True),
                name="item_open_agreement",
            ),
            models.Index(fields=["project", "state", "number"], name="item_state"),
            models.Index(fields=["project"], condition=Q(gold__isnull=False), name="item_gold"),
            models.Index(fields=["project", "state"], condition=Q(calibration=True), name="item_calibration"),
            models.Index(fields=["project", "settled_at"], condition=Q(state="settled"), name="item_settled"),
            models.Index(
                fields=["project", "number"], condition=~Q(image="") & Q(thumbnail=""), name="item_no_thumb"
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.number}"
