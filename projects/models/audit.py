"""Who changed what, when, from what to what."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models.items import Item
from projects.models.project import Project


class Event(models.Model):
    """One change: of settings, people, guidelines, labels, or of what an item's label rests on.

    Rows are only ever added: a trigger of the database refuses to change or delete one, so nothing that an
    event names can be deleted either.
    """

    class Kind(models.TextChoices):
        PERSON = "person", _("Annotator")
        LEAD = "lead", _("Lead")
        ADMIN = "admin", _("Admin")
        SYSTEM = "system", _("The system")
        IMPORT = "import", _("An import")

    project = models.ForeignKey(Project, models.PROTECT, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    # Null: the system itself. The role is the one at that time.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.SYSTEM)
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=80, blank=True)
    item = models.ForeignKey(Item, models.PROTECT, null=True, blank=True, related_name="events")
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    reason = models.TextField(blank=True)
    # Versions in force; 0: none.
    policy_version = models.PositiveIntegerField(default=0)
    guideline_version = models.PositiveIntegerField(default=0)
    estimate_version = models.PositiveIntegerField(default=0)
    # The request that did it, and what was done together.
    request = models.CharField(max_length=36, blank=True)
    bulk = models.UUIDField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "-id"], name="event_newest"),
            models.Index(fields=["project", "action", "-id"], name="event_action"),
            models.Index(fields=["bulk"], condition=Q(bulk__isnull=False), name="event_bulk"),
            models.Index(fields=["request"], condition=~Q(request=""), name="event_request"),
        ]
