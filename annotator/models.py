"""Who may sign in: people, invitations, one-time links."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils import timezone

from projects.models import Membership, Project


class PeopleManager(UserManager["User"]):
    """Make people by e-mail address alone."""

    def _named(self, username: str | None, email: str | None) -> tuple[str, str]:
        address = self.normalize_email(email or username or "").lower()
        return address, address

    def create_user(
        self, username: str | None = None, email: str | None = None, password: str | None = None, **extra: Any
    ) -> User:
        """Create a person; without a password they sign in by a one-time link only."""
        name, address = self._named(username, email)
        return super().create_user(name, address, password, **extra)

    def create_superuser(
        self, username: str | None = None, email: str | None = None, password: str | None = None, **extra: Any
    ) -> User:
        """Create a person who may do everything on this site."""
        name, address = self._named(username, email)
        return super().create_superuser(name, address, password, **{"email_proven": True, **extra})


class User(AbstractUser):
    """A person, known by e-mail address. ``is_staff`` may create projects and invite anybody."""

    email = models.EmailField(unique=True)
    # Whether this person was reached by that address: an open invitation lets anybody write any address.
    email_proven = models.BooleanField(default=False)
    name = models.CharField(max_length=120, blank=True)
    # auto, light or dark; and whether single keys act (WCAG 2.1.4).
    theme = models.CharField(max_length=5, default="auto")
    single_keys = models.BooleanField(default=True)
    # The language of the pages; blank: as the browser asks.
    language = models.CharField(max_length=10, blank=True)
    # {command: key} where a person wants another key than the page's own, see projects.keymap.
    keys = models.JSONField(default=dict, blank=True)
    # How texts are read: {"size": …, "width": …}, see projects.reading.
    reading = models.JSONField(default=dict, blank=True)
    # Whether notices that nobody read in the page come by mail, together and not more than once an hour.
    mail_notices = models.BooleanField(default=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[PeopleManager] = PeopleManager()

    def __str__(self) -> str:
        return self.name or self.email


def digest(token: str) -> str:
    """Keep only a hash: who reads the database cannot use the links in it."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    return secrets.token_urlsafe(24)


class Invitation(models.Model):
    """The only way to an account: a link that gives one person a role in a project, or on the site."""

    token_digest = models.CharField(max_length=64, unique=True)
    email = models.EmailField(blank=True)
    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="invitations")
    role = models.CharField(max_length=10, choices=Membership.Role.choices, default=Membership.Role.ANNOTATOR)
    is_staff = models.BooleanField(default=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")


class SignInLink(models.Model):
    """A link that signs one person in, once, without a password."""

    token_digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="sign_in_links")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)


class WorkerSeen(models.Model):
    """When a worker last finished a task: one row, so that any web server can tell whether one is alive."""

    at = models.DateTimeField(default=timezone.now)
