"""Settled items that leads judge again, blind: how often «settled» is wrong."""

from __future__ import annotations

from projects.models import Item, Policy, Project


def consider(project: Project, policy: Policy, item: Item) -> None:
    """Draw a newly settled item for a spot check, by a keyed hash; the caller holds the item."""
