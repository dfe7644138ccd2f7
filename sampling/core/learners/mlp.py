"""A small neural network with one hidden layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..arrays import BoolArray, FloatArray
from .calibration import Recipe
from .contract import Evidence, Task, Training
from .linear import Span
from .losses import cross_entropy
from .minimise import minimised


@dataclass(frozen=True)
class MlpModel(Evidence):
    """Log-odds ``max(x @ inner + inner_bias, 0) @ outer + outer_bias``."""

    kind: ClassVar[str] = "mlp"

    task: Task
    inner: FloatArray  # (d, h)
    inner_bias: FloatArray  # (h,)
    outer: FloatArray  # (h, k)
    outer_bias: FloatArray  # (k,)
    seen: BoolArray  # (k,)
    temperature: float = 1.0

    def raw(self, x: FloatArray) -> FloatArray:
        hidden = x @ self.inner
        hidden += self.inner_bias
        logits: FloatArray = np.maximum(hidden, 0, out=hidden) @ self.outer
        logits += self.outer_bias
        return logits

    def width(self) -> int:
        return int(self.inner.shape[0])


@dataclass(frozen=True)
class Mlp(Recipe):
    """Perceptron with one hidden layer of rectified units and an L2 penalty, by L-BFGS from a random start.

    ``strength`` is to the penalty what scikit-learn's C is.
    """

    hidden: int = 32
    strength: float = 3.0
    folds: int = 3

    def model(self, data: Training, rng: np.random.Generator) -> MlpModel:
        span = Span.of(data)
        sizes = (span.data.x.shape[1], self.hidden, data.targets.shape[1])
        start = _drawn(sizes, rng)

        def objective(flat: FloatArray) -> tuple[float, FloatArray]:
            return loss(flat, span.data, self.hidden, self.strength)

        inner, inner_bias, outer, outer_bias = parts(minimised(objective, start), sizes)
        made = MlpModel(data.task, inner, inner_bias, outer, outer_bias, data.seen)
        return made if span.basis is None else replace(made, inner=span.basis @ inner)


def parts(flat: FloatArray, sizes: tuple[int, int, int]) -> tuple[FloatArray, ...]:
    """Weights (d, h), bias (h,), weights (h, k) and bias (k,) of one long vector, as views."""
    d, h, k = sizes
    ends = np.cumsum([d * h, h, h * k, k])
    inner, inner_bias, outer, outer_bias = np.split(flat, ends[:-1])
    return inner.reshape(d, h), inner_bias, outer.reshape(h, k), outer_bias


def loss(flat: FloatArray, data: Training, hidden: int, strength: float) -> tuple[float, FloatArray]:
    """Mean cross-entropy plus penalty, and its gradient by all weights."""
    sizes = (data.x.shape[1], hidden, data.targets.shape[1])
    inner, inner_bias, outer, outer_bias = parts(flat, sizes)
    active = np.maximum(data.x @ inner + inner_bias, 0)
    logits = active @ outer + outer_bias
    # A label that no row has is left alone: nothing pulls its weights but the penalty.
    seen = data.seen
    value, slope = cross_entropy(logits[:, seen], replace(data, targets=data.targets[:, seen]))
    wide = np.zeros_like(logits)
    wide[:, seen] = slope
    back = (wide @ outer.T) * (active > 0)
    gradient = np.concatenate(
        [part.ravel() for part in (data.x.T @ back, back.sum(axis=0), active.T @ wide, wide.sum(axis=0))]
    )
    # On the biases hardly any: just enough that a label given to every row stays finite.
    penalty = np.full(flat.size, 1 / strength, np.float32)
    for bias in (1, 3):
        parts(penalty, sizes)[bias][:] *= 1e-3
    scale = float(data.weights.sum())
    gradient += penalty * flat
    return (value + 0.5 * float(penalty @ (flat * flat))) / scale, np.asarray(gradient / scale, np.float32)


def _drawn(sizes: tuple[int, int, int], rng: np.random.Generator) -> FloatArray:
    """A start (Glorot & Bengio 2010), for rows of length 1: as if they had as many columns as numbers."""
    d, h, k = sizes
    inner = rng.normal(0, 1, (d, h))
    outer = rng.normal(0, np.sqrt(2 / (h + k)), (h, k))
    drawn = np.concatenate([inner.ravel(), np.zeros(h), outer.ravel(), np.zeros(k)])
    return np.asarray(drawn, np.float32)
