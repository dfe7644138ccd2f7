"""A project, its label set, its people and its policies."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from projects.models.policy import Policy
    from projects.models.queue import Shift


def new_seed() -> int:
    """Draw a seed that fits a signed 64-bit column."""
    return secrets.randbits(62)


class Project(models.Model):
    """Items, a label set, people and policies."""

    class Media(models.TextChoices):
        TEXT = "text", _("Texts")
        IMAGE = "image", _("Images")

    class Task(models.TextChoices):
        # Spans, boxes, ratings and pairs will be further kinds; their answers go into Annotation.value.
        SINGLE = "single", _("One label")
        MULTI = "multi", _("Several labels")

    class State(models.TextChoices):
        DRAFT = "draft", _("Being set up")
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")
        ARCHIVED = "archived", _("Archived")

    name = models.CharField(max_length=120)
    media = models.CharField(max_length=5, choices=Media.choices, default=Media.TEXT)
    task = models.CharField(max_length=6, choices=Task.choices, default=Task.SINGLE)
    state = models.CharField(max_length=8, choices=State.choices, default=State.DRAFT)
    question = models.CharField(max_length=200, default="Which label fits?")
    guidelines = models.TextField(blank=True)
    guideline_version = models.PositiveIntegerField(default=1)
    # The version of the last breaking change: agreement and people's records never reach behind it.
    agreed_version = models.PositiveIntegerField(default=1, editable=False)
    # The labels of a single choice are levels of a scale, lowest first, in the order that people see.
    ordinal = models.BooleanField(default=False)
    # No single truth is sought: the distribution is the product, and low confidence makes no dispute.
    subjective = models.BooleanField(default=False)
    # The language of the texts (BCP 47), and the metadata column that names it for each; blank: unknown.
    language = models.CharField(max_length=35, blank=True)
    language_field = models.CharField(max_length=80, blank=True)
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
    # Whether the hold-out says that the model is right more often than one annotator: then it has a vote.
    model_proven = models.BooleanField(default=False, editable=False)
    item_count = models.PositiveIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name

    @property
    def policy(self) -> Policy:
        """The settings in force: the newest version."""
        newest: Policy | None = self.policies.order_by("-version").first()
        return newest or self.policies.model(project=self, version=0)


class Label(models.Model):
    """One class of the label set; its position is its column in every probability array."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="labels")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    # Where it belongs in a hierarchy, "Vehicles / Cars"; other words that find it.
    group = models.CharField(max_length=160, blank=True)
    synonyms = models.JSONField(default=list, blank=True)
    # [{"fits": bool, "text": …, "item": number or null, "why": …}], what people see beside the label.
    examples = models.JSONField(default=list, blank=True)
    # One of the twelve hues of the design, 1 to 12, readable in light and dark.
    hue = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(12)]
    )
    key = models.CharField(max_length=1, blank=True)
    # Where people see it: lower first, then by position. Columns never follow it.
    order = models.PositiveIntegerField(default=0)
    # Answers that named this label count for that one since the two were merged; they stay as they were.
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged")
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
        ANNOTATOR = "annotator", _("Annotator")
        LEAD = "lead", _("Lead")
        ADMIN = "admin", _("Admin")

    class Pause(models.TextChoices):
        GOLD = "gold", _("Below the bar on known items")
        LEAD = "lead", _("Paused by a lead")

    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.ANNOTATOR)
    # Someone who left keeps their votes and loses access.
    active = models.BooleanField(default=True)
    # How many items this person's answer stands for: kept here so that progress costs no count.
    answered = models.PositiveIntegerField(default=0)
    # Whose word weighs when others differ, and what this person knows: values of the policy's skill field.
    senior = models.BooleanField(default=False)
    skills = models.JSONField(default=list, blank=True)
    # The newest guideline version that this person has acknowledged.
    read_version = models.PositiveIntegerField(default=1)
    # When this person passed the qualification batch, where the policy asks for one.
    qualified_at = models.DateTimeField(null=True, blank=True)
    # Told that the work is below the bar; given no more items; since when the record begins anew.
    warned_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=4, choices=Pause.choices, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    # The votes count for nothing while this is set. They stay, and come back when it is taken back.
    excluded_at = models.DateTimeField(null=True, blank=True)
    # The last item that was judged anew since that changed; empty: all were.
    recounted = models.BigIntegerField(null=True, blank=True, editable=False)
    # At most so many answers in all; empty: what the policy says.
    quota = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    # Read together with the row when it is held, see projects.hot.hold: the shift that is going on, and
    # whether items wait that came back to this person.
    shift: Shift | None = None
    returned: bool = False
    # And what the project has at all: known items, senior people, remarks. Until then there may be any.
    known_items: bool = True
    seniors: bool = True
    remarks: bool = True

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
