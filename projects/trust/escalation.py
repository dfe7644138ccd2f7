"""What hands an item to a lead, each trigger by policy, and how urgent that is."""

from __future__ import annotations

from typing import Final

from projects.models import Policy

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
    "region_share": 0,  # so much of the items most like it was disputed
}


def setting(policy: Policy, name: str) -> float:
    """Read a trigger's number; 0 is off."""
    return float(policy.triggers.get(name, DEFAULTS[name]))
