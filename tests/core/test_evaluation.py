"""Figures on the hold-out: worked by hand, against scikit-learn, and honest where there is nothing to say."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from sampling.core.evaluation import evaluate, wilson


def one_hot(positions, k):
    return np.eye(k, dtype=np.float32)[positions]


def test_figures_of_four_rows_by_hand():
    found = evaluate(one_hot([0, 0, 1, 2], 4), one_hot([0, 1, 1, 1], 4), "single")
    assert (found.n, found.correct) == (4, 2)
    assert found.accuracy == 0.5
    first, second, third, fourth = found.labels
    assert (first.support, first.precision, first.recall) == (1, 0.5, 1.0)
    assert (second.support, second.precision) == (3, 1.0)
    assert second.recall == pytest.approx(1 / 3)
    assert (third.support, third.precision, third.recall, third.f1) == (0, 0.0, None, 0.0)
    assert (fourth.support, fourth.precision, fourth.recall, fourth.f1) == (0, None, None, None)
    assert found.macro_f1 == pytest.approx((2 / 3 + 0.5 + 0) / 3)


def test_the_interval_is_the_one_in_the_books():
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert wilson(0, 10) == pytest.approx((0, 0.2775328), abs=1e-6)


@given(n=st.integers(1, 500), data=st.data())
def test_the_interval_holds_the_share_and_stays_within_0_and_1(n, data):
    correct = data.draw(st.integers(0, n))
    low, high = wilson(correct, n) or (1, 0)
    assert 0 <= low <= correct / n <= high <= 1


def test_an_empty_hold_out_gives_no_numbers():
    found = evaluate(np.empty((0, 3), np.float32), np.empty((0, 3), np.float32), "single")
    assert found.n == 0
    assert {found.accuracy, found.low, found.high, found.macro_f1, found.micro_f1} == {None}
    assert json.loads(json.dumps(found.as_dict()))["labels"][2]["recall"] is None


def test_multi_label_counts_exact_sets_and_single_labels():
    proba = np.array([[0.9, 0.6], [0.2, 0.7], [0.1, 0.1]], np.float32)
    targets = np.array([[1, 1], [1, 1], [0, 0]], np.float32)
    found = evaluate(proba, targets, "multi")
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.micro_f1 == pytest.approx(2 * 3 / (3 + 4))
    assert found.macro_f1 == pytest.approx((2 / 3 + 1) / 2)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_macro_f1_agrees_with_scikit_learn(pairs):
    truth, given_ = map(list, zip(*pairs, strict=True))
    found = evaluate(one_hot(given_, 4), one_hot(truth, 4), "single")
    assert found.macro_f1 == pytest.approx(f1_score(truth, given_, average="macro", zero_division=0))


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"proba has shape \(2, 3\), targets \(2, 4\)"):
        evaluate(np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32), "single")
