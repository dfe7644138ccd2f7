"""What the model suggests to whoever labels: who sees it, when, and how far people follow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projects.models import Assignment, Membership, QueueEntry
from projects.queries import Rules


def offered(membership: Membership, rules: Rules, assignments: Sequence[Assignment]) -> dict[int, dict[str, Any]]:
    """Return what the page is told of each item, by item id: only what the person may see before answering.

    {"labels": [label id], "p": probability, "likely": [label id, …], "words": [[start, end], …]}, all optional.
    """
    return {}


def met(membership: Membership, entry: QueueEntry, told: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what is kept with an answer: what was suggested, by the entry, and how the person met it."""
    return None


def parse(said: object) -> dict[str, Any] | None:
    """Read what a page says of how a suggestion was met: {"how": "always" | "revealed" | "unseen", "ms": …}.

    Raises ValueError or TypeError for what no page of ours sends.
    """
    return None
