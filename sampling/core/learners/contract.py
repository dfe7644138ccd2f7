"""What a learner promises: rows and targets in, a calibrated model out, judged out of fold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final, Literal, Protocol, Self, cast

import numpy as np
from scipy.special import expit

from ..arrays import BoolArray, FloatArray, IntArray, State, chunks, matrix

Task = Literal["single", "multi"]


class Model(Protocol):
    """A fitted learner."""

    @property
    def labels(self) -> int:
        """Columns of ``proba``: labels of the label set, seen or not."""

    @property
    def known(self) -> int:
        """Labels seen in training."""

    def proba(self, x: FloatArray) -> FloatArray:
        """Probabilities (n, k); rows sum to 1 for single choice, for multi-label columns are independent.

        A label that was never seen has probability 0.
        """

    def state(self) -> State:
        """What ``model_from_state`` needs to give the same model again."""


@dataclass(frozen=True)
class Fitted:
    """A model, and what its recipe says of each training row without having seen it."""

    model: Model
    held_out: FloatArray | None = None  # (m, k), calibrated; NaN in rows that no fold could judge


class Learner(Protocol):
    """A recipe for a Model."""

    def like(self, model: Model) -> Learner:
        """This recipe, with what it found out about itself when it made the model: another fit is cheaper."""

    def fit(  # noqa: PLR0913 - what it learns from, and what helps
        self,
        x: FloatArray,
        targets: FloatArray,
        task: Task,
        rng: np.random.Generator,
        weights: FloatArray | None = None,
        start: Model | None = None,
    ) -> Fitted:
        """Fit on rows x (m, d) and targets (m, k) in [0, 1], which sum to 1 a row for single choice.

        A row counts as much as ``weights`` (m,) says; one of weight 0 is as good as absent. ``start`` is a
        model of the round before, which may save time. The same arguments give the same model.
        """


class Evidence(ABC):
    """A model whose probabilities come from one number a label, divided by a temperature."""

    kind: ClassVar[str]
    task: Task
    seen: BoolArray  # (k,)
    temperature: float

    @property
    def labels(self) -> int:
        return int(self.seen.size)

    @property
    def known(self) -> int:
        return int(self.seen.sum())

    @abstractmethod
    def raw(self, x: FloatArray) -> FloatArray:
        """A fresh array of log-odds (n, k), up to a constant a row for single choice, before calibration."""

    @abstractmethod
    def width(self) -> int:
        """Columns that x must have."""

    def state(self) -> State:
        """What ``model_from_state`` needs to give the same model again."""
        mine = cast(Any, self)
        return {
            "kind": np.array(self.kind),
            **{field.name: np.asarray(getattr(self, field.name)) for field in fields(mine)},
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Give back the model whose ``state()`` this is; what it does not hold is as it is by default."""
        names = {field.name for field in fields(cast(Any, cls))} & set(state)
        return cls(**{name: state[name] if state[name].ndim else state[name].item() for name in names})

    def logits(self, x: FloatArray) -> FloatArray:
        """Evidence (n, k) before the probabilities; minus infinity for labels never seen."""
        x = np.asarray(x, np.float32)
        if x.ndim != 2 or x.shape[1] != self.width():
            raise ValueError(f"x has shape {x.shape}, but {self.width()} columns are needed")
        logits = self.raw(x)
        logits /= np.float32(self.temperature)
        logits[:, ~self.seen] = -np.inf
        return logits

    def proba(self, x: FloatArray) -> FloatArray:
        return from_logits(self.logits(x), self.task)


# Rows whose probabilities are worked out at once.
_BLOCK: Final = 4_096


def from_logits(logits: FloatArray, task: Task) -> FloatArray:
    """Probabilities (n, k) of logits (n, k): softmax for single choice, sigmoids for multi-label."""
    if task == "multi":
        return cast(FloatArray, expit(logits))
    out = np.empty(logits.shape, np.float32)
    for part in chunks(len(logits), _BLOCK):
        # Labels first: numpy then works along the rows of a block that stays in the processor's cache.
        block = np.ascontiguousarray(logits[part].T)
        block -= block.max(axis=0)
        np.exp(block, out=block)
        block /= block.sum(axis=0)
        out[part] = block.T
    return out


@dataclass(frozen=True)
class Training:
    """What is learnt from: checked, every weight above 0."""

    x: FloatArray  # (m, d)
    targets: FloatArray  # (m, k)
    weights: FloatArray  # (m,)
    task: Task
    start: Model | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def seen(self) -> BoolArray:
        """The labels that any row has (k,)."""
        return cast(BoolArray, self.targets.max(axis=0) > 0)

    def only(self, rows: IntArray | BoolArray) -> Training:
        """These rows alone."""
        return Training(self.x[rows], self.targets[rows], self.weights[rows], self.task, self.start)


def checked(x: Any, targets: Any, task: Task) -> tuple[FloatArray, FloatArray]:
    """Return x and targets as matrices that fit together, or raise ValueError naming what does not."""
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


def checked_weights(weights: Any, rows: int) -> FloatArray:
    """Return weights (rows,), all 1 when None, or raise ValueError; one at least must be above 0."""
    if weights is None:
        return np.ones(rows, np.float32)
    out = np.asarray(weights, np.float32)
    if out.shape != (rows,):
        raise ValueError(f"weights has shape {out.shape}, but x has {rows} rows")
    if not np.isfinite(out).all() or out.min() < 0 or not out.max() > 0:
        raise ValueError(f"weights of shape {out.shape} must be finite, at least 0, and not all 0")
    return out
