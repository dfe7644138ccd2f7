"""Who changed what, when, from what to what."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from projects.models.project import Project


class Event(models.Model):
    """One change of policy, membership, guideline, label set or resolution. Rows are only ever added."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    # Null: the system itself.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=80, blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["project", "-id"], name="event_newest")]
