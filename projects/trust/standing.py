"""A person's record: below the bar on known items people are warned, then paused; a lead lifts it."""

from __future__ import annotations

from datetime import datetime

from projects.models import Membership, Policy


def review(membership: Membership, policy: Policy, at: datetime) -> None:
    """Let the present answers to known items decide whether a person is warned, paused or neither."""
