"""BADGE: gradients by hand, and draws that follow the law of k-means++."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from sampling.core.arrays import unit_rows
from sampling.core.draws import Draws
from sampling.core.pool import Pool
from sampling.core.strategies import STRATEGIES
from sampling.core.strategies.badge import Gradients, gradient_length, residuals


def rng(seed=0):
    return np.random.default_rng(seed)


def floats(rows):
    return np.array(rows, np.float32)


def made(n, k, seed=0, d=5):
    """Rows of length 1 and probabilities, from sure to torn."""
    logits = rng(seed).normal(0, 2, (n, k))
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return unit_rows(rng(seed + 1).normal(size=(n, d)).astype(np.float32)), floats(proba)


def outer(proba, x, task):
    """The gradients themselves, (n, k d): what BADGE is usually written with."""
    answer = np.eye(proba.shape[1])[proba.argmax(axis=1)] if task == "single" else proba >= 0.5
    return np.stack(
        [np.outer(p - a, row).ravel().astype(float) for p, a, row in zip(proba, answer, x, strict=True)]
    )


def test_residuals_by_hand():
    assert residuals(floats([[0.7, 0.2, 0.1]]), "single") == pytest.approx(floats([[-0.3, 0.2, 0.1]]))
    assert residuals(floats([[0.7, 0.2]]), "multi") == pytest.approx(floats([[-0.3, 0.2]]))


def test_the_score_is_the_squared_length_of_the_gradient_by_hand():
    pool = Pool(floats([[1, 0], [0.6, 0.8]]), proba=floats([[0.5, 0.5], [1, 0]]))
    # (-.5, .5) is of squared length .5, and 2 is the largest.
    assert gradient_length(pool, rng()) == pytest.approx([0.25, 0])


@given(n=st.integers(1, 30), k=st.integers(1, 4), task=st.sampled_from(["single", "multi"]))
def test_factors_give_the_distances_of_the_gradients_themselves(n, k, task):
    x, proba = made(n, k)
    whole = outer(proba, x, task)
    found = Gradients.of(proba, x, task)
    assert found.length == pytest.approx((whole**2).sum(axis=1), abs=1e-5)
    wanted = ((whole[:, None] - whole[None, :5]) ** 2).sum(axis=-1)
    assert found.apart(found.only(slice(5))) == pytest.approx(wanted, abs=1e-5)


def law(points, taken):
    """The odds of each row to be drawn next: squared distances to the nearest row taken, by plain loops."""
    odds = np.array([min(((row - points[t]) ** 2).sum() for t in taken) for row in points])
    return odds / odds.sum()


@pytest.mark.parametrize("task", ["single", "multi"])
def test_second_and_third_draws_follow_the_law(task):
    n, runs = 12, 2_000
    x, proba = made(n, 3, seed=4)
    pool, source = Pool(x, proba=proba, task=task), rng(9)
    whole = outer(proba, x, task)
    rows = np.array([STRATEGIES["badge"](pool, 3, source) for _ in range(runs)])
    first = int((whole**2).sum(axis=1).argmax())
    assert (rows[:, 0] == first).all()
    second = law(whole, [first])
    third = sum(second[row] * law(whole, [first, row]) for row in range(n) if row != first)
    for place, wanted in ((1, second), (2, third)):
        counts, likely = np.bincount(rows[:, place], minlength=n), wanted > 1e-3
        assert counts[~likely].sum() < runs * 0.01
        expected = wanted[likely] / wanted[likely].sum() * counts[likely].sum()
        assert chisquare(counts[likely], expected).pvalue > 1e-3


@pytest.mark.parametrize("dearer", [0.0, 1e9], ids=["never measured again", "measured again each time"])
def test_draws_follow_the_law_however_loose_the_bounds_are(dearer, monkeypatch):
    monkeypatch.setattr("sampling.core.draws.DEARER", dearer)
    monkeypatch.setattr("sampling.core.draws.PROPOSED", 3)
    x, proba = made(10, 2, seed=1)
    points, source, runs = Gradients.of(proba, x, "single"), rng(2), 2_000
    root = np.sqrt(points.length)
    rows = np.array([Draws(points.only, root, [0]).until(4, source) for _ in range(runs)])
    whole, wanted = outer(proba, x, "single"), np.zeros(10)
    pairs, counts = np.unique(rows[:, 1:3], axis=0, return_counts=True)
    for pair, count in zip(pairs, counts, strict=True):
        # The fourth draw, given the second and the third.
        here = rows[(rows[:, 1:3] == pair).all(axis=1), 3]
        wanted += count * law(whole, [0, *pair])
        assert not set(here) & {0, *pair}
    found, likely = np.bincount(rows[:, 3], minlength=10), wanted > runs * 1e-3
    expected = wanted[likely] / wanted[likely].sum() * found[likely].sum()
    assert chisquare(found[likely], expected).pvalue > 1e-3


def test_bounds_are_never_below_the_true_distances():
    x, proba = made(2_000, 4, d=16)
    points = Gradients.of(proba, x, "single")
    draws = Draws(points.only, np.sqrt(points.length), [int(points.length.argmax())])
    for size in (2, 40, 90):
        taken = draws.until(size, rng(size))
        assert len(set(taken.tolist())) == size
        true = points.apart(points.only(taken)).min(axis=1)
        assert (draws.bound >= true - 1e-5).all()
        assert (draws.bound[taken] == 0).all()


def test_a_model_that_is_sure_of_everything_still_gets_a_batch():
    x, _ = made(20, 3)
    pool = Pool(x, proba=np.eye(3, dtype=np.float32)[np.arange(20) % 3])
    assert sorted(STRATEGIES["badge"](pool, 20, rng()).tolist()) == list(range(20))
