"""Scores of one row and the hybrid that they make: against plain loops, in every mode, properties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core import scores
from sampling.core.arrays import unit_rows
from sampling.core.loop import next_batch, train
from sampling.core.pool import Pool
from sampling.core.settings import Settings
from sampling.core.strategies import MODES, SCORES, STRATEGIES, Strategy
from sampling.core.strategies.base import regions
from sampling.core.strategies.hybrid import hybrid, ranks, weights_of


def rng(seed=0):
    return np.random.default_rng(seed)


def floats(rows):
    return np.array(rows, np.float32)


def shares(n, k, seed):
    proba = rng(seed).random((n, k), np.float32) + 1e-3
    return proba / proba.sum(axis=1, keepdims=True)


@st.composite
def pools(draw, least=0):
    """Pools that have all that any score asks for."""
    n, k, seed = draw(st.integers(least, 40)), draw(st.integers(1, 5)), draw(st.integers(0, 999))
    task = draw(st.sampled_from(["single", "multi"]))
    kinds = draw(st.integers(1, 40))
    features = unit_rows(rng(seed).normal(size=(kinds, 4)).astype(np.float32))[
        rng(seed).integers(kinds, size=n)
    ]
    labelled = unit_rows(rng(seed + 1).normal(size=(9, 4)).astype(np.float32))
    members = np.stack([shares(n, k, seed + i) for i in range(3)])
    return Pool(
        features,
        labelled,
        features[:5] if n else None,
        members[0],
        task,
        members,
        targets=np.eye(k, dtype=np.float32)[np.arange(7) % k],
    )


# --- expected gradient length ------------------------------------------------------------------------------


def plain_gradient(proba, x):
    """The gradient of cross-entropy by weights and bias, for each answer, as the outer product that it is."""
    longer = [*x, 1.0]
    length = 0.0
    for label, p in enumerate(proba):
        gap = [q - (label == other) for other, q in enumerate(proba)]
        length += p * math.sqrt(sum((g * v) ** 2 for g in gap for v in longer))
    return length


@settings(max_examples=50)
@given(pool=pools())
def test_the_gradient_is_as_long_as_plain_loops_say(pool):
    k = pool.proba.shape[1]
    found = scores.expected_gradient(pool, rng())
    rows = zip(pool.proba.tolist(), pool.features.tolist(), strict=True)
    if pool.task == "single":
        largest = math.sqrt(1 - 1 / max(k, 2)) * math.sqrt(2)
        expected = [plain_gradient(proba, x) / largest for proba, x in rows]
    else:
        # Each label on its own: the gradient has one number a column, p for no and 1 - p for yes.
        length = [(math.hypot(*x, 1), proba) for proba, x in rows]
        expected = [np.mean([2 * p * (1 - p) * one for p in proba]) / (0.5 * 2**0.5) for one, proba in length]
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_gradient_is_longest_where_all_labels_are_as_likely():
    x = floats([[1, 0]] * 4)
    proba = floats([[1 / 3] * 3, [0.5, 0.5, 0], [0.8, 0.1, 0.1], [1, 0, 0]])
    found = scores.expected_gradient(Pool(x, proba=proba), rng())
    assert found[0] == pytest.approx(1)
    assert (np.diff(found) < 0).all()
    assert found[3] == 0
    # Two labels: p (1 - p) sqrt(2) twice, over the largest sqrt(2/3).
    assert found[1] == pytest.approx(2 * 0.25 * math.sqrt(2) / math.sqrt(2 / 3), abs=1e-6)


def test_a_row_longer_than_1_counts_as_one_of_length_1():
    proba = floats([[0.7, 0.3]] * 3)
    found = scores.expected_gradient(Pool(floats([[0, 0], [1, 0], [30, 40]]), proba=proba), rng())
    assert found[1] == found[2] == pytest.approx(found[0] * math.sqrt(2))


# --- every score -------------------------------------------------------------------------------------------

PLAIN = [name for name in SCORES if name not in {"random", "typicality", "remoteness"}]


@pytest.mark.parametrize("name", PLAIN)
@settings(max_examples=25)
@given(pool=pools(), seed=st.integers(0, 9))
def test_a_score_lies_in_0_to_1_and_belongs_to_its_row(name, pool, seed):
    score = SCORES[name].score
    found = score(pool, rng()) if len(pool) else np.zeros(0, np.float32)
    assert found.shape == (len(pool),)
    assert ((found >= 0) & (found <= 1)).all()
    if len(pool):
        order = rng(seed).permutation(len(pool))
        assert score(pool.part(order), rng()) == pytest.approx(found[order], abs=1e-5)
        same = pool.part(np.zeros(4, np.int64))
        assert score(same, rng()) == pytest.approx(np.full(4, found[0]), abs=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SCORES)
@settings(max_examples=12)
@given(pool=pools(least=1), size=st.integers(1, 45), seed=st.integers(0, 9))
def test_every_mode_makes_a_batch_of_every_score(mode, name, pool, size, seed):
    strategy = Strategy(name, SCORES[name].score, MODES[mode], SCORES[name].needs, regions)
    rows = strategy(pool, size, rng(seed))
    assert len(set(rows.tolist())) == len(rows) == min(size, len(pool))
    if mode == "sequential":
        found = strategy.scores(pool, rng(seed)).score
        assert sorted(found[rows]) == sorted(np.sort(found)[::-1][:size])


# --- the hybrid --------------------------------------------------------------------------------------------


def test_ranks_by_hand():
    assert ranks(floats([[30], [10], [20], [20]])).ravel() == pytest.approx([0.875, 0.125, 0.5, 0.5])


@settings(max_examples=40)
@given(pool=pools(least=1), weights=st.dictionaries(st.sampled_from(PLAIN), st.floats(0.1, 9), min_size=1))
def test_a_hybrid_is_the_weighted_sum_of_ranks(pool, weights):
    strategy = hybrid(weights)
    found = strategy.finished(strategy.scores(pool, rng())).score
    expected = np.zeros(len(pool))
    for name, weight in weights.items():
        score = SCORES[name].score(pool, rng())
        below = [(score < one).sum() + ((score == one).sum() - 1) / 2 for one in score]
        expected += weight / sum(weights.values()) * (np.array(below) + 0.5) / len(pool)
    assert found == pytest.approx(expected, abs=1e-4)


def test_a_hybrid_of_one_score_asks_as_that_score_does():
    pool = Pool(np.eye(6, dtype=np.float32), proba=shares(6, 3, 4))
    assert (
        hybrid({"entropy": 3, "margin": 0})(pool, 6, rng()).tolist()
        == STRATEGIES["entropy"](pool, 6, rng()).tolist()
    )


@settings(max_examples=25)
@given(seed=st.integers(0, 99), limit=st.sampled_from([0.3, 0.6, 0.95]))
def test_a_batch_is_as_diverse_as_the_settings_ask(seed, limit):
    x = unit_rows(rng(seed).normal(size=(80, 3)).astype(np.float32))
    targets = np.eye(2, dtype=np.float32)[np.arange(10) % 2]
    chosen = Settings(strategy="hybrid", hybrid={"margin": 1, "typicality": 1}, diversity=limit)
    trained = train(x[:10], targets, chosen, rng())
    rows = next_batch(Pool(x[10:], x[:10], targets=targets), trained, 6, chosen, rng()).rows
    batch = x[10:][rows]
    # Rows too much alike come last: none of those before the first of them is like another.
    alike = [(batch[i] @ np.concatenate([x[:10], batch[:i]]).T).max() >= limit for i in range(6)]
    assert alike == sorted(alike)


def test_unknown_names_and_weights_that_make_no_sum_are_refused():
    with pytest.raises(ValueError, match="hybrid names 'mragin'; known: random, margin"):
        Settings(hybrid={"mragin": 1})
    with pytest.raises(ValueError, match="hybrid gives 'margin' the weight -1"):
        Settings(hybrid={"entropy": 1, "margin": -1})
    with pytest.raises(ValueError, match="hybrid gives all scores the weight 0"):
        Settings(hybrid={"margin": 0})
    with pytest.raises(ValueError, match="hybrid gives 'margin' the weight nan"):
        Settings(hybrid={"margin": float("nan")})
    assert weights_of({}) == ()
    assert weights_of({"margin": 3, "entropy": 1}) == (("margin", 0.75), ("entropy", 0.25))
