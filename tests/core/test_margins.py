"""Batches among uncertain rows: density, Cluster-Margin, k-means after a margin prefilter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.clusters import nearest
from sampling.core.pool import Pool
from sampling.core.scores import margin
from sampling.core.strategies import STRATEGIES
from sampling.core.strategies.margins import density, fine


def rng(seed=0):
    return np.random.default_rng(seed)


def floats(rows):
    return np.array(rows, np.float32)


def torn(likeliest):
    """Probabilities of two labels from that of the likelier one."""
    return floats([[p, 1 - p] for p in likeliest])


def test_density_is_margin_times_likeness_to_the_pool_by_hand():
    x = floats([[1, 0], [0.6, 0.8], [-1, 0]])
    pool = Pool(x, None, floats([[2, 0]]), torn([0.6, 0.5, 0.5]))
    assert density(pool, rng()) == pytest.approx([0.8, 0.6, 0])


@given(n=st.integers(2, 30), seed=st.integers(0, 99))
def test_likeness_to_the_mean_ranks_as_mean_likeness_to_all(n, seed):
    x = np.abs(rng(seed).normal(size=(n, 4)))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    mean = (x @ x.T).mean(axis=1)
    pool = Pool(floats(x), None, floats(x.mean(axis=0)[None]), torn([0.5] * n))
    assert density(pool, rng()) == pytest.approx(mean / np.linalg.norm(x.mean(axis=0)), abs=1e-4)


def test_density_without_the_middle_of_the_pool_says_what_is_missing():
    with pytest.raises(ValueError, match="centres is missing"):
        density(Pool(floats([[1, 0]]), proba=torn([0.5])), rng())


def test_cluster_margin_lets_small_clusters_give_first_by_hand():
    x = floats([[0]] * 6 + [[5]] * 3 + [[9]])
    pool = Pool(x, None, floats([[0], [5], [9]]), torn([0.6] * 10))
    rows = STRATEGIES["cluster-margin"](pool, 7, rng())
    assert nearest(x, pool.centres)[0][rows].tolist() == [2, 1, 0, 1, 0, 1, 0]


@settings(max_examples=30)
@given(seed=st.integers(0, 999), size=st.integers(1, 9))
def test_cluster_margin_is_round_robin_over_the_margin_set(seed, size):
    x, proba = rng(seed).normal(size=(200, 3)).astype(np.float32), torn(rng(seed).uniform(0.5, 1, 200))
    pool = Pool(x, None, x[:8], proba)
    rows = STRATEGIES["cluster-margin"](pool, size, rng(seed))
    among = np.argsort(-margin(pool, rng()), kind="stable")[: 10 * size]
    assert set(rows.tolist()) <= set(among.tolist())
    cluster = nearest(x, pool.centres)[0]
    left = np.bincount(cluster[among], minlength=8)
    order, wanted = sorted(np.flatnonzero(left).tolist(), key=lambda c: (left[c], c)), list[int]()
    while len(wanted) < size:
        for c in order:
            if left[c]:
                wanted.append(c)
                left[c] -= 1
    assert cluster[rows].tolist() == wanted[:size]


def test_margin_k_means_takes_the_middle_of_each_uncertain_group():
    # Two tight groups of torn rows, and many rows that the model is sure of.
    x = np.concatenate(
        [rng(group).normal(group, 0.01, (40, 2)) for group in (0, 3)] + [rng(9).normal(9, 3, (1_000, 2))]
    ).astype(np.float32)
    pool = Pool(x, proba=torn([0.5] * 80 + [1] * 1_000))
    rows = STRATEGIES["margin-k-means"](pool, 4, rng())
    assert (rows < 80).all()
    assert {bool(row < 40) for row in rows} == {True, False}


def test_each_centre_of_the_prefilter_gives_its_nearest_row():
    x = np.repeat(floats([[0], [5], [9]]), 20, axis=0)
    x += rng().uniform(-0.1, 0.1, x.shape).astype(np.float32)
    rows = STRATEGIES["margin-k-means"](Pool(x, proba=torn([0.5] * 60)), 3, rng())
    assert sorted(rows // 20) == [0, 1, 2]
    for row in rows:
        group = x[row // 20 * 20 : row // 20 * 20 + 20]
        assert abs(x[row] - group.mean()) == pytest.approx(np.abs(group - group.mean()).min(), abs=1e-3)


@pytest.mark.parametrize(("n", "wanted"), [(0, 0), (7, 7), (150, 20), (1_000, 100), (100_000, 200)])
def test_clusters_of_cluster_margin_grow_with_the_pool(n, wanted):
    assert fine(n, 10, 0) == wanted
