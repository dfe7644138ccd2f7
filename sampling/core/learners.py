"""Learners: recipes that fit a Model on feature rows and targets; the registry LEARNERS names them all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from .arrays import BoolArray, FloatArray, State, matrix

Task = Literal["single", "multi"]
FloatMatrix = NDArray[np.float64]


class Model(Protocol):
    """A fitted learner."""

    @property
    def labels(self) -> int:
        """Columns of ``proba``: labels of the label set, seen or not."""

    @property
    def known(self) -> int:
        """Labels seen in training."""

    def proba(self, x: FloatArray) -> FloatArray:
        """Probabilities (n, k); rows sum to 1 for single choice, for multi-label columns are independent."""

    def state(self) -> State:
        """What ``model_from_state`` needs to give the same model again."""


@dataclass(frozen=True)
class Fitted:
    """A model, and what its recipe says of each training row without having seen it."""

    model: Model
    held_out: FloatArray | None = None  # (m, k), calibrated; NaN in rows that no fold could judge


class Learner(Protocol):
    """A recipe for a Model."""

    def fit(self, x: FloatArray, targets: FloatArray, task: Task, rng: np.random.Generator) -> Fitted:
        """Fit on rows x (m, d) and targets (m, k) in [0, 1]."""


@dataclass(frozen=True)
class LinearModel:
    """Softmax (single) or independent sigmoids (multi) over ``x @ weights + bias``.

    A label that was never seen has probability 0.
    """

    task: Task
    weights: FloatArray  # (d, k)
    bias: FloatArray  # (k,)
    seen: BoolArray  # (k,)
    temperature: float = 1.0

    @property
    def labels(self) -> int:
        return int(self.seen.size)

    @property
    def known(self) -> int:
        return int(self.seen.sum())

    def logits(self, x: FloatArray) -> FloatArray:
        """Evidence (n, k) before the probabilities; minus infinity for labels never seen."""
        x = np.asarray(x, np.float32)
        if x.ndim != 2 or x.shape[1] != self.weights.shape[0]:
            raise ValueError(f"x has shape {x.shape}, but {self.weights.shape[0]} columns are needed")
        logits = x @ self.weights
        logits += self.bias
        logits /= np.float32(self.temperature)
        logits[:, ~self.seen] = -np.inf
        return logits

    def proba(self, x: FloatArray) -> FloatArray:
        logits = self.logits(x)
        if self.task == "multi":
            return cast(FloatArray, expit(logits))
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    def state(self) -> State:
        return {
            "kind": np.array("linear"),
            "task": np.array(self.task),
            "weights": self.weights,
            "bias": self.bias,
            "seen": self.seen,
            "temperature": np.array(self.temperature),
        }


def model_from_state(state: State) -> Model:
    """Give back the model whose ``state()`` this is."""
    if str(state["kind"]) != "linear":
        raise ValueError(f"state is of kind {state['kind']!s}; known: linear")
    return LinearModel(
        cast(Task, str(state["task"])),
        np.asarray(state["weights"], np.float32),
        np.asarray(state["bias"], np.float32),
        np.asarray(state["seen"], np.bool_),
        float(state["temperature"]),
    )


@dataclass(frozen=True)
class Logistic:
    """Logistic regression with an L2 penalty, by L-BFGS on dense rows, its temperature fitted out of fold.

    ``strength`` is scikit-learn's C: the larger, the weaker the penalty.
    """

    strength: float = 30.0
    folds: int = 3

    def fit(self, x: FloatArray, targets: FloatArray, task: Task, rng: np.random.Generator) -> Fitted:
        x, targets = _checked(x, targets, task)
        model = _fit(x, targets, task, self.strength)
        if self.folds < 2 or len(x) < 10 * self.folds or model.known < 2:
            return Fitted(model)
        return Fitted(replace(model, temperature=self._temperature(x, targets, task, rng)))

    def _temperature(self, x: FloatArray, targets: FloatArray, task: Task, rng: np.random.Generator) -> float:
        """The temperature that makes held-out probabilities fit best (Guo et al. 2017), within [1/5, 5]."""
        fold = rng.permutation(len(x)) % self.folds
        logits, truth = [], []
        for i in range(self.folds):
            model = _fit(x[fold != i], targets[fold != i], task, self.strength)
            # Labels that this fold could not learn say nothing about its confidence.
            known = np.flatnonzero(targets[fold == i][:, ~model.seen].sum(axis=1) == 0)
            logits.append(model.logits(x[fold == i][known]))
            truth.append(targets[fold == i][known])
        # Minus infinity, of labels that a fold has not seen, cannot be multiplied by 0.
        evidence: FloatArray = np.maximum(np.concatenate(logits), np.float32(-1e30))
        wanted = np.concatenate(truth)
        if not len(wanted):
            return 1.0

        def loss(log_temperature: float) -> float:
            return _loss(evidence / np.float32(np.exp(log_temperature)), wanted, task)[0]

        limit = float(np.log(5))
        return float(np.exp(minimize_scalar(loss, bounds=(-limit, limit), method="bounded").x))


LEARNERS: Final[dict[str, Learner]] = {"logistic": Logistic()}


def _checked(x: FloatArray, targets: FloatArray, task: Task) -> tuple[FloatArray, FloatArray]:
    x, targets = matrix("x", x), matrix("targets", targets)
    if task not in ("single", "multi"):
        raise ValueError(f"task is {task!r}; known: single, multi")
    if not len(x) or not x.shape[1] or not targets.shape[1]:
        raise ValueError(f"x has shape {x.shape}, targets {targets.shape}; at least one row and column each")
    if len(x) != len(targets):
        raise ValueError(f"x has {len(x)} rows, targets has {len(targets)}")
    if targets.min() < 0 or targets.max() > 1:
        raise ValueError(f"targets of shape {targets.shape} must lie in [0, 1]")
    if task == "single" and not np.allclose(targets.sum(axis=1), 1, atol=1e-4):
        raise ValueError(f"targets of shape {targets.shape} must have rows that sum to 1 for single choice")
    return x, targets


def _loss(logits: FloatArray, targets: FloatArray, task: Task) -> tuple[float, FloatArray]:
    """Cross-entropy in all and its gradient by the logits (m, k)."""
    fit = float(np.einsum("ij,ij->", targets, logits, dtype=np.float64))
    if task == "multi":
        cost = np.logaddexp(0, logits)
        return float(cost.sum(dtype=np.float64)) - fit, np.asarray(expit(logits) - targets, np.float32)
    highest = logits.max(axis=1, keepdims=True)
    proba = np.exp(logits - highest)
    total = proba.sum(axis=1, keepdims=True)
    proba /= total
    # Rows of targets sum to 1.
    return float((np.log(total) + highest).sum(dtype=np.float64)) - fit, proba - targets


def _fit(x: FloatArray, targets: FloatArray, task: Task, strength: float) -> LinearModel:
    seen = targets.max(axis=0) > 0
    weights, bias = np.zeros((x.shape[1], seen.size), np.float32), np.zeros(seen.size, np.float32)
    # One label alone needs no weights: its probability is 1.
    if seen.sum() > (task == "single"):
        weights[:, seen], bias[seen] = _minimised(x, targets[:, seen], task, strength)
    return LinearModel(task, weights, bias, seen)


def _minimised(
    x: FloatArray, targets: FloatArray, task: Task, strength: float
) -> tuple[FloatArray, FloatArray]:
    """Weights (d, k) and bias (k,) of least cross-entropy plus penalty, the sum over rows times strength."""
    basis = None
    if len(x) < x.shape[1]:
        # The penalty keeps weights in the span of the rows, so fewer rows than columns need fewer unknowns.
        basis, coordinates = np.linalg.qr(x.T)
        x = np.ascontiguousarray(coordinates.T)
    d, k = x.shape[1], targets.shape[1]
    penalty = np.full((d + 1, 1), 1 / strength)
    penalty[d] *= 1e-3  # Hardly any on the bias: just enough that a label given to every row stays finite.

    def objective(flat: FloatMatrix) -> tuple[float, FloatMatrix]:
        w = flat.reshape(d + 1, k)
        narrow = w.astype(np.float32)
        loss, slope = _loss(x @ narrow[:d] + narrow[d], targets, task)
        gradient = penalty * w
        loss += 0.5 * float(np.einsum("ij,ij->", gradient, w))
        gradient[:d] += x.T @ slope
        gradient[d] += slope.sum(axis=0)
        return loss / len(x), gradient.ravel() / len(x)

    options = {"maxiter": 200, "gtol": 1e-5, "ftol": 1e-7}
    start = np.zeros((d + 1) * k)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x.reshape(d + 1, k)
    weights = found[:d].astype(np.float32)
    return (weights if basis is None else basis @ weights), found[d].astype(np.float32)
