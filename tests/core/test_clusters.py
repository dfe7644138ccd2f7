"""Clusters: worked by hand, and what must hold for any pool."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.core.clusters import centres_of, cluster_count, interleaved, nearest, quotas


def rng(seed=0):
    return np.random.default_rng(seed)


def test_each_row_belongs_to_the_nearest_centre():
    features = np.array([[0, 0], [1, 0], [9, 0]], np.float32)
    cluster, distance = nearest(features, np.array([[0, 0], [10, 0]], np.float32))
    assert cluster.tolist() == [0, 0, 1]
    assert distance.tolist() == [0, 1, 1]


def test_centres_of_separate_groups_are_their_means():
    features = np.array([[0, 0], [0, 2], [100, 0], [100, 2]], np.float32)
    centres = centres_of(features, 2, rng())
    assert sorted(centres.tolist()) == [[0, 1], [100, 1]]


def test_rows_that_are_all_the_same_have_one_centre():
    assert len(centres_of(np.ones((30, 4), np.float32), 5, rng())) == 1


def test_the_number_of_clusters_stays_within_20_and_50():
    assert [cluster_count(n) for n in (1, 19, 100, 1_000, 1_600, 10**6)] == [1, 19, 20, 25, 40, 50]


def test_columns_that_do_not_agree_are_refused_by_name():
    with pytest.raises(ValueError, match=r"features has shape \(3, 2\), centres \(1, 5\)"):
        nearest(np.zeros((3, 2), np.float32), np.zeros((1, 5), np.float32))


def test_whole_shares_become_whole_quotas():
    assert quotas(np.array([30, 10, 0, 20]), 6, rng()).tolist() == [3, 1, 0, 2]


@given(
    sizes=st.lists(st.integers(0, 50), min_size=1, max_size=30),
    total=st.integers(0, 80),
    seed=st.integers(0, 9),
)
def test_quotas_are_proportional_and_never_ask_for_more_than_there_is(sizes, total, seed):
    sizes = np.array(sizes)
    places = quotas(sizes, total, rng(seed))
    total = min(total, int(sizes.sum()))
    assert places.sum() == total
    assert (places <= sizes).all()
    share = sizes * total / max(sizes.sum(), 1)
    assert (np.abs(places - share) < 1 + 1e-9).all()


def test_small_clusters_get_their_turn_as_often_as_they_should():
    sizes = np.array([60, 20, 20])
    drawn = sum(quotas(sizes, 2, rng(seed)) for seed in range(2_000)) / 2_000
    assert drawn == pytest.approx([1.2, 0.4, 0.4], abs=0.05)


def test_clusters_take_turns_best_first():
    clusters = np.array([0, 0, 0, 1, 1, 2])
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.5], np.float32)
    assert interleaved(clusters, scores).tolist() == [0, 5, 3, 1, 4, 2]


@given(clusters=st.lists(st.integers(0, 6), max_size=40), seed=st.integers(0, 9))
def test_no_cluster_comes_twice_before_every_other_that_is_left_came_once(clusters, seed):
    clusters = np.array(clusters, np.int64)
    order = interleaved(clusters, rng(seed).random(len(clusters), np.float32))
    assert sorted(order.tolist()) == list(range(len(clusters)))
    seen = np.zeros(7, int)
    for cluster in clusters[order]:
        seen[cluster] += 1
        left = np.bincount(clusters, minlength=7) >= seen[cluster]
        assert (seen[left] >= seen[cluster] - 1).all()
