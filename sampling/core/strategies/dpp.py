"""Determinantal batches: uncertain rows that point in different directions."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..arrays import FloatArray, IntArray
from ..distances import squared, typical
from ..pool import Pool
from .base import Picks, Scores

# The most uncertain rows, among which the batch is looked for.
CANDIDATES: Final = 10_000
# Rows that distances are judged by.
SAMPLE: Final = 500
# What a row that the model is sure of still weighs.
LEAST: Final = 0.01
# A row that adds less than this to the volume is, to float32, a combination of those taken.
FLAT: Final = 1e-5


def determinantal(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """The greedy MAP of a determinantal point process (Chen, Zhang & Zhou 2018) on the most uncertain rows.

    Its kernel is score x nearness x score, with nearness exp(-squared distance / typical one): a batch is
    good when its rows are uncertain and unlike each other.
    """
    rows = scores.best(max(CANDIDATES, size))
    x = pool.features[rows]
    some = x[rng.permutation(len(x))[:SAMPLE]]
    quality = np.maximum(scores.score[rows], LEAST)
    taken = greedy_map(x, quality, typical(squared(some, some)), size)
    # Copies of what is taken add nothing: they come last, most uncertain first.
    rest = np.setdiff1d(np.arange(len(rows)), taken)[: size - len(taken)]
    return Picks.of(rows[np.concatenate([taken, rest])])


def greedy_map(x: FloatArray, quality: FloatArray, far: float, size: int) -> IntArray:
    """At most ``size`` rows of x (n, d), each the one that multiplies the kernel's determinant most.

    ``quality`` (n,) is positive. An incremental Cholesky decomposition: n x size numbers, no n x n.
    """
    gain = quality**2
    basis = np.empty((size, len(x)), np.float32)
    taken: list[int] = []
    while len(taken) < min(size, len(x)):
        row, t = int(gain.argmax()), len(taken)
        if gain[row] < FLAT * quality[row] ** 2 or gain[row] <= 0:
            break
        kernel = np.exp(squared(x, x[row : row + 1])[:, 0] / np.float32(-far)) * quality * quality[row]
        basis[t] = (kernel - basis[:t, row] @ basis[:t]) / np.sqrt(gain[row])
        gain -= basis[t] ** 2
        taken.append(row)
        gain[taken] = -np.inf
    return np.array(taken, np.int64)
