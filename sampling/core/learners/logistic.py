"""Logistic regression on dense rows, and the linear model that it and others give."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..arrays import BoolArray, FloatArray, IntArray, State
from .calibration import Recipe, cross_entropy, judgeable
from .contract import Evidence, Task, Training

FloatMatrix = NDArray[np.float64]


@dataclass(frozen=True)
class LinearModel(Evidence):
    """Softmax (single) or independent sigmoids (multi) over ``x @ weights + bias``."""

    kind: ClassVar[str] = "linear"

    task: Task
    weights: FloatArray  # (d, k)
    bias: FloatArray  # (k,)
    seen: BoolArray  # (k,)
    temperature: float = 1.0

    def raw(self, x: FloatArray) -> FloatArray:
        logits = x @ self.weights
        logits += self.bias
        return logits

    def width(self) -> int:
        return int(self.weights.shape[0])

    def state(self) -> State:
        return {
            "kind": np.array(self.kind),
            "task": np.array(self.task),
            "weights": self.weights,
            "bias": self.bias,
            "seen": self.seen,
            "temperature": np.array(self.temperature),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls(
            cast(Task, str(state["task"])),
            np.asarray(state["weights"], np.float32),
            np.asarray(state["bias"], np.float32),
            np.asarray(state["seen"], np.bool_),
            float(state["temperature"]),
        )


@dataclass(frozen=True)
class Logistic(Recipe):
    """Logistic regression with an L2 penalty, by L-BFGS on dense rows.

    ``strength`` is scikit-learn's C: the larger, the weaker the penalty.
    """

    strength: float = 30.0
    folds: int = 3

    def model(self, data: Training, rng: np.random.Generator) -> LinearModel:  # noqa: ARG002
        narrow, basis = spanned(data)
        return widened(_fit(narrow, self.strength), basis)

    def crossed(
        self,
        data: Training,
        fold: IntArray,
        rng: np.random.Generator,  # noqa: ARG002
    ) -> tuple[LinearModel, FloatArray]:
        narrow, basis = spanned(data)
        model = _fit(narrow, self.strength)
        out = np.full(data.targets.shape, np.nan, np.float32)
        for number in range(self.folds):
            part = _fit(narrow.only(fold != number), self.strength)
            rows = judgeable(narrow, fold == number, part)
            out[rows] = part.logits(narrow.x[rows])
        return widened(model, basis), out


def spanned(data: Training) -> tuple[Training, FloatArray | None]:
    """The same rows in coordinates of their span, and its basis (d, m); None where it saves nothing.

    The penalty keeps weights in the span of the rows, so fewer rows than columns need fewer unknowns.
    """
    if len(data) >= data.x.shape[1]:
        return data, None
    basis, coordinates = np.linalg.qr(data.x.T)
    return replace(data, x=np.ascontiguousarray(coordinates.T)), basis


def widened(model: LinearModel, basis: FloatArray | None) -> LinearModel:
    """The model for rows of the whole space."""
    return model if basis is None else replace(model, weights=basis @ model.weights)


def _fit(data: Training, strength: float) -> LinearModel:
    seen = data.seen
    weights, bias = np.zeros((data.x.shape[1], seen.size), np.float32), np.zeros(seen.size, np.float32)
    # One label alone needs no weights: its probability is 1.
    if seen.sum() > (data.task == "single"):
        weights[:, seen], bias[seen] = _minimised(replace(data, targets=data.targets[:, seen]), strength)
    return LinearModel(data.task, weights, bias, seen)


def _minimised(data: Training, strength: float) -> tuple[FloatArray, FloatArray]:
    """Weights (d, k) and bias (k,) of least cross-entropy plus penalty, the sum over rows times strength."""
    d, k = data.x.shape[1], data.targets.shape[1]
    penalty = np.full((d + 1, 1), 1 / strength)
    penalty[d] *= 1e-3  # Hardly any on the bias: just enough that a label given to every row stays finite.
    scale = float(data.weights.sum())

    def objective(flat: FloatMatrix) -> tuple[float, FloatMatrix]:
        w = flat.reshape(d + 1, k)
        narrow = w.astype(np.float32)
        loss, slope = cross_entropy(data.x @ narrow[:d] + narrow[d], data)
        gradient = penalty * w
        loss += 0.5 * float(np.einsum("ij,ij->", gradient, w))
        gradient[:d] += data.x.T @ slope
        gradient[d] += slope.sum(axis=0)
        return loss / scale, gradient.ravel() / scale

    options: dict[str, Any] = {"maxiter": 200, "gtol": 1e-5, "ftol": 1e-7}
    start = np.zeros((d + 1) * k)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x.reshape(d + 1, k)
    return found[:d].astype(np.float32), found[d].astype(np.float32)
