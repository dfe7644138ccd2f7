"""What hands an item to a lead, each trigger by policy, and how urgent that is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import log
from typing import Any, Final

from projects.models import Item, Policy, Project, QueueEntry

# 0 switches a trigger off. Shares, counts, days and probabilities, as named.
DEFAULTS: Final[dict[str, float]] = {
    "tie": 1,  # votes differ and nothing settles them
    "low": 1,  # at most answers, and the posterior is still below the target
    "flag": 1,  # an annotator asked for a lead
    "gold_people": 3,  # so many different people missed the same known item
    "model_below": 0.05,  # the model, which did not know the item, gives its label less than this
    "model_per_day": 20,  # and at most so many disputes a day from that
    "spot": 1,  # a lead's blind answer differs
    "guideline": 1,  # a lead's decision concerns a label whose meaning changed
    "age_days": 14,  # asked for so long, and still not settled
    "region_share": 0,  # so much of the items of its region was disputed
}


def setting(policy: Policy, name: str) -> float:
    """Read a trigger's number; 0 is off."""
    return float(policy.triggers.get(name, DEFAULTS[name]))


def urgency(
    project: Project, policy: Policy, item: Item, reasons: Sequence[str], at: datetime
) -> tuple[float, datetime]:
    """Return a dispute's priority, higher comes first, and when a lead should have answered it.

    Its whole part is the number of reasons, its fraction how much the model doubted the item when it picked
    it, and so could learn. Where both are equal the older one comes first.
    """
    entries = QueueEntry.objects.filter(item=item, project=project, reason__has_key="score").order_by("-pk")
    newest = entries.values_list("reason", flat=True).first()
    doubt = expected_gain(newest or {})
    return len(set(reasons)) + 0.99 * doubt, at + timedelta(hours=policy.service_hours)


def expected_gain(reason: dict[str, Any]) -> float:
    """Return how uncertain a model was of an item, from 0 to 1: the entropy of what it thought likeliest.

    Where no model had a say it is the score, if that lies in the range; otherwise 0.
    """
    shares = [float(p) for _position, p in reason.get("top") or () if float(p) > 0]
    if not shares:
        return min(1.0, max(0.0, float(reason.get("score") or 0)))
    if (total := sum(shares)) > 1.01:
        # Several labels are questions apart: the one in most doubt counts.
        return max(_entropy([p, 1 - p]) for p in shares)
    return _entropy([*shares, 1 - total])


def _entropy(shares: Sequence[float]) -> float:
    """Return the entropy of shares that add up to one, as a share of the most that so many could have."""
    parts = [p for p in shares if p > 0]
    return min(1.0, -sum(p * log(p) for p in parts) / log(max(2, len(shares))))


def due() -> list[int]:
    """The projects whose triggers may find something: those where people work."""
    return list(
        Project.objects.filter(state=Project.State.ACTIVE).order_by("pk").values_list("pk", flat=True)
    )


def scan(project: Project, at: datetime) -> int:
    """Let each trigger that the policy has switched on look for items; return how many it found.

    Any number of them may look at the same time, and again.
    """
    from projects.trust import triggers

    look = triggers.Look(project, project.policy, at)
    return triggers.contradicted(look) + triggers.waiting(look) + triggers.contentious(look)
