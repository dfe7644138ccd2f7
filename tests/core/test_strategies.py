"""Strategies: numbers worked by hand, and what must hold for every one of them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core import committee, scores
from sampling.core.arrays import unit_rows
from sampling.core.clusters import nearest
from sampling.core.coverage import Landmarks, covering
from sampling.core.loop import Turn, next_batch, prepared, train
from sampling.core.pool import Pool
from sampling.core.settings import Settings
from sampling.core.strategies import STRATEGIES, Scores, Strategy


def rng(seed=0):
    return np.random.default_rng(seed)


def floats(rows):
    return np.array(rows, np.float32)


def shares(n, k, seed):
    proba = rng(seed).random((n, k), np.float32) + 1e-3
    return proba / proba.sum(axis=1, keepdims=True)


@st.composite
def pools(draw):
    """Small pools: alike rows, whole duplicates, sure and unsure models, with and without labelled rows."""
    n, seed = draw(st.integers(0, 60)), draw(st.integers(0, 999))
    kinds = draw(st.integers(1, 60))
    features = unit_rows(rng(seed).normal(size=(kinds, 5)).astype(np.float32))[
        rng(seed).integers(kinds, size=n)
    ]
    labelled = unit_rows(
        rng(seed + 1).normal(size=(draw(st.sampled_from([0, 3, 250])), 5)).astype(np.float32)
    )
    task = draw(st.sampled_from(["single", "multi"]))
    k = draw(st.integers(1, 5))
    proba = shares(n, k, seed) if task == "single" else rng(seed).random((n, k), np.float32)
    if draw(st.booleans()):
        proba = np.eye(k, dtype=np.float32)[rng(seed).integers(k, size=n)]
    members = np.stack([proba, proba[::-1], shares(n, k, seed + 2)])
    return Pool(features, labelled, features[: min(n, 7)] if n else None, proba, task, members)


# --- every strategy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
@settings(max_examples=60)
@given(pool=pools(), size=st.integers(0, 70), seed=st.integers(0, 99))
def test_every_strategy_picks_distinct_rows_and_repeats_itself(strategy, pool, size, seed):
    if not len(pool) and strategy.score is scores.typicality:
        return
    rows = strategy(pool, size, rng(seed))
    assert len(set(rows.tolist())) == len(rows) == min(size, len(pool))
    assert set(rows.tolist()) <= set(range(len(pool)))
    assert (rows == strategy(pool, size, rng(seed))).all()


@pytest.mark.parametrize("strategy", [s for s in STRATEGIES.values() if s.needs_model], ids=lambda s: s.name)
@given(pool=pools(), seed=st.integers(0, 9))
def test_scores_lie_between_0_and_1(strategy, pool, seed):
    found = strategy.finished(strategy.scores(pool, rng(seed))).score
    assert found.dtype == np.float32
    assert ((found >= -1e-6) & (found <= 1 + 1e-6)).all()


def test_a_strategy_that_needs_a_model_says_so():
    with pytest.raises(ValueError, match="proba is missing"):
        STRATEGIES["margin"](Pool(floats([[1, 0]])), 1, rng())


def test_a_score_that_is_not_finite_is_refused():
    wrong = Strategy("wrong", lambda pool, rng: np.full(len(pool), np.nan, np.float32))
    with pytest.raises(ValueError, match="wrong must give 1 finite scores"):
        wrong(Pool(floats([[1, 0]])), 1, rng())


def test_sizes_and_shapes_that_make_no_sense_are_refused():
    pool = Pool(floats([[1, 0]]), proba=floats([[1, 0], [0, 1]]))
    with pytest.raises(ValueError, match=r"proba has shape \(2, 2\), but the pool has 1 rows"):
        STRATEGIES["margin"](pool, 1, rng())
    with pytest.raises(ValueError, match="size is -1"):
        STRATEGIES["random"](pool, -1, rng())


# --- scores by hand ----------------------------------------------------------------------------------------


def test_scores_of_three_labels_by_hand():
    pool = Pool(np.zeros((3, 1), np.float32), proba=floats([[0.5, 0.3, 0.2], [1, 0, 0], [1 / 3] * 3]))
    assert scores.margin(pool, rng()) == pytest.approx([0.8, 0, 1])
    assert scores.least_confidence(pool, rng()) == pytest.approx([0.5, 0, 2 / 3])
    by_hand = -(0.5 * math.log(0.5) + 0.3 * math.log(0.3) + 0.2 * math.log(0.2)) / math.log(3)
    assert scores.entropy(pool, rng()) == pytest.approx([by_hand, 0, 1], abs=1e-6)


def test_scores_of_independent_labels_by_hand():
    pool = Pool(np.zeros((2, 1), np.float32), proba=floats([[0.9, 0.6], [1, 0]]), task="multi")
    assert scores.margin(pool, rng()) == pytest.approx([0.8, 0])
    assert scores.least_confidence(pool, rng()) == pytest.approx([1 - 0.9 * 0.6, 0])
    assert scores.entropy(pool, rng()) == pytest.approx([0.71997, 0], abs=1e-4)


def test_members_that_are_each_sure_of_something_else_disagree_wholly():
    sure, other, unsure = (floats([row]) for row in ([1, 0, 0], [0, 1, 0], [1 / 3] * 3))
    third = floats([[0, 0, 1]])
    assert committee.disagreement(np.stack([sure, other, third])) == pytest.approx([1], abs=1e-6)
    assert committee.disagreement(np.stack([unsure, unsure, unsure])) == pytest.approx([0], abs=1e-6)
    # Two against one: entropy of (2/3, 1/3) over log 3.
    by_hand = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3)) / math.log(3)
    assert committee.disagreement(np.stack([sure, sure, other])) == pytest.approx([by_hand], abs=1e-6)


@given(
    n=st.integers(0, 9),
    k=st.integers(1, 4),
    members=st.integers(2, 5),
    task=st.sampled_from(["single", "multi"]),
)
def test_disagreement_lies_between_0_and_1(n, k, members, task):
    found = committee.disagreement(np.stack([shares(n, k, seed) for seed in range(members)]), task)
    assert found.shape == (n,)
    assert ((found >= 0) & (found <= 1)).all()


def test_the_margin_strategy_asks_for_the_least_sure_first():
    proba = floats([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3], [0.6, 0.4]])
    assert STRATEGIES["margin"](Pool(np.eye(4, dtype=np.float32), proba=proba), 3, rng()).tolist() == [
        1,
        3,
        2,
    ]


def test_equal_scores_come_in_random_order():
    pool = Pool(np.zeros((50, 1), np.float32), proba=np.full((50, 2), 0.5, np.float32))
    assert STRATEGIES["margin"](pool, 5, rng(1)).tolist() != STRATEGIES["margin"](pool, 5, rng(2)).tolist()


# --- clusters, coverage, duplicates ------------------------------------------------------------------------

AXES = np.eye(4, dtype=np.float32)
MANY = np.ones((200, 4), np.float32) * -0.5  # 200 labelled rows, far from all axes: no coverage any more


def around(axis, n, seed=0):
    """Rows near an axis, none the same."""
    return unit_rows(AXES[axis] + rng(seed + axis).normal(0, 0.25, (n, 4)).astype(np.float32))


def test_after_coverage_each_cluster_gives_its_share_most_uncertain_first():
    features = np.concatenate([around(0, 60), around(1, 30), around(2, 30)])
    unsure = rng(5).random(120, np.float32) / 2
    pool = Pool(features, MANY, AXES[:3], np.stack([0.5 + unsure, 0.5 - unsure], axis=1))
    rows = STRATEGIES["default"](pool, 8, rng())
    cluster = nearest(features, AXES[:3])[0]
    sizes = np.bincount(cluster)
    assert (np.abs(np.bincount(cluster[rows], minlength=3) - sizes * 8 / 120) < 1).all()
    assert set(cluster[rows[:3]]) == {0, 1, 2}
    best = [np.flatnonzero(cluster == c)[unsure[cluster == c].argmin()] for c in range(3)]
    assert set(rows[:3]) == set(best)


def test_near_duplicates_of_the_batch_and_of_the_labelled_come_last():
    copies, others = np.repeat(around(0, 1), 50, axis=0), around(1, 12)
    features = np.concatenate([copies, others])
    proba = np.full((62, 2), 0.5, np.float32)
    proba[50:] = [0.9, 0.1]
    fresh = STRATEGIES["default"](Pool(features, MANY, AXES[:2], proba), 4, rng())
    assert (fresh < 50).sum() == 1
    known = np.concatenate([MANY, copies[:1]])
    fresh = STRATEGIES["default"](Pool(features, known, AXES[:2], proba), 4, rng())
    assert (fresh < 50).sum() == 0
    everything = STRATEGIES["default"](Pool(features, known, AXES[:2], proba), 62, rng())
    assert sorted(everything.tolist()) == list(range(62))


@settings(max_examples=40)
@given(seed=st.integers(0, 999), size=st.integers(1, 30))
def test_a_spread_batch_has_no_near_duplicates_while_others_are_left(seed, size):
    features = unit_rows(rng(seed).normal(size=(200, 4)).astype(np.float32))
    pool = Pool(features, MANY, AXES, shares(200, 3, seed))
    x = features[STRATEGIES["default"](pool, size, rng(seed))]
    assert (np.triu(x @ x.T, 1) < 0.95).all()


def test_coverage_by_hand():
    # Three groups on a line; the middle of the biggest covers most, then the next biggest group.
    x = floats([[0], [1], [2], [10], [11], [20]])
    landmarks = Landmarks(x, np.ones(6, np.float32), np.zeros(6, np.float32), far=4.0)
    one_cluster = np.zeros(6, np.int64)
    assert covering(x, landmarks, one_cluster, np.array([6]), 3).tolist() == [1, 3, 5]
    # A quota of one keeps the first group from giving more; weights turn the order round.
    heavy = Landmarks(x, floats([1, 1, 1, 1, 1, 9]), np.zeros(6, np.float32), far=4.0)
    assert covering(x, heavy, np.array([0, 0, 0, 1, 1, 1]), np.array([1, 1]), 6).tolist() == [5, 1]


@settings(max_examples=40)
@given(seed=st.integers(0, 999), size=st.integers(1, 12), n=st.integers(1, 40))
def test_lazy_coverage_is_greedy_coverage(seed, size, n):
    x = rng(seed).normal(size=(n, 3)).astype(np.float32)
    landmarks = Landmarks.of(x[: max(1, n // 2)], rng(seed).random(max(1, n // 2), np.float32), x[:2])
    cluster, places = np.arange(n) % 3, np.full(3, 4)
    taken = covering(x, landmarks, cluster, places, size).tolist()
    near, covered, left = landmarks.nearness(x), landmarks.covered, places.copy()
    for row in taken:
        gain = np.maximum(near - covered, 0) @ landmarks.weights
        free = [i for i in range(n) if left[cluster[i]] and i not in taken[: taken.index(row)]]
        assert gain[row] >= gain[free].max() - 1e-4
        covered = np.maximum(covered, near[row])
        left[cluster[row]] -= 1
    assert len(taken) == min(size, sum(min(4, int((cluster == c).sum())) for c in range(3)))


def test_coverage_gives_each_cluster_at_most_its_share_rounded_up():
    features = np.concatenate([around(0, 60), around(1, 30), around(2, 30)])
    pool = Pool(features, None, AXES[:3], shares(120, 3, 1))
    rows = STRATEGIES["default"](pool, 10, rng())
    cluster = nearest(features, AXES[:3])[0]
    assert (np.bincount(cluster[rows]) <= np.ceil(np.bincount(cluster) * 10 / 120)).all()


def test_the_first_batch_takes_the_middle_of_each_group():
    features = np.concatenate([around(axis, 30) for axis in range(4)])
    batch = next_batch(Pool(features), None, 4, Settings(), rng())
    assert batch.strategy == "first-batch"
    groups = batch.rows // 30
    assert sorted(groups.tolist()) == [0, 1, 2, 3]
    for row, group in zip(batch.rows, groups, strict=True):
        own = features[group * 30 : group * 30 + 30]
        assert np.sum((features[row] - own.mean(0)) ** 2) <= np.median(
            np.sum((own - own.mean(0)) ** 2, axis=1)
        )


# --- shards ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRATEGIES)
def test_shards_put_together_give_the_same_batch_as_one_pool(name):
    features = unit_rows(rng().normal(size=(100, 5)).astype(np.float32))
    targets = np.eye(3, dtype=np.float32)[np.arange(20) % 3]
    trained = train(features[:20], targets, Settings(), rng())
    turn = Turn(trained, 9, Settings(strategy=name))
    [pool] = prepared(Pool(features), turn, rng())
    proba, members = (
        trained.champion.proba(features),
        np.stack([m.proba(features) for m in trained.committee]),
    )
    whole = turn.strategy.scores(Pool(features, centres=pool.centres, proba=proba, members=members), rng())
    cut = [slice(0, 33), slice(33, 90), slice(90, 100)]
    parts = turn.strategy.finished(Scores.joined([whole.only(np.arange(100)[c]) for c in cut]))
    rows = turn.strategy.pick(turn.strategy.finished(whole), pool, 9, rng(3)).rows
    assert (turn.strategy.pick(parts, pool, 9, rng(3)).rows == rows).all()
