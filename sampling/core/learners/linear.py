"""The linear model, and how it is fitted: least loss plus an L2 penalty, by L-BFGS on dense rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import BoolArray, FloatArray
from .contract import Evidence, Task, Training
from .minimise import CLOSE, Objective, minimised

FloatMatrix = NDArray[np.float64]
# ``(logits, data)``: the loss over all rows, weighted, and its gradient by the logits.
Loss = Callable[[FloatArray, Training], tuple[float, FloatArray]]


@dataclass(frozen=True)
class LinearModel(Evidence):
    """Softmax (single) or independent sigmoids (multi) over ``x @ weights + bias``."""

    kind: ClassVar[str] = "linear"

    task: Task
    weights: FloatArray  # (d, k)
    bias: FloatArray  # (k,)
    seen: BoolArray  # (k,)
    temperature: float = 1.0
    strength: float = 0.0  # of the penalty it was fitted with, as scikit-learn's C; 0: unknown

    def raw(self, x: FloatArray) -> FloatArray:
        logits = x @ self.weights
        logits += self.bias
        return logits

    def width(self) -> int:
        return int(self.weights.shape[0])


@dataclass(frozen=True)
class Span:
    """Rows in coordinates of the space that they span; ``basis`` (d, m) is None where it saves nothing.

    The penalty keeps weights in the span of the rows, so fewer rows than columns need fewer unknowns.
    """

    data: Training
    basis: FloatArray | None

    @classmethod
    def of(cls, data: Training) -> Span:
        if len(data) >= data.x.shape[1]:
            return cls(data, None)
        basis, coordinates = np.linalg.qr(data.x.T)
        return cls(replace(data, x=np.ascontiguousarray(coordinates.T)), basis)

    def widened(self, model: LinearModel) -> LinearModel:
        """The model for rows of the whole space."""
        return model if self.basis is None else replace(model, weights=self.basis @ model.weights)

    def narrowed(self, start: Any) -> LinearModel | None:
        """A linear model of the whole space in these coordinates; None for any other, or other columns."""
        width = self.data.x.shape[1] if self.basis is None else len(self.basis)
        if not isinstance(start, LinearModel) or start.width() != width:
            return None
        return start if self.basis is None else replace(start, weights=self.basis.T @ start.weights)


def fitted(
    data: Training, loss: Loss, strength: float, start: LinearModel | None = None, gain: float = CLOSE
) -> LinearModel:
    """The linear model of least loss plus penalty; labels that ``start`` has not begin at zero."""
    seen = data.seen
    d = data.x.shape[1]
    first = np.zeros((d + 1, seen.size), np.float32)
    if start is not None:
        labels = min(start.labels, seen.size)
        first[:d, :labels], first[d, :labels] = start.weights[:, :labels], start.bias[:labels]
    found = np.zeros((d + 1, seen.size), np.float32)
    # One label alone needs no weights: its probability is 1.
    if seen.sum() > (data.task == "single"):
        some = replace(data, targets=data.targets[:, seen])
        objective = _objective(some, loss, strength)
        found[:, seen] = minimised(objective, first[:, seen].ravel(), gain).reshape(d + 1, -1)
    return LinearModel(data.task, found[:d], found[d], seen, strength=strength)


def _objective(data: Training, loss: Loss, strength: float) -> Objective:
    """Loss plus penalty, the sum over rows times strength, of weights (d, k) over bias (1, k), flat."""
    d, k = data.x.shape[1], data.targets.shape[1]
    columns = np.ascontiguousarray(data.x.T)
    penalty = np.full((d + 1, 1), 1 / strength, np.float32)
    penalty[d] *= 1e-3  # Hardly any on the bias: just enough that a label given to every row stays finite.
    scale = float(data.weights.sum())

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        w = flat.reshape(d + 1, k)
        logits = data.x @ w[:d]
        logits += w[d]
        value, slope = loss(logits, data)
        gradient = penalty * w
        value += 0.5 * float(np.vdot(gradient, w))
        gradient[:d] += columns @ slope
        gradient[d] += slope.sum(axis=0)
        gradient /= np.float32(scale)
        return value / scale, gradient.ravel()

    return objective
