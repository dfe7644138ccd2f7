"""Out of fold: what a recipe says of rows it has not seen, and the temperature that makes it honest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, Final, cast

import numpy as np
from scipy.optimize import minimize_scalar

from ..arrays import FloatArray, IntArray
from .contract import Evidence, Fitted, Learner, Model, Task, Training, checked, checked_weights, from_logits
from .linear import LinearModel
from .losses import cross_entropy

# Fewer rows a fold say nothing about confidence.
FOLD_ROWS: Final = 5
# A temperature is looked for within this factor up and down.
LIMIT: Final = 25.0


class Recipe(ABC):
    """A learner that gives evidence; its temperature is fitted on folds that it has not seen.

    With fewer than 5 rows a fold, or a single label, the evidence is taken as it is and nothing is held out.
    """

    folds: int

    @abstractmethod
    def model(self, data: Training, rng: np.random.Generator) -> Evidence:
        """Fit on all of the data, without calibration."""

    def like(self, model: Model) -> Learner:  # noqa: ARG002 - most find nothing out
        """This recipe, with what it found out about itself when it made the model."""
        return self

    def fit(  # noqa: PLR0913 - the contract of a learner
        self,
        x: FloatArray,
        targets: FloatArray,
        task: Task,
        rng: np.random.Generator,
        weights: FloatArray | None = None,
        start: Model | None = None,
    ) -> Fitted:
        """Fit as ``contract.Learner`` says."""
        x, targets = checked(x, targets, task)
        weights = checked_weights(weights, len(x))
        used = np.flatnonzero(weights)
        data = Training(x[used], targets[used], weights[used], task, start)
        held_out = np.full(targets.shape, np.nan, np.float32)
        model = self._judged(data, rng, held_out, used)
        # Rows of no weight were not seen by the model itself.
        if len(used) < len(x):
            unused = weights == 0
            held_out[unused] = model.proba(x[unused])
        return Fitted(model, held_out)

    def _judged(
        self, data: Training, rng: np.random.Generator, held_out: FloatArray, used: IntArray
    ) -> Evidence:
        """The calibrated model; what its recipe says out of fold is written to the used rows."""
        if data.seen.sum() < least_labels(data.task):
            return nothing_learnt(data)
        if self.folds < 2 or len(data) < FOLD_ROWS * self.folds:
            return self.model(data, rng)
        model, logits = self.crossed(data, folds_of(data, self.folds, rng), rng)
        judged = np.flatnonzero(~np.isnan(logits).any(axis=1))
        if not len(judged):
            return model
        evidence = logits[judged]
        found, _ = temperature(evidence, data.only(judged))
        held_out[used[judged]] = from_logits(evidence / np.float32(found), data.task)
        return cast(Evidence, replace(cast(Any, model), temperature=model.temperature * found))

    def crossed(
        self, data: Training, fold: IntArray, rng: np.random.Generator
    ) -> tuple[Evidence, FloatArray]:
        """The model of all rows, and logits (m, k) of each row by a model that has not seen its fold.

        NaN in rows with a label that no other fold has: what has not been learnt cannot be judged.
        """
        model = self.model(data, rng)
        out = np.full(data.targets.shape, np.nan, np.float32)
        for number in range(self.folds):
            others = data.only(fold != number)
            if others.seen.sum() < least_labels(data.task):
                continue
            part = self.model(others, rng)
            rows = judgeable(data, fold == number, part)
            out[rows] = part.logits(data.x[rows])
        return model, out


def least_labels(task: Task) -> int:
    """How many labels there must be for anything to be learnt: a label alone is certain in single choice."""
    return 2 if task == "single" else 1


def nothing_learnt(data: Training) -> LinearModel:
    """The label that all rows have, for every row; or none at all."""
    d, k = data.x.shape[1], data.targets.shape[1]
    return LinearModel(data.task, np.zeros((d, k), np.float32), np.zeros(k, np.float32), data.seen)


def folds_of(data: Training, folds: int, rng: np.random.Generator) -> IntArray:
    """The fold of each row, drawn so that each label is spread over all folds (single choice)."""
    order = rng.permutation(len(data))
    if data.task == "single":
        order = order[np.argsort(data.targets[order].argmax(axis=1), kind="stable")]
    fold = np.empty(len(data), np.int64)
    fold[order] = np.arange(len(data)) % folds
    return fold


def judgeable(data: Training, inside: Any, model: Evidence) -> IntArray:
    """Rows inside a fold all of whose labels the model has seen."""
    rows = np.flatnonzero(inside)
    return cast(IntArray, rows[data.targets[rows][:, ~model.seen].sum(axis=1) == 0])


def temperature(logits: FloatArray, data: Training) -> tuple[float, float]:
    """The temperature that makes held-out probabilities fit best, within [1/25, 25], and the loss at it.

    Guo et al. 2017. Targets are taken to be a little unsure, by one row's worth (Platt 1999): a few rows that
    happen to be all right do not make anything certain.
    """
    able = np.isfinite(logits)
    # Minus infinity, of labels that a fold has not seen, cannot be multiplied by 0.
    evidence: FloatArray = np.maximum(logits, np.float32(-1e30))
    doubt = np.float32(1 / (len(data) + 1))
    even = 0.5 if data.task == "multi" else 1 / able.sum(axis=1, keepdims=True)
    smooth = replace(data, targets=np.asarray((1 - doubt) * data.targets + doubt * even * able, np.float32))

    def loss(log_temperature: float) -> float:
        scaled = evidence / np.float32(np.exp(log_temperature))
        return cross_entropy(scaled, smooth)[0]

    limit = float(np.log(LIMIT))
    found = minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x)), float(found.fun)
