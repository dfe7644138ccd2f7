"""Which way of settling votes is used: the one that suits the votes, or that decided items speak for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# Votes on items with two votes or more that people need before they are told apart.
JOINT: Final = 15
# Decided items from which on they choose the method.
ENOUGH: Final = 50


def choose(right: Mapping[str, NDArray[Any]], joint: NDArray[np.integer[Any]]) -> str:
    """Return the method to use, of those in ``right``.

    ``right`` says of each method, the simplest first, whether it was right on each decided item (d,), the
    same items for all; ``joint`` (p,) counts each person's votes on items with two votes or more. Majority
    until the median person has 15 of these, Dawid–Skene from then on: as ``crowd.fit`` does it, it was right
    at least as often as the majority from two votes an item on, in all five sets with a truth of their own.
    Another one takes over from 50 decided items on, where it is right more often by more than chance is: one
    standard error of the difference.
    """
    some = joint[joint > 0]
    usual = float(np.median(some)) if len(some) else 0.0
    best = "majority" if usual < JOINT else "dawid-skene"
    if best not in right:
        best = list(right)[-1]
    for method, one in right.items():
        differs = one - right[best]
        if len(differs) >= ENOUGH and differs.sum() > np.sqrt((differs != 0).sum()):
            best = method
    return best
