"""How far people follow a suggestion: those who saw it compared with those who were drawn not to.

Who answers blind is drawn at random for each person and item, so the difference of the two shares is what the
suggestion did, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
from scipy.special import bdtr

from projects.quality.agreement import Z, wilson

# Fewer answers on either side say nothing.
ENOUGH: Final = 20


@dataclass(frozen=True, slots=True)
class Arm:
    """Answers on one side of the comparison, and how many of them were what the model suggested."""

    followed: int
    n: int

    @property
    def share(self) -> float:
        return self.followed / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """The share that followed with the suggestion in view, less the share without; in [-1, 1].

    ``low`` and ``high``: its 95 % interval. Positive: people lean to what they are shown.
    """

    shown: Arm
    blind: Arm
    points: float
    low: float
    high: float

    @property
    def n(self) -> int:
        return self.shown.n + self.blind.n

    @property
    def enough(self) -> bool:
        return min(self.shown.n, self.blind.n) >= ENOUGH

    @property
    def proven(self) -> bool:
        """Whether chance alone hardly gives such a difference."""
        return self.enough and (self.low > 0 or self.high < 0)


def difference(shown: Arm, blind: Arm) -> Difference:
    """Compare two shares, with the interval of Newcombe 1998 (method 10); without answers it is the widest.

    Raises ValueError where more followed than answered.
    """
    for arm in (shown, blind):
        if not 0 <= arm.followed <= arm.n:
            raise ValueError(f"{arm.followed} of {arm.n} answers cannot have followed")
    if not shown.n or not blind.n:
        return Difference(shown, blind, 0.0, -1.0, 1.0)
    p, q = shown.share, blind.share
    p_low, p_high = wilson(p, shown.n)
    q_low, q_high = wilson(q, blind.n)
    low = p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2)
    high = p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2)
    return Difference(shown, blind, p - q, max(-1.0, low), min(1.0, high))


@dataclass(frozen=True, slots=True)
class Pace:
    """Median active seconds of an answer with and without the suggestion.

    ``saved``: the second less the first, with its 95 % interval; ``enough``: both sides say something.
    """

    shown: float
    blind: float
    saved: float
    low: float
    high: float
    enough: bool


def pace(shown: Sequence[float], blind: Sequence[float]) -> Pace | None:
    """Compare two medians, their variance after Price & Bonett 2001; None where one side has no times.

    Medians, since a person who leaves the desk for a moment would carry any mean away.
    """
    if not len(shown) or not len(blind):
        return None
    (ours, spread), (theirs, other) = _median(shown), _median(blind)
    half = Z * sqrt(spread + other)
    enough = min(len(shown), len(blind)) >= ENOUGH
    return Pace(ours, theirs, theirs - ours, theirs - ours - half, theirs - ours + half, enough)


def _median(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and its variance, from how far apart the values lie between which it surely is."""
    values = np.sort(np.asarray(seconds, np.float64))
    n = len(values)
    # Counted from 1: so many-th from below and from above.
    rank = max(1, round((n + 1) / 2 - sqrt(n)))
    missed = min(2 * float(bdtr(rank - 1, n, 0.5)), 1 - 1e-9)
    apart = float(values[n - rank] - values[rank - 1])
    return float(np.median(values)), (apart / (2 * NormalDist().inv_cdf(1 - missed / 2))) ** 2
