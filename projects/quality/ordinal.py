"""Levels in an order, low to high: one level from the chances of each, by distance.

That mistakes rather fall near the truth is ``crowd.fit``'s part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def median(posterior: NDArray[np.float64]) -> int:
    """Return the level with as much chance below as above it (k,): the least expected distance to the truth.

    Between two levels that share it evenly the lower one. Source: Ferguson 1967, «Mathematical Statistics».
    """
    return int(np.searchsorted(np.cumsum(posterior), 0.5 * float(np.sum(posterior)) - 1e-12))
