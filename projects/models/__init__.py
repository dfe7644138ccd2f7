"""Facts and constraints: what is labelled, by whom, and what they said."""

from projects.models.audit import Event
from projects.models.guidelines import GuidelineNote, GuidelineVersion
from projects.models.items import Item, Upload
from projects.models.judgements import Annotation, Dispute, Estimate, Resolution, SpotCheck
from projects.models.policy import Policy
from projects.models.project import Label, Membership, Project
from projects.models.queue import Assignment, QueueEntry, Shift
from projects.models.talk import Comment, Notice

__all__ = [
    "Annotation",
    "Assignment",
    "Comment",
    "Dispute",
    "Estimate",
    "Event",
    "GuidelineNote",
    "GuidelineVersion",
    "Item",
    "Label",
    "Membership",
    "Notice",
    "Policy",
    "Project",
    "QueueEntry",
    "Resolution",
    "Shift",
    "SpotCheck",
    "Upload",
]
