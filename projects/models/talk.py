"""What people say to each other about items, and what they are told."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from projects.models.items import Item
from projects.models.project import Project


class Comment(models.Model):
    """A remark on an item: among leads, or also for those who labelled it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="comments")
    item = models.ForeignKey(Item, models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text = models.TextField()
    # Whether those who answered the item see it too; their own remarks always reach leads.
    open_to_annotators = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["item", "id"], name="comment_item")]


class Notice(models.Model):
    """Something that one person should know. Shown in the page, and sent by mail with others of its time."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    # Names a sentence of projects.trust.notices; ``facts`` fills it in.
    kind = models.CharField(max_length=30)
    facts = models.JSONField(default=dict, blank=True)
    # A page of this site, as a path.
    address = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-id"], name="notice_newest"),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notice_unread"),
            models.Index(
                fields=["created_at"], condition=Q(mailed_at=None, read_at=None), name="notice_to_mail"
            ),
        ]
