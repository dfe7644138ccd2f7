"""Replays on labels that are there: heights by hand, and intervals that keep their word."""

import numpy as np
import pytest

from sampling.core import hindsight
from sampling.core.arrays import unit_rows
from sampling.core.comparison import area
from sampling.core.hindsight import Bench, Replay
from sampling.core.simulation import Plan


def bench(n=240, k=3):
    rng = np.random.default_rng(0)
    positions = rng.integers(k, size=n)
    x = unit_rows((np.eye(8)[positions] + rng.normal(0, 0.4, (n, 8))).astype(np.float32))
    return Bench(x, np.eye(k, dtype=np.float32)[positions], np.arange(n - 60), np.arange(n - 60, n))


def plan(of):
    return Plan(("random",), of.batch, of.batch, of.budget)


def test_a_replay_asks_only_for_what_its_seed_sees_and_spends_half_of_it():
    of = bench()
    assert len(of.drawn(0)) == 144
    assert set(of.drawn(0)) <= set(range(180))
    assert not np.array_equal(of.drawn(0), of.drawn(1))
    assert (of.budget, of.batch) == (72, 6)
    made = hindsight.replayed(of, plan(of), "random", 0)
    assert made.labels[-1] == 72
    assert len(made.labels) == 12
    assert len(made.right) == 60
    assert hindsight.replayed(of, plan(of), "random", 0) == made


def test_the_mean_over_test_items_is_the_mean_height_of_the_curve():
    of = bench()
    made = hindsight.replayed(of, plan(of), "default", 1)
    height = area(np.array(made.labels, np.float32), np.array(made.accuracy, np.float32))
    assert made.height == pytest.approx(height, abs=1e-3)


def test_a_difference_by_hand():
    one = [Replay("a", 0, right=[1, 1, 0, 1]), Replay("a", 1, right=[1, 1, 1, 1])]
    other = [Replay("b", 0, right=[1, 0, 0, 1]), Replay("b", 1, right=[0, 1, 0, 1])]
    found = hindsight.difference(one, other)
    # By seed .25 and .5: mean .375, error .125, times Student's 12.706 of one degree of freedom.
    assert found.mean == pytest.approx(0.375)
    # By item .5, .5, .5, 0: standard deviation .25, error .125.
    assert found.reach == pytest.approx(np.hypot(12.706 * 0.125, 1.96 * 0.125), rel=1e-3)
    assert not found.beyond_chance


def test_without_two_seeds_there_is_no_difference_to_tell():
    assert hindsight.difference([Replay("a", 0, right=[1.0])], [Replay("b", 0, right=[0.0])]) is None
    assert hindsight.difference([Replay("a", 0, right=[1.0])], [Replay("b", 1, right=[0.0])]) is None


def test_two_strategies_that_are_alike_seldom_differ_beyond_chance():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        # Both are right on each item by chance alone; items are of every difficulty.
        ease = rng.random(80)
        a, b = (
            [Replay(name, seed, right=list(rng.binomial(12, ease) / 12)) for seed in range(5)]
            for name in "ab"
        )
        found.append(hindsight.difference(a, b).beyond_chance)
    assert np.mean(found) <= 0.05


def test_a_strategy_that_is_better_everywhere_is_beyond_chance():
    rng = np.random.default_rng(0)
    a = [Replay("a", seed, right=list(rng.uniform(0.6, 0.9, 80))) for seed in range(5)]
    b = [Replay("b", seed, right=list(rng.uniform(0.4, 0.7, 80))) for seed in range(5)]
    found = hindsight.difference(a, b)
    assert found.beyond_chance
    assert found.mean == pytest.approx(0.2, abs=0.02)
