"""What every learner promises of held-out rows and weights, whatever its recipe."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.core.learners import class_weights, recency_weights
from sampling.core.loop import train
from sampling.core.settings import Settings
from tests.core.test_learners import every, groups, one_hot, rng


@every
def test_every_row_is_judged_by_models_that_have_not_seen_it(learner):
    x, targets = groups(90)
    wrong = targets.copy()
    wrong[7] = np.roll(targets[7], 1)
    held_out = learner.fit(x, wrong, "single", rng()).held_out
    assert held_out.shape == (90, 3)
    assert held_out.sum(axis=1) == pytest.approx(1, abs=1e-5)
    # Had the model seen row 7, it would not contradict it.
    assert held_out[7].argmax() == targets[7].argmax()
    assert (held_out.argmax(1) == targets.argmax(1)).mean() > 0.8


@every
def test_rows_that_no_fold_can_judge_are_nan(learner):
    x, targets = groups(60)
    lonely = np.hstack([targets, np.zeros((60, 1), np.float32)])
    lonely[3] = [0, 0, 0, 1]
    held_out = learner.fit(x, lonely, "single", rng()).held_out
    assert np.flatnonzero(np.isnan(held_out).any(axis=1)).tolist() == [3]
    assert np.isnan(learner.fit(x[:14], targets[:14], "single", rng()).held_out).all()


@every
def test_rows_of_weight_zero_are_as_good_as_absent(learner):
    x, targets = groups(80, spread=0.6)
    weights = np.ones(80, np.float32)
    weights[50:] = 0
    fitted = learner.fit(x, targets, "single", rng(), weights)
    without = learner.fit(x[:50], targets[:50], "single", rng())
    assert fitted.model.proba(x) == pytest.approx(without.model.proba(x), abs=1e-5)
    assert fitted.held_out[:50] == pytest.approx(without.held_out, abs=1e-5)
    assert fitted.held_out[50:] == pytest.approx(fitted.model.proba(x[50:]), abs=1e-6)


@every
@pytest.mark.parametrize(
    "weights", [np.ones(4), np.zeros(9), -np.ones(9), np.full(9, np.nan), np.ones((9, 1))]
)
def test_weights_that_make_no_sense_are_refused(learner, weights):
    x, targets = groups(9)
    with pytest.raises(ValueError, match=r"weights .*shape"):
        learner.fit(x, targets, "single", rng(), weights)


def test_recency_by_hand():
    assert recency_weights(np.array([30, 10, 20, 30]), 2.0).tolist() == [3, 1, 2, 3]
    assert recency_weights(np.array([5, 5]), 4.0).tolist() == [1, 1]
    with pytest.raises(ValueError, match="amount is -1"):
        recency_weights(np.array([1]), -1)


@given(st.lists(st.integers(0, 50), max_size=30), st.floats(0, 4))
def test_nothing_old_is_ever_forgotten(order, amount):
    weights = recency_weights(np.array(order, np.int64), amount)
    assert len(weights) == len(order)
    assert ((weights >= 1) & (weights <= 1 + amount + 1e-6)).all()


def test_balanced_labels_count_alike_and_the_mean_weight_stays():
    targets = one_hot([0] * 8 + [1] * 2, 3)
    weights = class_weights(targets, "balanced")
    assert weights.tolist() == pytest.approx([0.625] * 8 + [2.5] * 2)
    doubled = class_weights(targets, "balanced", np.full(10, 2.0))
    assert doubled == pytest.approx(2 * weights)
    assert class_weights(targets, "").tolist() == [1] * 10
    with pytest.raises(ValueError, match="how is 'even'; known: '', 'balanced'"):
        class_weights(targets, "even")


def test_a_row_without_any_label_keeps_its_weight():
    targets = np.array([[1, 0], [1, 0], [1, 1], [0, 0]], np.float32)
    weights = class_weights(targets, "balanced")
    assert weights[3] == 1
    assert weights[:3].sum() == pytest.approx(3)
    assert weights[2] > weights[0]


def test_balancing_finds_more_of_a_rare_label():
    x, targets = groups(400, k=2, spread=0.8)
    rare = np.flatnonzero(targets[:, 1])[12:]
    keep = np.setdiff1d(np.arange(400), rare)
    plain, balanced = (
        train(x[keep], targets[keep], Settings(class_weights=how, committee_size=0), rng()).champion
        for how in ("", "balanced")
    )
    assert balanced.proba(x[rare])[:, 1].mean() > plain.proba(x[rare])[:, 1].mean() + 0.1
