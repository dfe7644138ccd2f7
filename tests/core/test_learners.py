"""Learners: what they find, and that no training set is too odd."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from sampling.core.learners import LEARNERS, Logistic, model_from_state
from sampling.core.learners.forest import Forest
from sampling.core.learners.mlp import Mlp

# What is to be fitted many times over is smaller here.
LIGHT = {**LEARNERS, "forest": Forest(trees=10), "mlp": Mlp(hidden=8)}
every = pytest.mark.parametrize("learner", LIGHT.values(), ids=LIGHT)


def rng(seed=0):
    return np.random.default_rng(seed)


def groups(n, k=3, spread=0.3, seed=0):
    """Unit rows around k axes, and the targets."""
    positions = rng(seed).integers(k, size=n)
    x = np.eye(k + 2)[positions] + rng(seed + 1).normal(0, spread, (n, k + 2))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), one_hot(positions, k)


def one_hot(positions, k):
    return np.eye(k, dtype=np.float32)[positions]


@every
def test_it_learns_groups_apart(learner):
    x, targets = groups(300)
    model = learner.fit(x[:100], targets[:100], "single", rng()).model
    assert (model.proba(x[100:]).argmax(1) == targets[100:].argmax(1)).mean() > 0.8


def test_it_finds_the_same_weights_as_scikit_learn():
    x, targets = groups(200, spread=0.6)
    ours = Logistic((1.0,), few=1.0, folds=0).fit(x, targets, "single", rng()).model
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(x, targets.argmax(1))
    assert ours.proba(x) == pytest.approx(theirs.predict_proba(x), abs=2e-3)


@every
def test_labels_never_seen_get_nothing(learner):
    x, targets = groups(60)
    wide = np.hstack([targets, np.zeros((60, 2), np.float32)])
    model = learner.fit(x, wide, "single", rng()).model
    proba = model.proba(x)
    assert (model.labels, model.known) == (5, 3)
    assert (proba[:, 3:] == 0).all()
    assert proba.sum(axis=1) == pytest.approx(1, abs=1e-5)


@every
def test_one_label_alone_is_certain(learner):
    model = learner.fit(np.ones((4, 3), np.float32), one_hot([1, 1, 1, 1], 3), "single", rng()).model
    assert model.proba(np.ones((2, 3), np.float32)).tolist() == [[0, 1, 0], [0, 1, 0]]


@every
def test_several_labels_may_hold_at_once_or_none(learner):
    x = np.eye(3, dtype=np.float32)[[0, 1, 2] * 20]
    targets = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]] * 20, np.float32)
    proba = learner.fit(x, targets, "multi", rng()).model.proba(np.eye(3, dtype=np.float32))
    assert (proba.round() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]).all()


@every
def test_confidence_is_close_to_how_often_it_is_right(learner):
    x, targets = groups(4_000, spread=0.9)
    model = learner.fit(x[:300], targets[:300], "single", rng()).model
    proba = model.proba(x[300:])
    right = (proba.argmax(1) == targets[300:].argmax(1)).mean()
    assert proba.max(axis=1).mean() == pytest.approx(right, abs=0.08)


@every
def test_targets_may_be_shares(learner):
    x, _ = groups(60)
    model = learner.fit(x, np.full((60, 2), 0.5, np.float32), "single", rng()).model
    assert model.proba(x) == pytest.approx(0.5, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(list(LEARNERS)),
    rows=st.integers(1, 50),
    k=st.integers(1, 6),
    task=st.sampled_from(["single", "multi"]),
    seed=st.integers(0, 99),
)
def test_any_training_set_gives_probabilities_that_survive_a_file(name, rows, k, task, seed):
    x = rng(seed).normal(size=(rows, 4)).astype(np.float32)
    targets = one_hot(rng(seed).integers(k, size=rows), k)
    if task == "multi":
        targets = (rng(seed).random((rows, k)) < 0.3).astype(np.float32)
    fitted = LIGHT[name].fit(x, targets, task, rng(seed))
    model, proba = fitted.model, fitted.model.proba(x)
    assert fitted.held_out.shape == (rows, k)
    assert proba.dtype == np.float32
    assert proba.shape == (rows, k)
    assert np.isfinite(proba).all()
    assert ((proba >= 0) & (proba <= 1)).all()
    assert (proba[:, targets.max(axis=0) == 0] == 0).all()
    if task == "single":
        assert proba.sum(axis=1) == pytest.approx(1, abs=1e-5)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **model.state())
    file.seek(0)
    with np.load(file, allow_pickle=False) as state:
        assert (model_from_state(dict(state)).proba(x) == proba).all()


@pytest.mark.parametrize(
    ("x", "targets", "message"),
    [
        (np.zeros((0, 3)), np.zeros((0, 2)), r"x has shape \(0, 3\), targets \(0, 2\)"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "x has 2 rows, targets has 3"),
        (np.full((1, 3), np.nan), np.ones((1, 1)), r"x of shape \(1, 3\) holds values that are not finite"),
        (np.zeros((1, 3)), np.zeros((1, 2)), "must have rows that sum to 1"),
        (np.zeros((1, 3)), np.full((1, 2), 2), r"must lie in \[0, 1\]"),
        (np.zeros(3), np.ones((3, 1)), "x must have 2 dimensions"),
    ],
)
def test_a_training_set_that_makes_no_sense_is_refused_by_name(x, targets, message):
    with pytest.raises(ValueError, match=message):
        LEARNERS["logistic"].fit(x, targets, "single", rng())


def test_rows_of_another_width_are_refused():
    x, targets = groups(20)
    with pytest.raises(ValueError, match="5 columns are needed"):
        LEARNERS["logistic"].fit(x, targets, "single", rng()).model.proba(x[:, :4])
