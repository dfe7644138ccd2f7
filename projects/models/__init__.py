"""Facts and constraints: what is labelled, by whom, and what they said."""

from projects.models.audit import Event
from projects.models.items import Item, Upload
from projects.models.judgements import Annotation, Dispute, Resolution
from projects.models.project import Label, Membership, Policy, Project
from projects.models.queue import Assignment, QueueEntry

__all__ = [
    "Annotation",
    "Assignment",
    "Dispute",
    "Event",
    "Item",
    "Label",
    "Membership",
    "Policy",
    "Project",
    "QueueEntry",
    "Resolution",
    "Upload",
]
