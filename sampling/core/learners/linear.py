"""The linear model, and how it is fitted: least loss plus an L2 penalty, by L-BFGS on dense rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..arrays import BoolArray, FloatArray
from .contract import Evidence, Task, Training

FloatMatrix = NDArray[np.float64]
# ``(logits, data)``: the loss over all rows, weighted, and its gradient by the logits.
Loss = Callable[[FloatArray, Training], tuple[float, FloatArray]]
_OPTIONS: Final[dict[str, Any]] = {"maxiter": 200, "gtol": 1e-5, "ftol": 1e-7}


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


def fitted(data: Training, loss: Loss, strength: float, start: LinearModel | None = None) -> LinearModel:
    """The linear model of least loss plus penalty; labels that ``start`` has not begin at zero."""
    seen = data.seen
    d = data.x.shape[1]
    first = np.zeros((d + 1, seen.size))
    if start is not None:
        labels = min(start.labels, seen.size)
        first[:d, :labels], first[d, :labels] = start.weights[:, :labels], start.bias[:labels]
    found = np.zeros((d + 1, seen.size), np.float32)
    # One label alone needs no weights: its probability is 1.
    if seen.sum() > (data.task == "single"):
        some = replace(data, targets=data.targets[:, seen])
        found[:, seen] = _minimised(some, loss, strength, first[:, seen])
    return LinearModel(data.task, found[:d], found[d], seen, strength=strength)


def _minimised(data: Training, loss: Loss, strength: float, start: FloatMatrix) -> FloatArray:
    """Weights (d, k) over bias (1, k) of least loss plus penalty, the sum over rows times strength."""
    d, k = data.x.shape[1], data.targets.shape[1]
    penalty = np.full((d + 1, 1), 1 / strength)
    penalty[d] *= 1e-3  # Hardly any on the bias: just enough that a label given to every row stays finite.
    scale = float(data.weights.sum())

    def objective(flat: FloatMatrix) -> tuple[float, FloatMatrix]:
        w = flat.reshape(d + 1, k)
        narrow = w.astype(np.float32)
        value, slope = loss(data.x @ narrow[:d] + narrow[d], data)
        gradient = penalty * w
        value += 0.5 * float(np.einsum("ij,ij->", gradient, w))
        gradient[:d] += data.x.T @ slope
        gradient[d] += slope.sum(axis=0)
        return value / scale, gradient.ravel() / scale

    found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=_OPTIONS)
    return np.asarray(found.x.reshape(d + 1, k), np.float32)
