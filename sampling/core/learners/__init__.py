"""Learners: recipes that fit a Model on feature rows and targets; the registry LEARNERS names them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..arrays import FloatArray, State
from .bayes import BayesModel, NaiveBayes
from .contract import Evidence, Fitted, Learner, Model, Task, from_logits
from .forest import Forest, ForestModel
from .linear import LinearModel
from .logistic import Logistic, Svm
from .mlp import Mlp, MlpModel
from .ridge import Ridge, RidgeModel
from .weighting import CLASS_WEIGHTS, class_weights, recency_weights

__all__ = [
    "CLASS_WEIGHTS",
    "LEARNERS",
    "Fitted",
    "Learner",
    "LinearModel",
    "Logistic",
    "Model",
    "Task",
    "class_weights",
    "model_from_state",
    "probas",
    "recency_weights",
]

LEARNERS: Final[dict[str, Learner]] = {
    "logistic": Logistic(),
    "svm": Svm(),
    "naive-bayes": NaiveBayes(),
    "forest": Forest(),
    "mlp": Mlp(),
    "ridge": Ridge(),
}

_KINDS: Final[dict[str, type[Evidence]]] = {
    kind.kind: kind for kind in (LinearModel, BayesModel, ForestModel, MlpModel, RidgeModel)
}


def model_from_state(state: State) -> Model:
    """Give back the model whose ``state()`` this is."""
    kind = str(state["kind"])
    if kind not in _KINDS:
        raise ValueError(f"state is of kind {kind}; known: {', '.join(_KINDS)}")
    return _KINDS[kind].from_state(state)


def probas(models: Sequence[Model], x: FloatArray) -> FloatArray:
    """Probabilities (c, n, k) of several models of the same labels; linear ones share one pass over x."""
    if not models:
        raise ValueError("models is empty; one at least is needed")
    linear = [model for model in models if isinstance(model, LinearModel)]
    if len(linear) < len(models) or len({model.weights.shape for model in linear}) > 1:
        return np.stack([model.proba(x) for model in models])
    joined = LinearModel(
        "multi",
        np.hstack([model.weights / np.float32(model.temperature) for model in linear]),
        np.concatenate([model.bias / np.float32(model.temperature) for model in linear]),
        np.concatenate([model.seen for model in linear]),
    )
    shape = (len(x), len(linear), linear[0].labels)
    together = from_logits(joined.logits(x).reshape(-1, shape[2]), linear[0].task)
    return np.moveaxis(together.reshape(shape), 1, 0)
