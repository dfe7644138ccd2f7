"""Versions of the guidelines and of the label set, and lines that wait to become part of them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models.judgements import Dispute
from projects.models.project import Project
from projects.saying import Said, told


class GuidelineVersion(models.Model):
    """One version of what people go by: the text and the label set. Never changed."""

    class Kind(models.TextChoices):
        EDITORIAL = "editorial", _("Editorial: nothing changes in how items are labelled")
        CLARIFYING = "clarifying", _("Clarifying: some labels are meant more precisely")
        BREAKING = "breaking", _("Breaking: labels mean something else than before")

    project = models.ForeignKey(Project, models.CASCADE, related_name="guideline_versions")
    version = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.EDITORIAL)
    text = models.TextField(blank=True)
    # What people are told is new; in English, where «migration» has it as a sentence for any language.
    summary = models.TextField(blank=True)
    # Ids of the labels concerned; and what became of labels: {"rename" | "merge" | "split" | "add": …}, how
    # that is said, and what was done together: {"said": …, "bulk": …}.
    labels = models.JSONField(default=list, blank=True)
    migration = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "version"], name="guideline_version_once")]

    @property
    def said(self) -> Said | str:
        """What is new, in the language of whoever reads it; as it was typed, where a person wrote it."""
        found: Said | str = told(self.migration.get("said", self.summary))
        return found


class GuidelineNote(models.Model):
    """A line that a decision suggests for the guidelines."""

    class State(models.TextChoices):
        OPEN = "open", _("Waiting")
        TAKEN = "taken", _("Part of the guidelines")
        DROPPED = "dropped", _("Dropped")

    project = models.ForeignKey(Project, models.CASCADE, related_name="guideline_notes")
    dispute = models.ForeignKey(Dispute, models.SET_NULL, null=True, related_name="guideline_notes")
    text = models.TextField()
    labels = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.OPEN)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
