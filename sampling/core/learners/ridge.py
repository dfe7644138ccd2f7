"""Ridge regression with bagging, for ratings: labels are points on a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtr

from ..arrays import BoolArray, FloatArray, chunks
from .calibration import Recipe
from .contract import Evidence, Task, Training
from .linear import Span

# Rows whose probabilities are worked out together: each has a number for every member and label.
_ROWS = 2_048


@dataclass(frozen=True)
class RidgeModel(Evidence):
    """Log-probability of each step of the scale, from what the members of the bag predict.

    Each member is a normal distribution about its prediction, as wide as its error on rows that it did not
    see; their mean is cut half-way between the steps. For multi-label the scale of each label is no and yes.
    """

    kind: ClassVar[str] = "ridge"

    task: Task
    weights: FloatArray  # (d, b) for single choice, (d, k·b) for multi-label, label by label
    bias: FloatArray  # (b,) or (k·b,)
    widths: FloatArray  # (1,) or (k,): standard deviation of a member's error
    seen: BoolArray  # (k,)
    temperature: float = 1.0

    def predictions(self, x: FloatArray) -> FloatArray:
        """What the members say of each row: (n, 1, b) on the scale of positions, or (n, k, b) of 0 to 1."""
        said = x @ self.weights + self.bias
        return said.reshape(len(x), len(self.widths), -1)

    def raw(self, x: FloatArray) -> FloatArray:
        out = np.empty((len(x), self.labels), np.float32)
        for part in chunks(len(x), _ROWS):
            said = self.predictions(x[part])
            out[part] = self._yes(said) if self.task == "multi" else self._steps(said[:, 0])
        return out

    def _yes(self, said: FloatArray) -> FloatArray:
        above = (said - 0.5) / self.widths[:, None]
        yes, no = ndtr(above).mean(axis=2), ndtr(-above).mean(axis=2)
        return np.asarray(np.log(np.maximum(yes, 1e-9)) - np.log(np.maximum(no, 1e-9)), np.float32)

    def _steps(self, said: FloatArray) -> FloatArray:
        positions = np.flatnonzero(self.seen)
        out = np.zeros((len(said), self.labels), np.float32)
        edges = (positions[1:] + positions[:-1]) / 2
        below = [np.zeros(said.shape), *(ndtr((edge - said) / self.widths[0]) for edge in edges)]
        below.append(np.ones(said.shape))
        for position, low, high in zip(positions, below[:-1], below[1:], strict=True):
            out[:, position] = np.log(np.maximum((high - low).mean(axis=1), 1e-9))
        return out

    def width(self) -> int:
        return int(self.weights.shape[0])


@dataclass(frozen=True)
class Ridge(Recipe):
    """Ridge regression (Hoerl & Kennard 1970) on the positions of the labels, bagged (Breiman 1996).

    ``strength`` is one over scikit-learn's alpha.
    """

    members: int = 20
    strength: float = 3.0
    folds: int = 3

    def model(self, data: Training, rng: np.random.Generator) -> RidgeModel:
        span = Span.of(data)
        wanted = (
            data.targets if data.task == "multi" else data.targets @ np.arange(data.targets.shape[1])[:, None]
        )
        wanted = np.asarray(wanted, np.float64)
        k = wanted.shape[1]
        weights = np.zeros((span.data.x.shape[1], k, self.members), np.float32)
        bias = np.zeros((k, self.members), np.float32)
        error, left_out = np.zeros(k), 0.0
        for member in range(self.members):
            drawn = np.bincount(rng.integers(len(data), size=len(data)), minlength=len(data))
            found, offset = solved(span.data.x, wanted, data.weights * drawn, self.strength)
            weights[:, :, member], bias[:, member] = found, offset
            unseen = data.weights * (drawn == 0)
            # Not through the slice of `weights`: BLAS may touch its neighbours, which hold nothing yet.
            said = span.data.x @ found.astype(np.float32) + offset
            error += unseen @ (said - wanted) ** 2
            left_out += float(unseen.sum())
        # Never zero: a bag that is right about everything still cannot be certain.
        widths = np.sqrt(error / left_out + 1e-4) if left_out else np.ones(k)
        flat = weights.reshape(len(weights), -1)
        return RidgeModel(
            data.task,
            flat if span.basis is None else span.basis @ flat,
            bias.ravel(),
            np.asarray(widths, np.float32),
            data.seen,
        )


def solved(
    x: FloatArray, wanted: np.ndarray, weights: FloatArray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (d, k) and bias (k,) of least squared error, weighted, plus the penalty."""
    total = weights.sum()
    centre = weights @ x / total
    middle = weights @ wanted / total
    moved = (x - centre).astype(np.float64)
    scaled = moved * weights[:, None]
    left = scaled.T @ moved
    left[np.diag_indices_from(left)] += 1 / strength
    found = np.linalg.solve(left, scaled.T @ (wanted - middle))
    return found, middle - centre @ found
