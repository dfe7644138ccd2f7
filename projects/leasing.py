"""Put entries of the queue into one person's hands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from projects import hot
from projects.models import Assignment, Membership, QueueEntry


def hand_over(membership: Membership, entries: Iterable[QueueEntry], until: datetime) -> list[Assignment]:
    """Lease each entry's item to a person, who may have had it before; the caller took the places."""
    assignments = [
        Assignment(
            project_id=membership.project_id,
            item_id=entry.item_id,
            annotator_id=membership.user_id,
            entry=entry,
            expires_at=until,
        )
        for entry in entries
    ]
    hot.hand_over(assignments)
    return assignments
