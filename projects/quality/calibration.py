"""What a posterior is worth: the share of items that were right at that confidence, on decided items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Below so many decided items nothing is known.
ENOUGH: Final = 100
# A posterior says no more than this, in either direction.
EDGE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Calibration:
    """A monotone map from a posterior to the share that was right.

    ``slope`` >= 0 and ``shift`` act on the log-odds; ``items`` is how many decided items it rests on.
    """

    slope: float
    shift: float
    items: int

    @classmethod
    def of(cls, confidence: Floats, right: NDArray[np.bool_]) -> Calibration | None:
        """Fit to decided items: the posterior of what the votes chose (n,), and whether it was right (n,).

        None below 100 items. Logistic regression on the log-odds (Platt 2000), drawn towards leaving the
        posterior as it is by a few pseudo-items. Raises ValueError for arrays of unequal length.
        """
        if len(confidence) != len(right):
            raise ValueError(
                f"confidence and right must be of one length, not {len(confidence)}, {len(right)}"
            )
        if len(confidence) < ENOUGH:
            return None
        slope, shift = _platt(_log_odds(confidence), np.asarray(right, dtype=np.float64))
        return cls(slope, shift, len(confidence))

    def of_posterior(self, posterior: float) -> float:
        """Return the chance in (0, 1) that an answer with this posterior is right."""
        odds = float(self.slope * _log_odds(np.array(posterior)) + self.shift)
        return float(1 / (1 + np.exp(-odds)))

    def as_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` reads, fit for JSON."""
        return {"slope": self.slope, "shift": self.shift, "items": self.items}

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Calibration:
        return cls(float(kept["slope"]), float(kept["shift"]), int(kept["items"]))


def _log_odds(posterior: NDArray[Any]) -> Floats:
    inside = np.clip(posterior, EDGE, 1 - EDGE)
    odds: Floats = np.log(inside / (1 - inside))
    return odds


def _platt(odds: Floats, right: Floats, rounds: int = 50) -> tuple[float, float]:
    """Newton's method with a normal prior of width 1 around slope 1, shift 0."""
    design = np.stack([odds, np.ones_like(odds)], axis=1)
    centre = np.array([1.0, 0.0])
    at = centre.copy()
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-design @ at))
        slope = design.T @ (chance - right) + (at - centre)
        bend = (design * (chance * (1 - chance))[:, None]).T @ design + np.eye(2)
        step = np.linalg.solve(bend, slope)
        at = at - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    if at[0] < 0:
        share = (right.sum() + 1) / (len(right) + 2)
        return 0.0, float(np.log(share / (1 - share)))
    return float(at[0]), float(at[1])
