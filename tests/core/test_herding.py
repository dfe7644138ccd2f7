"""Coverage by herding and by balls: by hand, and as greedy loops pick."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.pool import Pool
from sampling.core.strategies import STRATEGIES
from sampling.core.strategies.herding import Balls, radius


def rng(seed=0):
    return np.random.default_rng(seed)


def floats(rows):
    return np.array(rows, np.float32)


# Three groups on a line, of five, three and one.
LINE = floats([[0], [0.1], [0.2], [0.3], [0.4], [5], [5.1], [5.2], [9]])
GROUP = np.array([0] * 5 + [1] * 3 + [2])
CENTRES = floats([[0.2], [5.1], [9]])


@pytest.mark.parametrize("name", ["herding", "probcover"])
def test_the_largest_uncovered_group_comes_first(name):
    assert GROUP[STRATEGIES[name](Pool(LINE, None, CENTRES), 3, rng())].tolist() == [0, 1, 2]
    known = Pool(LINE, LINE[2:3], CENTRES)
    assert GROUP[STRATEGIES[name](known, 1, rng())].tolist() == [1]


def test_herding_of_the_uncertain_goes_where_the_model_is_torn():
    torn = np.where(GROUP == 2, 0.5, 1)
    pool = Pool(LINE, None, None, floats(np.stack([torn, 1 - torn], axis=1)))
    assert GROUP[STRATEGIES["uncertainty-herding"](pool, 1, rng())].tolist() == [2]
    assert GROUP[STRATEGIES["herding"](pool, 1, rng())].tolist() == [0]


@settings(max_examples=40)
@given(seed=st.integers(0, 999), n=st.integers(2, 40), size=st.integers(1, 8))
def test_herding_picks_what_adds_most_coverage(seed, n, size):
    x = rng(seed).normal(size=(n, 2)).astype(np.float32)
    rows = STRATEGIES["herding"](Pool(x), min(size, n), rng(seed)).tolist()
    gap = ((x[:, None] - x[None]) ** 2).sum(axis=-1)
    near, covered = np.exp(-gap / max(float(np.median(gap)), 1e-4)), np.zeros(n)
    for place, row in enumerate(rows):
        gain = np.maximum(near - covered, 0).sum(axis=1)
        gain[rows[:place]] = 0
        assert gain[row] >= gain.max() - 1e-3
        covered = np.maximum(covered, near[row])


def test_the_radius_leaves_balls_pure_by_hand():
    # The nearest rows of another group are 4.6 apart; with 3 rows the smallest 5 % is the smallest.
    x = floats([[0], [0.4], [5]])
    assert radius(x, np.array([0, 0, 1]), 1.0) == pytest.approx(4.6**2, rel=1e-3)
    assert radius(x, np.array([0, 0, 0]), 7.0) == 7.0


def test_a_ball_covers_all_within_its_radius_and_nothing_else():
    balls = Balls(floats([[0], [1], [3]]), np.ones(3, np.float32), np.zeros(3, np.float32), 1.0)
    assert balls.nearness(floats([[0], [2.5]])).tolist() == [[1, 1, 0], [0, 0, 1]]


def test_when_all_is_covered_the_rest_is_left_to_chance():
    pool = Pool(LINE, LINE, CENTRES)
    found = {tuple(STRATEGIES["probcover"](pool, 2, rng(seed)).tolist()) for seed in range(5)}
    assert len(found) > 1
