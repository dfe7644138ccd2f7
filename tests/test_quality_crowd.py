"""Consensus over many people: invariants 11 and 18, and worked cases."""

from __future__ import annotations

import numpy as np
import pytest

from projects.quality import crowd


def people_of(rng, rows, truth, each):
    """Votes of ``each`` random people an item who answer by ``rows`` (p, k, k)."""
    p, k, _ = rows.shape
    people = np.concatenate([rng.permutation(p)[:each] for _ in truth])
    items = np.repeat(np.arange(len(truth)), each)
    sums = rows.cumsum(axis=2)[people, truth[items]]
    return items, people, (rng.random((len(items), 1)) > sums).sum(axis=1).clip(max=k - 1)


def coins(accuracies, k):
    return np.stack([np.where(np.eye(k, dtype=bool), a, (1 - a) / (k - 1)) for a in accuracies])


@pytest.mark.parametrize("method", crowd.METHODS)
def test_the_live_update_equals_the_batch(method):
    rng = np.random.default_rng(1)
    votes = people_of(rng, coins([0.9, 0.8, 0.6, 0.5, 0.7], 4), rng.integers(0, 4, 200), 3)
    found = crowd.fit(*votes, 4, method)
    items, people, answers = votes
    for item in range(200):
        said = [(p, a) for i, p, a in zip(*votes, strict=True) if i == item]
        assert np.array_equal(crowd.posterior(said, found.rows, found.prior), found.posterior[item])
    assert found.posterior.sum(axis=1) == pytest.approx(1)
