"""Known items: mixed in for everybody once, answered, voided; and the batch before joining."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from projects.models import Annotation, Assignment, Item, Membership, Policy


@dataclass(frozen=True)
class Dealt:
    """Known items put into a person's hands; ``only``: nothing else may be given now."""

    assignments: list[Assignment] = field(default_factory=list)
    only: bool = False


def deal(membership: Membership, policy: Policy, count: int, until: datetime) -> Dealt:  # noqa: ARG001
    """Put known items into ``count`` free places of a person's hands; the caller holds the membership."""
    return Dealt()


def answered(
    membership: Membership, policy: Policy, item: Item, annotation: Annotation, at: datetime
) -> None:
    """Take note that a known item was answered, in the transaction that stores the answer."""
