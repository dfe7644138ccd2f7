"""Logistic regression and the linear support vector machine: their strength found by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..arrays import FloatArray, IntArray
from .calibration import Recipe, judgeable, temperature
from .contract import Evidence, Learner, Model, Training, from_logits
from .linear import LinearModel, Loss, Span, fitted
from .losses import cross_entropy, squared_hinge
from .minimise import ROUGH

# Another strength than the middle one must be better by so many standard errors.
SURE: Final = 2.0


@dataclass(frozen=True)
class Logistic(Recipe):
    """Logistic regression with an L2 penalty, by L-BFGS on dense rows.

    ``strengths`` are values of scikit-learn's C, rising: the larger, the weaker the penalty. Of several the
    one is taken whose calibrated predictions out of fold have the least cross-entropy; from the middle one
    upwards or downwards as long as it is surely better. Rows that a strategy picked are harder than the pool:
    to follow every small gain on them costs accuracy. With too few rows for folds, ``few`` is taken.
    """

    strengths: tuple[float, ...] = (0.3, 3.0, 30.0, 300.0, 3000.0)
    few: float = 100.0
    folds: int = 3

    def loss(self, logits: FloatArray, data: Training) -> tuple[float, FloatArray]:
        """What the weights make small, and its gradient by the logits."""
        return cross_entropy(logits, data)

    def like(self, model: Model) -> Learner:
        """This recipe with the strength that the model was fitted with."""
        if not isinstance(model, LinearModel) or not model.strength:
            return self
        return type(self)((model.strength,), model.strength, self.folds)

    def model(self, data: Training, rng: np.random.Generator) -> LinearModel:  # noqa: ARG002 - no chance in it
        return self._whole(Span.of(data), self.few)

    def crossed(
        self,
        data: Training,
        fold: IntArray,
        rng: np.random.Generator,  # noqa: ARG002 - no chance in it
    ) -> tuple[Evidence, FloatArray]:
        span = Span.of(data)
        path = _Path(span.data, fold, self.loss)
        strength = path.best(self.strengths) if len(self.strengths) > 1 else self.strengths[0]
        return self._whole(span, strength), path.logits(strength)

    def _whole(self, span: Span, strength: float) -> LinearModel:
        start = span.narrowed(span.data.start)
        return span.widened(fitted(span.data, self.loss, strength, start))


@dataclass(frozen=True)
class Svm(Logistic):
    """Linear support vector machine, one label against the rest, with a squared hinge (Cortes & Vapnik 1995).

    Its distances become probabilities by a temperature; strengths as for ``Logistic``.
    """

    strengths: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0, 100.0)
    few: float = 1.0

    def loss(self, logits: FloatArray, data: Training) -> tuple[float, FloatArray]:
        return squared_hinge(logits, data)


class _Path:
    """Models of all folds at strengths side by side: each starts where its neighbour ended."""

    def __init__(self, data: Training, fold: IntArray, loss: Loss) -> None:
        self._data, self._fold, self._loss = data, fold, loss
        self._models: dict[int, LinearModel] = {}
        self._known: dict[float, FloatArray] = {}

    def logits(self, strength: float) -> FloatArray:
        """Logits out of fold (m, k); NaN in rows that no fold can judge."""
        if strength not in self._known:
            out = np.full(self._data.targets.shape, np.nan, np.float32)
            for number in range(int(self._fold.max()) + 1):
                others, before = self._data.only(self._fold != number), self._models.get(number)
                part = fitted(others, self._loss, strength, before, ROUGH)
                self._models[number] = part
                rows = judgeable(self._data, self._fold == number, part)
                out[rows] = part.logits(self._data.x[rows])
            self._known[strength] = out
        return self._known[strength]

    def best(self, strengths: tuple[float, ...]) -> float:
        """The strength of least cross-entropy out of fold; another than the middle one only if it is sure."""
        at = middle = len(strengths) // 2
        cost = self._cost(strengths[middle])
        for step in (1, -1):
            while 0 <= at + step < len(strengths) and _surely_less(
                new := self._cost(strengths[at + step]), cost
            ):
                at, cost = at + step, new
            if at != middle:
                break
        return strengths[at]

    def _cost(self, strength: float) -> FloatArray:
        """What each row that can be judged adds to the cross-entropy."""
        logits = self.logits(strength)
        rows = np.flatnonzero(~np.isnan(logits).any(axis=1))
        if not len(rows):
            return np.zeros(0, np.float32)
        data = self._data.only(rows)
        found, _ = temperature(logits[rows], data)
        proba = np.clip(from_logits(logits[rows] / np.float32(found), data.task), 1e-6, 1 - 1e-6)
        cost = -(data.targets * np.log(proba)).sum(axis=1)
        if data.task == "multi":
            cost -= ((1 - data.targets) * np.log(1 - proba)).sum(axis=1)
        return np.asarray(cost * data.weights, np.float32)


def _surely_less(new: FloatArray, old: FloatArray) -> bool:
    """Whether the paired difference lies beyond ``SURE`` standard errors."""
    if len(new) < 2 or len(new) != len(old):
        return False
    gain = old - new
    return bool(gain.mean() > SURE * gain.std() / np.sqrt(len(gain)))
