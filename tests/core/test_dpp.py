"""Determinantal batches: by hand, and as determinants of the whole kernel say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.arrays import unit_rows
from sampling.core.pool import Pool
from sampling.core.strategies import STRATEGIES
from sampling.core.strategies.dpp import greedy_map


def rng(seed=0):
    return np.random.default_rng(seed)


def kernel(x, quality, far):
    gap = ((x[:, None] - x[None]) ** 2).sum(axis=-1)
    return np.exp(-gap / far) * np.outer(quality, quality)


def plain(whole, size):
    """The row that gives the largest determinant together with those before it, again and again."""
    taken: list[int] = []
    for _ in range(size):
        volume = [
            -1.0 if row in taken else np.linalg.det(whole[np.ix_([*taken, row], [*taken, row])])
            for row in range(len(whole))
        ]
        taken.append(int(np.argmax(volume)))
    return taken


def test_a_copy_of_what_is_taken_comes_last_by_hand():
    x = np.array([[0], [0], [3]], np.float32)
    quality = np.array([0.9, 0.8, 0.2], np.float32)
    assert greedy_map(x, quality, 1.0, 3).tolist() == [0, 2]


@settings(max_examples=40)
@given(seed=st.integers(0, 999), n=st.integers(2, 25), size=st.integers(1, 6))
def test_picks_are_those_of_the_largest_determinants(seed, n, size):
    x, quality = rng(seed).normal(size=(n, 3)), rng(seed).uniform(0.05, 1, n)
    whole, size = kernel(x, quality, 2.0), min(size, n)
    taken = greedy_map(x.astype(np.float32), quality.astype(np.float32), 2.0, size).tolist()
    wanted = plain(whole, size)
    for count in range(1, len(taken) + 1):
        ours, theirs = (np.array(of[:count]) for of in (taken, wanted))
        # Rows that multiply the determinant alike may stand for each other.
        assert np.linalg.det(whole[np.ix_(ours, ours)]) == pytest.approx(
            np.linalg.det(whole[np.ix_(theirs, theirs)]), rel=0.02, abs=1e-9
        )


def test_five_hundred_rows_give_the_picks_of_the_whole_kernel():
    x = unit_rows(rng(5).normal(size=(500, 8)).astype(np.float32))
    quality = rng(6).uniform(0.05, 1, 500).astype(np.float32)
    whole, taken = kernel(x.astype(float), quality.astype(float), 0.5), list[int]()
    for _ in range(20):
        # log det grows by the variance that is left given those taken.
        inside = whole[np.ix_(taken, taken)]
        left = np.diag(whole) - np.einsum(
            "ij,ij->j", whole[taken], np.linalg.solve(inside, whole[taken]) if taken else whole[taken]
        )
        left[taken] = -1
        taken.append(int(left.argmax()))
    assert greedy_map(x, quality, 0.5, 20).tolist() == taken


def test_uncertain_rows_come_first_where_all_are_unlike():
    x = np.eye(4, dtype=np.float32)
    proba = np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3], [0.6, 0.4]], np.float32)
    assert STRATEGIES["dpp"](Pool(x, proba=proba), 4, rng()).tolist() == [1, 3, 2, 0]


def test_a_pool_of_copies_still_fills_the_batch():
    pool = Pool(np.ones((30, 2), np.float32), proba=np.full((30, 2), 0.5, np.float32))
    assert len(set(STRATEGIES["dpp"](pool, 12, rng()).tolist())) == 12
