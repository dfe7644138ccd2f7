"""How much each training row counts: newer labels more, rare labels more."""

from __future__ import annotations

import numpy as np

from ..arrays import FloatArray, IntArray, matrix

CLASS_WEIGHTS = ("", "balanced")


def recency_weights(order: IntArray, amount: float) -> FloatArray:
    """Weights (m,) from 1 for the oldest to 1 + amount for the newest, in equal steps of age rank.

    ``order`` (m,) says when each row was labelled, any rising numbers; equal ones weigh the same. Nothing is
    ever forgotten: no weight is below 1.
    """
    order = np.asarray(order)
    if order.ndim != 1:
        raise ValueError(f"order must have 1 dimension, not shape {order.shape}")
    if not 0 <= amount < np.inf:
        raise ValueError(f"amount is {amount}, but must be finite and at least 0")
    moments, rank = np.unique(order, return_inverse=True)
    return np.asarray(1 + amount * rank / max(len(moments) - 1, 1), np.float32)


def class_weights(targets: FloatArray, how: str, weights: FloatArray | None = None) -> FloatArray:
    """The ``weights`` (m,) of rows with targets (m, k), times what their labels count: their mean stays.

    "": no change. "balanced": each label counts as much as any other in all, so that rare ones are not
    drowned (King & Zeng 2001). A row of several labels counts like their mean; one of none is left as it is.
    """
    if how not in CLASS_WEIGHTS:
        raise ValueError(f"how is {how!r}; known: {', '.join(repr(known) for known in CLASS_WEIGHTS)}")
    targets = matrix("targets", targets)
    weights = np.ones(len(targets), np.float32) if weights is None else np.asarray(weights, np.float32)
    if not how:
        return weights
    given = targets.sum(axis=1)
    totals = (targets * weights[:, None]).sum(axis=0)
    counts = np.divide(1, totals, out=np.zeros_like(totals), where=totals > 0)
    share = np.divide(targets @ counts, given, out=np.zeros_like(given), where=given > 0)
    out = np.where(given > 0, weights * share, 0)
    labelled = given > 0
    if out.sum() > 0:
        out *= weights[labelled].sum() / out.sum()
    return np.asarray(np.where(labelled, out, weights), np.float32)
