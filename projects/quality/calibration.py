"""What a posterior is worth: the share of items that were right at that confidence, on decided items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Below so many decided items nothing is known.
ENOUGH: Final = 100
# Decided items to a step, and steps at most.
A_STEP: Final = 40
STEPS: Final = 10
# A posterior says no more than this, in either direction.
EDGE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Calibration:
    """A map from a posterior to the share that was right; a higher posterior is never worth less.

    ``at``     the steps' mean log-odds of the posterior, rising, and ``worth`` the share right there, which
               never falls; between steps it is drawn straight, and beyond the last it rises no further.
    ``items``  how many decided items it rests on.
    """

    at: tuple[float, ...]
    worth: tuple[float, ...]
    items: int

    @classmethod
    def of(cls, confidence: Floats, right: NDArray[np.bool_]) -> Calibration | None:
        """Fit to decided items: the posterior of what the votes chose (n,), and whether it was right (n,).

        None below 100 items. Isotonic regression (Zadrozny & Elkan 2002) over steps of 40 items or more, each
        with one more item right and one wrong. Not a curve with a slope (Platt 2000): where people share a
        confusion the share right stays below .9 however sure the votes are, and a curve drawn on from there
        was wrong in a fifth of the projects that were simulated.

        Raises ValueError for arrays of unequal length.
        """
        if len(confidence) != len(right):
            lengths = f"{len(confidence)}, {len(right)}"
            raise ValueError(f"confidence and right must be of one length, not {lengths}")
        if len(confidence) < ENOUGH:
            return None
        odds = _log_odds(confidence)
        step = _steps(odds)
        sizes = np.bincount(step).astype(np.float64)
        at = np.bincount(step, odds) / sizes
        share = (np.bincount(step, np.asarray(right, dtype=np.float64)) + 1) / (sizes + 2)
        return cls(tuple(at.tolist()), tuple(_rising(share.tolist(), sizes.tolist())), len(odds))

    def of_posterior(self, posterior: float) -> float:
        """Return the chance in [0, 1) that an answer with this posterior is right."""
        bottom = float(_log_odds(np.array(0.0))) - 1
        odds = float(_log_odds(np.array(posterior)))
        return float(np.interp(odds, (bottom, *self.at), (0.0, *self.worth)))

    def as_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` reads, fit for JSON."""
        return {"at": list(self.at), "worth": list(self.worth), "items": self.items}

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Calibration:
        return cls(tuple(kept["at"]), tuple(kept["worth"]), int(kept["items"]))


def _log_odds(posterior: NDArray[Any]) -> Floats:
    inside = np.clip(posterior, EDGE, 1 - EDGE)
    odds: Floats = np.log(inside / (1 - inside))
    return odds


def _steps(odds: Floats) -> NDArray[np.intp]:
    """Say in which step each item lies (n,): even ones, but equal posteriors lie in one."""
    number = min(STEPS, len(odds) // A_STEP)
    edges = np.quantile(odds, np.arange(1, number) / number)
    step: NDArray[np.intp] = np.unique(np.searchsorted(edges, odds), return_inverse=True)[1]
    return step


def _rising(shares: list[float], sizes: list[float]) -> list[float]:
    """Pool neighbours that fall (Ayer et al. 1955): the nearest shares that never do."""
    pools: list[tuple[float, float, int]] = []
    for share, size in zip(shares, sizes, strict=True):
        pool = (share, size, 1)
        while pools and pools[-1][0] >= pool[0]:
            last = pools.pop()
            weight = last[1] + pool[1]
            pool = ((last[0] * last[1] + pool[0] * pool[1]) / weight, weight, last[2] + pool[2])
        pools.append(pool)
    return [share for share, _, steps in pools for _ in range(steps)]
