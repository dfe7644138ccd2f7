"""Naive Bayes: each label a Gaussian with independent columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..arrays import BoolArray, FloatArray
from .calibration import Recipe
from .contract import Evidence, Task, Training
from .linear import FloatMatrix


@dataclass(frozen=True)
class BayesModel(Evidence):
    """Log-odds ``x² @ curves + x @ slopes + bias``: what Gaussians with their own variances give."""

    kind: ClassVar[str] = "bayes"

    task: Task
    curves: FloatArray  # (d, k)
    slopes: FloatArray  # (d, k)
    bias: FloatArray  # (k,)
    seen: BoolArray  # (k,)
    temperature: float = 1.0

    def raw(self, x: FloatArray) -> FloatArray:
        logits = np.asarray(np.square(x) @ self.curves, np.float32)
        logits += x @ self.slopes
        logits += self.bias
        return logits

    def width(self) -> int:
        return int(self.slopes.shape[0])


@dataclass(frozen=True)
class NaiveBayes(Recipe):
    """Gaussian naive Bayes, variances drawn to the common one as if by ``pull`` more rows of each label.

    Columns of an embedding are far from independent, which makes the plain sum of their evidence much too
    sure: it is divided by ``sqrt(d)`` before it is calibrated. For multi-label each label has a Gaussian for
    yes and one for no.
    """

    pull: float = 1000.0
    folds: int = 3

    def model(self, data: Training, rng: np.random.Generator) -> BayesModel:  # noqa: ARG002 - no chance in it
        yes = _Moments.of(data, data.targets)
        if data.task == "multi":
            no = _Moments.of(data, 1 - data.targets)
            common = (yes.spread * yes.counts + no.spread * no.counts) / (yes.counts + no.counts)
            both = zip(self._gaussians(yes, common), self._gaussians(no, common), strict=True)
            curves, slopes, bias = (a - b for a, b in both)
            # With rows of one kind only there is nothing to tell apart: the prior alone speaks.
            alone = (yes.counts <= 0) | (no.counts <= 0)
            curves[:, alone] = slopes[:, alone] = bias[alone] = 0
            bias += np.log((yes.counts + 1) / (no.counts + 1))
        else:
            common = (yes.spread * yes.counts).sum(axis=1, keepdims=True) / yes.counts.sum()
            curves, slopes, bias = self._gaussians(yes, common)
            bias += np.log((yes.counts + 1) / (yes.counts.sum() + len(yes.counts)))
        return BayesModel(
            data.task,
            np.asarray(curves, np.float32),
            np.asarray(slopes, np.float32),
            np.asarray(bias, np.float32),
            data.seen,
            float(np.sqrt(data.x.shape[1])),
        )

    def _gaussians(self, of: _Moments, common: FloatMatrix) -> tuple[FloatMatrix, FloatMatrix, FloatMatrix]:
        """Curves, slopes (d, k) and bias (k,) of each label's density."""
        # A column that never varies must not decide everything.
        variance = (of.spread * of.counts + common * self.pull) / (of.counts + self.pull)
        variance += 1e-9 + 1e-2 * common.mean()
        bias = -0.5 * (of.mean**2 / variance + np.log(variance)).sum(axis=0)
        return -0.5 / variance, of.mean / variance, bias


@dataclass(frozen=True)
class _Moments:
    """Weight, mean and variance of the rows of each label; of a label without rows 0."""

    counts: FloatMatrix  # (k,)
    mean: FloatMatrix  # (d, k)
    spread: FloatMatrix  # (d, k)

    @classmethod
    def of(cls, data: Training, targets: FloatArray) -> _Moments:
        x = data.x.astype(np.float64)
        share = targets * data.weights[:, None].astype(np.float64)
        counts = share.sum(axis=0)
        safe = np.maximum(counts, 1e-12)
        mean = (x.T @ share) / safe
        return cls(counts, mean, np.maximum((x * x).T @ share / safe - mean**2, 0))
