"""Learners: recipes that fit a Model on feature rows and targets; the registry LEARNERS names them all."""

from __future__ import annotations

from typing import Final

from ..arrays import State
from .contract import Evidence, Fitted, Learner, Model, Task
from .logistic import LinearModel, Logistic
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
    "recency_weights",
]

LEARNERS: Final[dict[str, Learner]] = {"logistic": Logistic()}

_KINDS: Final[dict[str, type[Evidence]]] = {LinearModel.kind: LinearModel}


def model_from_state(state: State) -> Model:
    """Give back the model whose ``state()`` this is."""
    kind = str(state["kind"])
    if kind not in _KINDS:
        raise ValueError(f"state is of kind {kind}; known: {', '.join(_KINDS)}")
    return _KINDS[kind].from_state(state)
