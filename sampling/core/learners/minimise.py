"""L-BFGS in single precision: half the memory of scipy's, without the work that bounds need."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from ..arrays import FloatArray

# The value of a point (n,) and its gradient (n,).
Objective = Callable[[FloatArray], tuple[float, FloatArray]]

PASSES: Final = 200
# Steps that are remembered.
MEMORY: Final = 10
# It ends when no slope is steeper than this, or the value shrinks by less than a share of it: as near as
# single precision tells, or near enough to compare with others.
LEAST_SLOPE: Final = 1e-5
CLOSE, ROUGH = 1e-7, 1e-5
_SHORTEST_STEP: Final = 1e-6


def minimised(objective: Objective, start: FloatArray, gain: float = CLOSE) -> FloatArray:
    """The point (n,) where a smooth objective is least (Nocedal 1980); it ends when steps gain less than so.

    Steps are halved until they gain what the slope promises (Armijo 1966). The same start gives the same end.
    """
    point = np.asarray(start, np.float32)
    value, slope = objective(point)
    steps: deque[tuple[FloatArray, FloatArray, float]] = deque(maxlen=MEMORY)
    for _ in range(PASSES):
        if np.abs(slope).max() < LEAST_SLOPE:
            break
        downhill = _direction(slope, steps)
        new, new_value, new_slope = _step(objective, point, value, downhill, float(slope @ downhill))
        gained = value - new_value
        if gained <= 0:
            break
        moved, bent = new - point, new_slope - slope
        curvature = float(moved @ bent)
        if curvature > 1e-12:
            steps.append((moved, bent, curvature))
        point, value, slope = new, new_value, new_slope
        if gained <= gain * max(abs(value), 1):
            break
    return point


def _direction(slope: FloatArray, steps: deque[tuple[FloatArray, FloatArray, float]]) -> FloatArray:
    """Where to go: against the slope, bent by what the last steps told of the curvature."""
    out = -slope
    if not steps:
        out /= np.float32(np.linalg.norm(slope))
        return out
    shares = []
    for moved, bent, curvature in reversed(steps):
        share = np.float32(float(moved @ out) / curvature)
        out -= share * bent
        shares.append(share)
    _, bent, curvature = steps[-1]
    out *= np.float32(curvature / float(bent @ bent))
    for (moved, bent, curvature), share in zip(steps, reversed(shares), strict=True):
        out += (share - np.float32(float(bent @ out) / curvature)) * moved
    return out


def _step(
    objective: Objective, point: FloatArray, value: float, downhill: FloatArray, promise: float
) -> tuple[FloatArray, float, FloatArray]:
    """A point downhill that is better; where none is, one that is not."""
    step = 1.0
    while True:
        new = point + np.float32(step) * downhill
        new_value, new_slope = objective(new)
        if new_value <= value + 1e-4 * step * promise or step < _SHORTEST_STEP:
            return new, new_value, new_slope
        step /= 2
