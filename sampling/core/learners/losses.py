"""What fitting makes small: functions of logits and targets, with their gradients."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from ..arrays import FloatArray
from .contract import Training


def cross_entropy(logits: FloatArray, data: Training) -> tuple[float, FloatArray]:
    """Cross-entropy of the targets, weighted and in all, and its gradient by the logits (m, k)."""
    targets, weights = data.targets, data.weights[:, None]
    fit = float(np.einsum("ij,ij,i->", targets, logits, data.weights, dtype=np.float64))
    if data.task == "multi":
        cost = np.logaddexp(0, logits) * weights
        slope = np.asarray(expit(logits) - targets, np.float32)
        return float(cost.sum(dtype=np.float64)) - fit, slope * weights
    highest = logits.max(axis=1, keepdims=True)
    proba = np.exp(logits - highest)
    total = proba.sum(axis=1, keepdims=True)
    proba /= total
    # Rows of targets sum to 1.
    cost = (np.log(total) + highest) * weights
    proba -= targets
    proba *= weights
    return float(cost.sum(dtype=np.float64)) - fit, proba


def squared_hinge(logits: FloatArray, data: Training) -> tuple[float, FloatArray]:
    """Squared distance by which margins of 1 are missed, each label against the rest, and its gradient."""
    targets, weights = data.targets, data.weights[:, None]
    yes, no = np.maximum(1 - logits, 0), np.maximum(1 + logits, 0)
    cost = weights * (targets * yes**2 + (1 - targets) * no**2)
    return float(cost.sum(dtype=np.float64)), 2 * weights * ((1 - targets) * no - targets * yes)
