"""BADGE: rows whose gradients would change the model most, in different directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray, IntArray
from ..distances import lengths
from ..draws import Draws
from ..learners import Task
from ..pool import Pool
from .base import Picks, Scores


@dataclass(frozen=True)
class Gradients:
    """Gradients of the last layer, residual x row, kept as their factors: d + k numbers instead of d k."""

    residual: FloatArray  # (n, k)
    x: FloatArray  # (n, d)
    length: FloatArray  # (n,), squared

    @classmethod
    def of(cls, proba: FloatArray, x: FloatArray, task: Task) -> Gradients:
        """Those of rows x (n, d) with probabilities (n, k), as if the likeliest answer were the true one."""
        residual = residuals(proba, task)
        return cls(residual, x, lengths(residual) * lengths(x))

    def only(self, rows: slice | IntArray) -> Gradients:
        """Those of some rows."""
        return Gradients(self.residual[rows], self.x[rows], self.length[rows])

    def apart(self, others: Gradients) -> FloatArray:
        """Squared distances (n, m): |a|²|x|² + |b|²|y|² - 2 (a·b)(x·y)."""
        out = self.x @ (-2 * others.x.T)
        out *= self.residual @ others.residual.T
        out += self.length[:, None]
        out += others.length
        return np.asarray(np.maximum(out, 0, out=out), np.float32)


def residuals(proba: FloatArray, task: Task) -> FloatArray:
    """Probabilities (n, k) minus the likeliest answer: the gradient by the evidence for each label."""
    if task == "multi":
        return np.asarray(proba - (proba >= 0.5), np.float32)
    out = np.array(proba, np.float32)
    out[np.arange(len(out)), proba.argmax(axis=1)] -= 1
    return out


def longest(k: int, task: Task) -> float:
    """The largest squared length of a gradient, for a row of length 1 and k labels."""
    return k / 4 if task == "multi" else 2.0


def gradient_length(pool: Pool, _rng: np.random.Generator) -> FloatArray:
    """Score the squared length of the gradient if the likeliest answer were true, over its largest value.

    In [0, 1] for rows of length 1 (Ash et al. 2020).
    """
    proba = pool.proba_of(slice(None))
    length = lengths(residuals(proba, pool.task)) * lengths(pool.features[:])
    return length / np.float32(longest(proba.shape[1], pool.task))


def badge(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """k-means++ on the gradients (Ash, Zhang, Krishnamurthy, Langford & Agarwal 2020).

    The longest gradient first, then each row with odds that are its squared distance to the nearest gradient
    taken; when nothing differs any more, the longest. The score must be the squared length.
    """

    def gradients(rows: slice | IntArray) -> Gradients:
        return Gradients.of(pool.proba_of(rows), pool.features[rows], pool.task)

    first = int(scores.best(1)[0])
    labels = gradients(np.array([first])).residual.shape[1]
    root = np.sqrt(scores.score * np.float32(longest(labels, pool.task)))
    rows = Draws(gradients, root, [first]).until(size, rng)
    if len(rows) < size:
        order = scores.order()
        rows = np.append(rows, order[~np.isin(order, rows)][: size - len(rows)])
    return Picks.of(rows)
