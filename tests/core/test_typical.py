"""TypiClust and k-means centres: by hand, and as plain loops pick."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.arrays import unit_rows
from sampling.core.clusters import centres_of, nearest
from sampling.core.pool import Pool
from sampling.core.strategies import STRATEGIES, typical
from sampling.core.strategies.typical import one_for_each_label, typicality

TYPICLUST = STRATEGIES["typiclust"]


def rng(seed=0):
    return np.random.default_rng(seed)


def floats(rows):
    return np.array(rows, np.float32)


def plain(x, labelled, centres, size):
    """TypiClust by loops, after its authors' description."""
    own, theirs = nearest(x, centres)[0].tolist(), nearest(labelled, centres)[0].tolist()
    members = {c: [i for i in range(len(x)) if own[i] == c] for c in set(own)}
    order = sorted(members, key=lambda c: (len(members[c]) < 5, theirs.count(c), -len(members[c]), c))
    ranked = {}
    for c in order:
        k = min(20, len(members[c]) // 2)
        mean = {}
        for i in members[c]:
            gaps = sorted(float(np.linalg.norm(x[i].astype(float) - x[j])) for j in members[c] if j != i)
            mean[i] = float(np.mean(gaps[:k])) if k else 0.0
        ranked[c] = sorted(members[c], key=lambda i: mean[i])
    taken: list[int] = []
    while len(taken) < size:
        taken += [ranked[c].pop(0) for c in order if ranked[c]][: size - len(taken)]
    return taken


def test_typical_is_near_the_neighbours_by_hand():
    # Half of four rows: the mean of the two nearest distances, 2 and 3, 1 and 2, 1 and 3, 7 and 8.
    assert 1 / typicality(floats([[0], [2], [3], [10]])) == pytest.approx([2.5, 1.5, 2, 7.5], abs=1e-3)


def test_uncovered_clusters_come_first_then_large_ones_by_hand():
    x = floats([*([[i / 100] for i in range(9)]), *([[5 + i / 100] for i in range(5)]), [9], [9.1]])
    pool = Pool(x, floats([[0.1]]), floats([[0], [5], [9]]))
    first, second, third = (int(row) for row in TYPICLUST(pool, 3, rng()))
    assert 9 <= first < 14  # nobody labelled there
    assert second < 9  # one is labelled, but the third has too few rows
    assert third >= 14


def test_two_thousand_rows_give_the_picks_of_plain_loops():
    x = unit_rows(rng(1).normal(size=(2_000, 6)).astype(np.float32))
    known = unit_rows(rng(2).normal(size=(40, 6)).astype(np.float32))
    centres = centres_of(x, 60, rng(3))
    assert TYPICLUST(Pool(x, known, centres), 75, rng()).tolist() == plain(x, known, centres, 75)


@settings(max_examples=30)
@given(seed=st.integers(0, 999), n=st.integers(1, 40), count=st.integers(1, 6))
def test_clusters_give_in_turn_until_they_are_empty(seed, n, count):
    x = unit_rows(rng(seed).normal(size=(n, 3)).astype(np.float32))
    centres = x[:count]
    rows = TYPICLUST(Pool(x, None, centres), n, rng())
    cluster = nearest(x, centres)[0]
    sizes = np.bincount(cluster)
    for size in range(1, n):
        given_ = np.bincount(cluster[rows[:size]], minlength=len(sizes))
        # No cluster is two ahead of another that still has rows.
        assert given_.max() - given_[given_ < sizes].min() <= 1


def test_of_a_large_cluster_some_rows_stand_for_all(monkeypatch):
    monkeypatch.setattr(typical, "LOOKED_AT", 50)
    x = rng(4).normal(size=(3_000, 2)).astype(np.float32)
    rows = TYPICLUST(Pool(x, None, x[:1]), 10, rng())
    # The densest part of a normal distribution is its middle.
    assert np.linalg.norm(x[rows], axis=1).mean() < np.linalg.norm(x, axis=1).mean()


@pytest.mark.parametrize(
    ("n", "size", "m", "wanted"), [(1_000, 20, 30, 50), (1_000, 400, 300, 500), (9, 20, 3, 9), (0, 5, 0, 0)]
)
def test_clusters_are_as_many_as_labels_within_bounds(n, size, m, wanted):
    assert one_for_each_label(n, size, m) == wanted


def test_each_centre_gives_its_nearest_row_before_any_gives_two():
    x = floats([[0], [0.4], [1], [10], [10.1], [20]])
    rows = STRATEGIES["k-means"](Pool(x, None, floats([[0.5], [10], [20]])), 5, rng()).tolist()
    assert sorted(rows[:3]) == [1, 3, 5]
    assert sorted(rows[3:]) == [0, 4] or sorted(rows[3:]) == [2, 4]
