"""Levels in an order, low to high: one level from the chances of each, by distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def median(posterior: Floats) -> int:
    """Return the level with as much chance below as above it (k,): the least expected distance to the truth.

    Between two levels that share it evenly the lower one. Source: Ferguson 1967, «Mathematical Statistics».
    """
    return int(np.searchsorted(np.cumsum(posterior), 0.5 * float(np.sum(posterior)) - 1e-12))


def mean(posterior: Floats) -> float:
    """Return the expected level, in levels from 0: the least expected squared distance to the truth."""
    return float(np.arange(len(posterior)) @ posterior / np.sum(posterior))


def weighted_median(levels: Sequence[int], weights: Sequence[float] | NDArray[Any]) -> int:
    """Return the median of votes for levels, each with a weight above 0, as ``median`` does of chances.

    Raises ValueError without votes.
    """
    if not len(levels):
        raise ValueError("levels is empty: an item without a vote has no median")
    return median(np.bincount(np.asarray(levels), np.asarray(weights)).astype(np.float64))
