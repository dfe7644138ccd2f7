"""Labels saved: curves worked by hand, and intervals that hold the truth of simulated controls."""

import json
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from sampling.core import curves
from sampling.core.savings import Control, Rival, control_of, missing, saved

SIZES = [10, 20, 40, 80, 160, 320]


def law(n, top=0.9, drop=1.6, rate=0.55):
    return top - drop * np.asarray(n, float) ** -rate


@cache
def simulated(seed, gain, control=100, holdout=150, labels=100):
    """A random control whose curve is ``law``, and a rival as good as ``gain`` times its labels at random.

    Control items help more or less than others, hold-out items are harder or easier than others for all.
    """
    rng = np.random.default_rng([4, seed])
    difficulty, help_of = 0.8 * ndtri(rng.random(holdout)), rng.normal(0, 0.17, control)

    def model(accuracy):
        return ndtr(difficulty + 0.6 * rng.normal(size=holdout)) < accuracy

    def judge(rows):
        return model(law(len(rows)) + help_of[rows].mean())

    made = control_of(control, judge, rng)
    return saved(made, [Rival(labels, model(law(gain * labels)))], rng)


# --- curves ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("top", "drop", "rate"), [(0.9, 1.5, 0.5), (0.85, 2, 0.8), (1.0, 1.0, 0.3)])
def test_a_curve_without_noise_is_found_again(top, drop, rate):
    found = curves.fit(SIZES, [law(SIZES, top, drop, rate)])
    assert found.at([1000])[0, 0] == pytest.approx(law(1000, top, drop, rate), abs=0.003)
    assert found.needed([0.8])[0] == pytest.approx((drop / (top - 0.8)) ** (1 / rate), rel=0.02)


def test_a_curve_that_falls_is_called_flat_and_never_gets_higher():
    found = curves.fit([10, 20, 40], [[0.8, 0.7, 0.6]])
    assert found.drop.tolist() == [0]
    assert found.at([5000])[0, 0] == pytest.approx(0.7)
    assert found.needed([0.75]).tolist() == [np.inf]
    assert found.needed([0.65]).tolist() == [1.0]


def test_no_accuracy_above_the_top_is_ever_reached():
    found = curves.fit(SIZES, [law(SIZES)])
    assert found.needed([0.95]).tolist() == [np.inf]


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_curves_rise_and_stay_below_1(accuracy):
    height = curves.fit(SIZES, [accuracy]).at([10, 100, 1000, 100_000])[0]
    assert (np.diff(height) >= -1e-12).all()
    assert height.max() <= 1 + 1e-9


def test_two_sizes_make_no_curve():
    with pytest.raises(ValueError, match="3 sizes"):
        curves.fit([10, 20], [[0.5, 0.6]])


# --- the control -----------------------------------------------------------------------------------------


def test_subsets_of_a_chain_are_nested_and_end_with_the_whole_control():
    seen = []

    def judge(rows):
        seen.append(frozenset(rows.tolist()))
        return np.ones(30, bool)

    made = control_of(90, judge, np.random.default_rng(0))
    chains, sizes, items = made.right.shape
    assert (made.items, items, sizes) == (90, 30, len(made.sizes))
    assert chains >= 3
    whole, rest = seen[0], seen[1:]
    assert len(whole) == 90
    for start in range(0, len(rest), sizes - 1):
        chain = rest[start : start + sizes - 1]
        assert [len(one) for one in chain] == made.sizes[:-1].tolist()
        assert all(one < following for one, following in pairwise(chain))


def test_a_small_control_is_refused_with_its_size():
    with pytest.raises(ValueError, match="items is 49, but must be at least 50"):
        control_of(49, lambda rows: np.ones(9, bool), np.random.default_rng(0))


def test_it_says_how_many_control_items_are_missing():
    assert missing(20) == 30
    assert missing(50) == 0
    # 1.5 times 300 labels must lie within 3 times the control.
    assert missing(100, [300, 900]) == 100
    assert missing(150, [300]) == 50


# --- the answer ------------------------------------------------------------------------------------------


def test_a_rival_beyond_the_reach_of_the_control_gets_no_answer():
    rng = np.random.default_rng(0)
    control = Control(np.array([20, 40, 60]), rng.random((4, 3, 50)) < 0.6)
    found = saved(control, [Rival(200, np.ones(50, bool))], rng)
    assert (found.verdict, found.missing, found.low) == ("unknown", 74, None)
    assert found.curve


def test_the_newest_rival_within_reach_is_compared():
    rng = np.random.default_rng(0)
    control = Control(np.array([20, 40, 100]), rng.random((4, 3, 50)) < 0.6)
    rivals = [Rival(labels, rng.random(50) < 0.7) for labels in (60, 200, 201)]
    assert saved(control, rivals, rng).labels == 200


def test_a_small_hold_out_gives_no_answer():
    control = Control(np.array([20, 40, 60]), np.ones((3, 3, 12), bool))
    found = saved(control, [Rival(40, np.ones(12, bool))], np.random.default_rng(0))
    assert (found.verdict, found.missing_holdout) == ("unknown", 8)


def test_a_rival_better_than_the_curve_ever_gets_is_worth_more_than_it_can_tell():
    rng = np.random.default_rng(1)
    hard = rng.random(400) < 0.3
    right = np.array([[~hard & (rng.random(400) < p) for p in (0.9, 0.97, 1.0)] for _ in range(5)])
    found = saved(Control(np.array([30, 60, 120]), right), [Rival(120, np.ones(400, bool))], rng)
    assert (found.verdict, found.low, found.high, found.limit) == ("saved", None, None, 360)
    assert json.loads(json.dumps(found.as_dict()))["low"] is None


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_the_interval_holds_the_true_number_of_random_labels(gain):
    held = 0
    for seed in range(60):
        found = simulated(seed, gain)
        low = found.limit if found.low is None else found.low
        high = np.inf if found.high is None else found.high
        held += low <= gain * 100 <= high
    # A coverage of .95 falls below this less than once in five hundred times.
    assert held >= 51


def test_a_rival_no_better_than_random_is_hardly_ever_said_to_save_labels():
    assert sum(simulated(seed, 1.0).verdict == "saved" for seed in range(60)) <= 5


def test_large_differences_are_seen_with_enough_items():
    better = simulated(0, 4.0, control=250, holdout=600, labels=100)
    assert better.verdict == "saved"
    assert better.low > 100
    assert simulated(0, 0.25, control=400, holdout=600, labels=300).verdict == "cost"


def test_the_band_holds_its_curve_and_widens_beyond_the_control():
    points = np.array(simulated(3, 1.0).curve)
    sizes, middle, low, high = points.T
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert sizes[-1] == 300
    assert (high - low)[-1] > (high - low)[sizes <= 100][-1]
