"""k-center: by hand, as a plain loop picks, and when there is nothing to tell rows apart by."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.arrays import unit_rows
from sampling.core.distances import to_nearest
from sampling.core.pool import Pool, Subset
from sampling.core.strategies import STRATEGIES, kcenter

K_CENTER = STRATEGIES["k-center"]


def rng(seed=0):
    return np.random.default_rng(seed)


def floats(rows):
    return np.array(rows, np.float32)


def plain(x, near, size):
    """Greedy k-center as it is usually written: all distances again after every pick."""
    near, taken = near.astype(np.float64), list[int]()
    for _ in range(size):
        near[taken] = -np.inf
        taken.append(int(near.argmax()))
        near = np.minimum(near, ((x - x[taken[-1]]) ** 2).sum(axis=1))
    return taken


def test_each_pick_is_the_farthest_from_all_before_by_hand():
    pool = Pool(floats([[1], [10], [11], [20]]), floats([[0]]))
    assert K_CENTER(pool, 4, rng()).tolist() == [3, 1, 0, 2]


def test_without_labelled_rows_the_middle_comes_first():
    pool = Pool(floats([[0], [1], [2], [7]]))
    assert K_CENTER(pool, 3, rng()).tolist() == [2, 3, 0]


@pytest.mark.parametrize("front", [1, 16, 300, 4_096])
def test_two_thousand_rows_give_the_picks_of_the_plain_loop(front, monkeypatch):
    monkeypatch.setattr(kcenter, "FRONT", front)
    x = unit_rows(rng(1).normal(size=(2_000, 12)).astype(np.float32))
    known = unit_rows(rng(2).normal(size=(30, 12)).astype(np.float32))
    wide = x.astype(np.float64)
    near = ((wide[:, None] - known[None].astype(np.float64)) ** 2).sum(axis=-1).min(axis=1)
    assert K_CENTER(Pool(x, known), 100, rng()).tolist() == plain(wide, near, 100)


@settings(max_examples=40)
@given(seed=st.integers(0, 999), n=st.integers(2, 60), front=st.integers(1, 70))
def test_the_front_changes_no_radius(seed, n, front):
    x = unit_rows(rng(seed).normal(size=(n, 3)).astype(np.float32))[rng(seed).integers(n, size=n)]
    size = n // 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kcenter, "FRONT", front)
        rows = K_CENTER(Pool(x, x[:1]), size, rng())
    # Copies may stand for each other, but every pick lies as far out as the plain loop's.
    for taken in range(size):
        near = to_nearest(x, np.concatenate([x[:1], x[rows[:taken]]]))
        assert near[rows[taken]] == pytest.approx(near.max(), abs=1e-5)


def test_rows_are_read_from_pieces_as_from_an_array():
    x = unit_rows(rng(3).normal(size=(500, 6)).astype(np.float32))
    rows = np.arange(500)
    assert (K_CENTER(Pool(Subset(x, rows)), 40, rng()) == K_CENTER(Pool(x), 40, rng())).all()


def test_distances_to_the_nearest_row_without_any_are_endless():
    assert np.isinf(to_nearest(floats([[0], [1]]), np.empty((0, 1), np.float32))).all()
