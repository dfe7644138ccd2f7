"""The gate: numbers by hand, rates by simulation, and what a small hold-out may not do."""

import json
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.core.gate import FEWEST, judge, paired_interval


def proba_of(right):
    """Probabilities of two labels where the first is true, right in these rows."""
    return np.where(np.asarray(right)[:, None], [[0.8, 0.2]], [[0.3, 0.7]]).astype(np.float32)


def truth_of(n):
    return np.tile(np.array([[1, 0]], np.float32), (n, 1))


def verdict_of(both=0, lost=0, won=0, neither=0, **slices):
    """A verdict on rows that both have right, then only the champion, only the challenger, neither."""
    champion = [True] * both + [True] * lost + [False] * won + [False] * neither
    challenger = [True] * both + [False] * lost + [True] * won + [False] * neither
    n = len(champion)
    named = {name: np.isin(np.arange(n), list(rows)) for name, rows in slices.items()}
    return judge(proba_of(champion), proba_of(challenger), truth_of(n), "single", named)


def test_the_figures_by_hand():
    one = verdict_of(both=70, lost=12, won=4, neither=14).overall
    assert (one.n, one.champion, one.challenger, one.lost, one.won) == (100, 0.82, 0.74, 12, 4)
    assert one.difference == pytest.approx(-0.08)
    # One row more of each kind of disagreement: 13 and 5 of 102.
    reach = 1.959964 * sqrt((18 / 102 - (8 / 102) ** 2) / 102)
    assert (one.low, one.high) == pytest.approx((-8 / 102 - reach, -8 / 102 + reach))


def test_a_clear_regression_is_held_back():
    verdict = verdict_of(both=70, lost=20, won=2, neither=8)
    assert not verdict.passed
    assert verdict.worse == (verdict.overall,)
    assert verdict.sentence.startswith(
        "Held back, because the hold-out says that it is worse: overall: -18.0"
    )


def test_a_model_that_may_be_worse_within_the_interval_takes_over():
    verdict = verdict_of(both=70, lost=10, won=6, neither=14)
    assert verdict.overall.difference < 0
    assert verdict.passed


def test_a_better_model_takes_over():
    assert verdict_of(both=50, lost=2, won=30, neither=18).passed


def test_a_hold_out_that_is_too_small_never_holds_back():
    small = verdict_of(lost=FEWEST - 1)
    assert small.passed
    assert "too small" in small.sentence
    assert not verdict_of(lost=FEWEST).passed


def test_without_a_hold_out_every_model_takes_over():
    verdict = verdict_of()
    assert verdict.passed
    assert verdict.overall.difference is None


def test_a_regression_on_a_named_slice_holds_back_what_is_better_overall():
    verdict = verdict_of(both=60, lost=20, won=40, neither=0, french=range(50, 90), other=range(50))
    assert verdict.overall.difference > 0
    # french: 10 that both have right, 20 lost, 10 won. Its interval alone would tell.
    assert verdict.passed
    worse = verdict_of(both=60, lost=20, won=40, neither=0, french=range(50, 82), other=range(50))
    assert [one.name for one in worse.worse] == ["french"]


def test_a_slice_that_is_too_small_never_holds_back():
    assert verdict_of(both=60, lost=19, won=40, small=range(60, 79)).passed


def test_each_further_slice_widens_every_interval():
    widths = []
    for count in range(4):
        slices = {f"slice {i}": range(50) for i in range(count)}
        one = verdict_of(both=70, lost=10, won=10, neither=10, **slices).overall
        widths.append(one.high - one.low)
    assert widths == sorted(widths)
    # Three slices: four comparisons, each at 98.75 %.
    assert widths[3] == pytest.approx(2 * 2.497705 * sqrt((22 / 102) / 102), rel=1e-5)


def test_labels_added_since_the_champion_count_against_it():
    truth = np.tile(np.array([[0, 0, 1]], np.float32), (FEWEST, 1))
    challenger = np.tile(np.array([[0.1, 0.1, 0.8]], np.float32), (FEWEST, 1))
    one = judge(proba_of([True] * FEWEST), challenger, truth, "single").overall
    assert (one.champion, one.challenger) == (0, 1)


def test_in_multi_label_the_whole_set_must_be_right():
    truth = np.array([[1, 1], [0, 0]], np.float32)
    champion = np.array([[0.9, 0.4], [0.1, 0.2]], np.float32)
    challenger = np.array([[0.9, 0.6], [0.1, 0.2]], np.float32)
    one = judge(champion, challenger, truth, "multi").overall
    assert (one.champion, one.challenger) == (0.5, 1)


def mid_p(lost, won):
    """McNemar's test, one-sided, mid-p (Lancaster 1961): half of what was seen counts as more extreme."""
    m = lost + won
    return (sum(comb(m, i) for i in range(lost, m + 1)) - comb(m, lost) / 2) / 2**m


@pytest.mark.parametrize("comparisons", [1, 3, 10])
def test_nothing_is_held_back_that_mcnemar_s_test_would_let_pass(comparisons):
    n, level = 1000, 1 - 0.05 / comparisons
    for disagree in range(1, 300):
        highs = [paired_interval(lost, disagree - lost, n, level)[1] for lost in range(disagree + 1)]
        held = [lost for lost, high in enumerate(highs) if high < 0]
        if held:
            assert mid_p(min(held), disagree - min(held)) <= (1 - level) / 2


def test_of_equal_models_no_more_are_held_back_than_promised():
    rng = np.random.default_rng(0)
    held = runs = 0
    for n in (30, 100, 400):
        for _ in range(1000):
            right = rng.random((2, n)) < 0.8
            slices = {"even": np.arange(n) % 2 == 0, "third": np.arange(n) % 3 == 0}
            verdict = judge(proba_of(right[0]), proba_of(right[1]), truth_of(n), "single", slices)
            held, runs = held + (not verdict.passed), runs + 1
    # 2.5 % promised; the three comparisons overlap, so it is less. Three standard errors of slack.
    assert 0.003 < held / runs < 0.025 + 3 * sqrt(0.025 * 0.975 / runs)


def test_the_interval_holds_the_true_difference_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered, runs = 0, 4000
    for lost, won, rest in rng.multinomial(120, [0.15, 0.07, 0.78], runs).tolist():
        low, high = paired_interval(lost, won, lost + won + rest)
        covered += low <= -0.08 <= high
    assert 0.94 < covered / runs < 0.965


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))
def test_the_interval_holds_what_was_measured_and_mirrors_itself(lost, won, rest):
    n = lost + won + rest
    if n == 0:
        assert paired_interval(0, 0, 0) is None
        return
    low, high = paired_interval(lost, won, n)
    assert -1 <= low <= (won - lost) / n <= high <= 1
    assert paired_interval(won, lost, n) == pytest.approx((-high, -low))


def test_a_verdict_is_kept_as_plain_json():
    kept = verdict_of(both=60, lost=20, won=2, neither=8, first=range(60)).as_dict()
    assert json.loads(json.dumps(kept)) == kept
    assert kept["overall"]["worse"] is True
    assert kept["slices"][0]["name"] == "first"


@pytest.mark.parametrize(
    ("champion", "challenger", "slices", "message"),
    [
        ((3, 2), (4, 2), {}, r"champion has shape \(3, 2\)"),
        ((4, 2), (4, 3), {}, r"challenger has shape \(4, 3\)"),
        ((4, 2), (4, 2), {"odd": np.ones(3, np.bool_)}, r"slice 'odd' has shape \(3,\)"),
        ((4, 2), (4, 2), {"odd": np.ones(4)}, "float64"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(champion, challenger, slices, message):
    with pytest.raises(ValueError, match=message):
        judge(np.zeros(champion), np.zeros(challenger), truth_of(4), "single", slices)


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="together at most 4"):
        paired_interval(3, 2, 4)
