"""Made-up people who answer by a confusion matrix."""

from __future__ import annotations

import numpy as np


def coins(accuracies, k):
    """Matrices (p, k, k) of people who are right so often and wrong evenly."""
    return np.stack([np.where(np.eye(k, dtype=bool), a, (1 - a) / (k - 1)) for a in accuracies])


def spammers(rng, p, k):
    """Matrices (p, k, k) of people who do not look."""
    return np.repeat(rng.dirichlet(np.ones(k), p)[:, None], k, axis=1)


def people_of(
    rng: np.random.Generator, rows: np.ndarray, truth: np.ndarray, each: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Votes (items, people, answers) of ``each`` random people an item who answer by ``rows`` (p, k, k)."""
    people = np.concatenate([rng.permutation(len(rows))[:each] for _ in truth])
    items = np.repeat(np.arange(len(truth)), each)
    sums = rows.cumsum(axis=2)[people, truth[items]]
    answers = (rng.random((len(items), 1)) > sums).sum(axis=1)
    return items, people, np.minimum(answers, rows.shape[1] - 1)
