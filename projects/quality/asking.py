"""Whether an item's votes are enough: settle it, ask one more person, or hand it to a lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from projects.quality.calibration import Calibration

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rule:
    """How many answers an item needs.

    ``least``   answers before anything is settled, 1 or more.
    ``most``    answers after which a lead decides where doubt is left.
    ``target``  confidence from which an item is settled.
    ``lead``    whether, without a calibration, two who differ go to a lead at once.
    """

    least: int = 2
    most: int = 3
    target: float = 0.95
    lead: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with an item: ``what`` is settle, ask or lead.

    ``label`` is the likeliest label's position, ``confidence`` the chance that it is right: calibrated where
    a calibration was given, else the posterior.
    """

    what: Literal["settle", "ask", "lead"]
    label: int
    confidence: float


def decide(
    posterior: Floats, votes: Sequence[int | None], rule: Rule, calibration: Calibration | None = None
) -> Verdict:
    """Judge one item by its posterior (k,) and the answers given so far: label positions, in any order.

    Fewer than ``least``: ask. With a calibration: settle from ``target`` on, a lead decides at ``most``,
    else ask. Without one a posterior is no probability: equal answers settle, three and more by a clear
    majority that is also the likeliest label, and the rest goes to a lead; with ``rule.lead`` off the
    posterior is taken as it is. A label that nobody said is never settled.

    Raises ValueError for a rule with least < 1 or most < least.
    """
    if not 1 <= rule.least <= rule.most:
        raise ValueError(f"a rule needs 1 <= least <= most, not {rule.least} and {rule.most}")
    label, raw = _likeliest(posterior, votes, calibration is None and rule.lead)
    confidence = raw if calibration is None else calibration.of_posterior(raw)
    if len(votes) < rule.least:
        return Verdict("ask", label, confidence)
    if calibration is None and rule.lead:
        return Verdict("settle" if _carried(votes, label) else "lead", label, confidence)
    if confidence >= rule.target and label in votes:
        return Verdict("settle", label, confidence)
    return Verdict("lead" if len(votes) >= rule.most else "ask", label, confidence)


def _likeliest(posterior: Floats, votes: Sequence[int | None], by_votes: bool) -> tuple[int, float]:
    """The likeliest label and its posterior; where votes count as they are, equal ones have their way."""
    said = set(votes)
    one = said.pop() if by_votes and len(said) == 1 else None
    label = int(np.argmax(posterior)) if one is None else one
    return label, float(posterior[label])


def _carried(votes: Sequence[int | None], label: int) -> bool:
    """Whether all votes, or more than half of three or more, are for the label."""
    count = sum(vote == label for vote in votes)
    return count == len(votes) or (len(votes) > 2 and 2 * count > len(votes))
