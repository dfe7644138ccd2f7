"""Centres: when they are kept, and where new rows move them."""

import numpy as np
import pytest

from sampling.core.centres import kept, moved


def test_centres_are_kept_until_the_features_or_a_tenth_of_the_items_changed():
    centres = np.ones((4, 3), np.float32)
    assert kept(centres, 100, (109, 3)) is centres
    assert kept(centres, 100, (91, 3)) is centres
    assert kept(centres, 100, (110, 3)) is None
    assert kept(centres, 100, (90, 3)) is None
    assert kept(centres, 100, (100, 4)) is None
    assert kept(None, 0, (100, 3)) is None
    assert kept(centres[:0], 100, (100, 3)) is None


def test_centres_move_with_the_rows_that_join_them():
    centres = np.array([[0, 0], [10, 0]], np.float32)
    arrived = np.array([[4, 0], [2, 2]], np.float32)
    assert moved(centres, np.array([4, 7]), arrived).tolist() == [[1, pytest.approx(1 / 3)], [10, 0]]
    assert moved(centres, np.array([4, 7]), arrived[:0]) is centres
    with pytest.raises(ValueError, match=r"sizes has shape \(3,\), but there are 2 centres"):
        moved(centres, np.array([1, 2, 3]), arrived)
