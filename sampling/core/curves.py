"""Learning curves as inverse power laws: many are fitted at once, because intervals come from many draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Rates that are tried. A slower one is a straight line as far as anybody looks.
RATES: Final = np.geomspace(0.05, 3, 60)


@dataclass(frozen=True)
class Curves:
    """Accuracy ``top - drop * n ** -rate`` after n labels; one curve a draw, arrays (b,)."""

    top: Floats
    drop: Floats
    rate: Floats

    def at(self, sizes: Any) -> Floats:
        """Accuracy (b, s) after so many labels (s,)."""
        n = np.asarray(sizes, np.float64)
        return self.top[:, None] - self.drop[:, None] * n[None, :] ** -self.rate[:, None]

    def needed(self, accuracy: Any) -> Floats:
        """Labels (b,) after which each curve has this accuracy (b,); infinite where it never gets there."""
        missing = self.top - np.asarray(accuracy, np.float64)
        rises = (missing > 0) & (self.drop > 0)
        found = np.full(len(self.top), np.inf)
        # An accuracy that comes at once, or one that takes for ever, must not overflow.
        exponent = np.log(self.drop[rises] / missing[rises]) / self.rate[rises]
        found[rises] = np.exp(np.clip(exponent, 0, 60))
        # A flat curve has from the first label on what it will ever have.
        found[(missing >= 0) & (self.drop == 0)] = 1.0
        return found


def fit(sizes: Any, accuracy: Any, weights: Any = None) -> Curves:
    """Fit one curve to each row of accuracy (b, s), measured after ``sizes`` labels (s,), by least squares.

    ``weights`` (s,) say how much each size counts. For a given rate the rest is linear, so that every rate of
    a grid is solved exactly and the best taken (variable projection, Golub & Pereyra 1973). Curves never fall
    and never pass 1. The form is that of most learning curves (Viering & Loog 2023).
    """
    n, y = np.asarray(sizes, np.float64), np.atleast_2d(np.asarray(accuracy, np.float64))
    if n.ndim != 1 or y.shape[1] != len(n) or len(n) < 3 or not n.size or n.min() < 1:
        raise ValueError(f"sizes has shape {n.shape}, accuracy {y.shape}; 3 sizes of at least 1 are needed")
    w = np.ones(len(n)) if weights is None else np.asarray(weights, np.float64)
    w = w / w.sum()
    x = n[None, :] ** -RATES[:, None]  # (r, s)
    x_mean, y_mean = x @ w, y @ w
    x_off, y_off = x - x_mean[:, None], y - y_mean[:, None]
    spread = (x_off**2) @ w  # (r,)
    drop = np.maximum(0, -(y_off * w) @ x_off.T / np.maximum(spread, 1e-300))  # (b, r)
    top = y_mean[:, None] + drop * x_mean
    # Where the best curve would pass 1, the best of those that end there.
    above = top > 1
    drop_at_1 = np.maximum(0, ((1 - y) * w) @ x.T / ((x**2) @ w))
    drop, top = np.where(above, drop_at_1, drop), np.where(above, 1.0, top)
    apart = ((y**2) @ w)[:, None] - 2 * (top * y_mean[:, None] - drop * ((y * w) @ x.T))
    apart += top**2 - 2 * top * drop * x_mean + drop**2 * ((x**2) @ w)
    best = apart.argmin(axis=1)
    rows = np.arange(len(y))
    return Curves(top[rows, best], drop[rows, best], RATES[best])
