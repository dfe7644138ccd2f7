"""Likely mistakes among labels: by hand, against plain loops, and found where they were put."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.noise import STARTLING, doubt, high_loss, mislabelled, suspects

NAN = float("nan")


def floats(rows):
    return np.array(rows, np.float32)


@st.composite
def judged(draw):
    """Held-out probabilities (m, k), some rows not judged, targets and a task."""
    m, k, seed = draw(st.integers(0, 30)), draw(st.integers(1, 4)), draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    task = draw(st.sampled_from(["single", "multi"]))
    held_out = rng.random((m, k), np.float32)
    if task == "single":
        held_out /= held_out.sum(axis=1, keepdims=True)
        targets = np.eye(k, dtype=np.float32)[rng.integers(k, size=m)]
    else:
        targets = rng.integers(0, 2, (m, k)).astype(np.float32)
    held_out[rng.random(m) < 0.2] = NAN
    return held_out, targets, task


def plain_suspect(row, held_out, targets):
    """Confident learning of one row, after the book: thresholds first, then the likeliest that is reached."""
    k = held_out.shape[1]
    known = [i for i in range(len(held_out)) if not math.isnan(held_out[i][0])]
    if row not in known:
        return False
    given_label = [int(np.argmax(row)) for row in targets]
    reached = []
    for label in range(k):
        own = [float(held_out[i][label]) for i in known if given_label[i] == label]
        if own and held_out[row][label] >= np.float32(np.mean(np.array(own, np.float32))):
            reached.append(label)
    return bool(reached) and max(reached, key=lambda j: held_out[row][j]) != given_label[row]


@settings(max_examples=60)
@given(data=judged())
def test_suspects_are_what_plain_loops_give(data):
    held_out, targets, task = data
    if task == "single":
        expected = np.array([plain_suspect(row, held_out, targets) for row in range(len(targets))])
    else:
        expected = np.zeros(len(targets), bool)
        for label in range(targets.shape[1]):
            both = np.stack([1 - held_out[:, label], held_out[:, label]], axis=1)
            given = np.stack([1 - targets[:, label], targets[:, label]], axis=1)
            expected |= np.array([plain_suspect(row, both, given) for row in range(len(targets))], bool)
    assert mislabelled(held_out, targets, task).tolist() == list(expected)


@settings(max_examples=40)
@given(data=judged(), seed=st.integers(0, 9))
def test_scores_are_finite_and_follow_their_rows(data, seed):
    held_out, targets, task = data
    order = np.random.default_rng(seed).permutation(len(targets))
    for score in (high_loss, doubt):
        found = score(held_out, targets, task)
        assert found.shape == (len(targets),)
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        assert (found[np.isnan(held_out).any(axis=1)] == 0).all()
        assert score(held_out[order], targets[order], task) == pytest.approx(found[order])
    assert (doubt(held_out, targets, task) <= 1).all()


@settings(max_examples=40)
@given(data=judged(), most=st.integers(0, 9))
def test_suspects_are_few_judged_and_the_most_doubtful_first(data, most):
    held_out, targets, task = data
    rows = suspects(held_out, targets, task, most)
    wrong = mislabelled(held_out, targets, task)
    assert wrong[rows].sum() == min(most, wrong.sum())
    assert np.isfinite(held_out[rows]).all()
    doubtful, startling = rows[wrong[rows]], rows[~wrong[rows]]
    assert rows.tolist() == [*doubtful, *startling]
    assert (np.diff(doubt(held_out, targets, task)[doubtful]) <= 0).all()
    loss = high_loss(held_out, targets, task)[startling]
    assert (np.diff(loss) <= 0).all()
    assert (loss > STARTLING / (targets.shape[1] if task == "multi" else 1)).all()


def test_a_label_that_comes_as_a_surprise_is_suspected_after_likely_mistakes():
    # The last row reaches no threshold of another label, and has its own one chance in fifty.
    held_out = floats([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9], [0.5, 0.48, 0.02]])
    targets = floats([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
    assert not mislabelled(held_out, targets).any()
    assert suspects(held_out, targets, "single", 5).tolist() == [3]


def test_confident_learning_by_hand():
    # Thresholds: label 0 (.9 + .8 + .1) / 3 = .6, label 1 (.9 + .6) / 2 = .75.
    held_out = floats([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9], [0.4, 0.6], [NAN, NAN]])
    targets = floats([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [1, 0]])
    assert mislabelled(held_out, targets).tolist() == [False, False, True, False, False, False]
    assert doubt(held_out, targets) == pytest.approx([0.1, 0.2, 0.9, 0.1, 0.4, 0])
    assert high_loss(held_out, targets) == pytest.approx(-np.log([0.9, 0.8, 0.1, 0.9, 0.6, 1]), abs=1e-6)
    assert suspects(held_out, targets, "single", 5).tolist() == [2]


def test_labels_on_their_own_by_hand():
    # Yes to the first label: threshold (.9 + .05) / 2 by rows 0 and 1; no: (.9 + .8) / 2 by rows 2 and 3.
    held_out = floats([[0.9, 0.5], [0.05, 0.5], [0.1, 0.5], [0.2, 0.5]])
    targets = floats([[1, 0], [1, 0], [0, 0], [0, 0]])
    assert suspects(held_out, targets, "multi", 5).tolist() == [1]
    assert doubt(held_out, targets, "multi") == pytest.approx([0.5, 0.95, 0.5, 0.5])
    by_hand = -(math.log(0.05) + math.log(0.5)) / 2
    assert high_loss(held_out, targets, "multi")[1] == pytest.approx(by_hand, abs=1e-6)


def test_a_wrong_certainty_costs_much_but_not_everything():
    assert high_loss(floats([[1, 0]]), floats([[0, 1]]))[0] == pytest.approx(-math.log(1e-7), abs=1e-3)


def test_a_label_of_which_the_model_is_never_sure_is_not_suspected_for_that():
    # The model gives label 1 half its weight at best, so a half is enough to be a 1.
    held_out = floats([[0.55, 0.45], [0.6, 0.4], [0.95, 0.05], [0.9, 0.1]])
    targets = floats([[0, 1], [0, 1], [1, 0], [1, 0]])
    assert suspects(held_out, targets, "single", 5).tolist() == []


def test_labels_turned_on_purpose_are_found():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=300)
    wrong = rng.permutation(300)[:30]
    told = truth.copy()
    told[wrong] = (truth[wrong] + 1) % 3
    held_out = np.full((300, 3), 0.15, np.float32)
    held_out[np.arange(300), truth] = rng.uniform(0.4, 0.9, 300)
    held_out /= held_out.sum(axis=1, keepdims=True)
    found = suspects(held_out, np.eye(3, dtype=np.float32)[told], "single", 30)
    assert len(set(found) & set(wrong)) >= 0.9 * len(found) > 15


def test_shapes_and_numbers_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match=r"held_out has shape \(1, 2\), but targets \(2, 2\)"):
        high_loss(floats([[1, 0]]), floats([[1, 0], [0, 1]]))
    with pytest.raises(ValueError, match="most is -1"):
        suspects(floats([[1, 0]]), floats([[1, 0]]), "single", -1)
