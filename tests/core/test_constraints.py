"""Quotas over any strategy: kept where they can be, given up in a known order, never a row less."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.arrays import unit_rows
from sampling.core.constraints import Bounds, Quota, belongs, within
from sampling.core.loop import Turn, equipped, next_batch, train
from sampling.core.pool import Pool
from sampling.core.settings import Settings, Stream
from sampling.core.strategies import STRATEGIES, Scores
from sampling.core.strategies.base import top


def rng(seed=0):
    return np.random.default_rng(seed)


def scored(values):
    return Scores(
        np.array(values, np.float32), np.zeros(len(values), np.int64), np.zeros(len(values), np.float32)
    )


def bounds_of(columns, least, most):
    return Bounds(np.array(columns, bool).T, np.array(least), np.array(most))


def picked(values, bounds, size):
    pool = Pool(np.eye(len(values), dtype=np.float32))
    return within(top, bounds)(scored(values), pool, size, rng()).rows.tolist()


@st.composite
def limits(draw, n):
    """A few groups, some empty, some of everybody, and bounds that may well contradict one another."""
    count = draw(st.integers(1, 4))
    rows = rng(draw(st.integers(0, 999))).random((n, count)) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    shares = [sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1)))) for _ in range(count)]
    return [Quota("field:f", i, *pair) for i, pair in enumerate(shares)], rows


# --- every strategy ----------------------------------------------------------------------------------------

X = unit_rows(rng(1).normal(size=(90, 5)).astype(np.float32))
TARGETS = np.eye(3, dtype=np.float32)[np.arange(30) % 3]
TRAINED = train(X[:30], TARGETS, Settings(), rng())


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=15)
@given(drawn=limits(60), size=st.integers(1, 70), seed=st.integers(0, 99))
def test_quotas_never_cost_a_row_whatever_the_strategy(name, drawn, size, seed):
    quotas, groups = drawn
    chosen = Settings(strategy=name, quotas=tuple(quotas))
    pool = Pool(X[30:], X[:30], targets=TARGETS, groups=groups)
    rows = next_batch(pool, TRAINED, size, chosen, rng(seed)).rows
    assert len(set(rows.tolist())) == len(rows) == min(size, 60)
    assert (rows == next_batch(pool, TRAINED, size, chosen, rng(seed)).rows).all()


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=15)
@given(least=st.floats(0, 0.5), room=st.floats(0, 0.5), size=st.integers(1, 20), seed=st.integers(0, 99))
def test_quotas_that_can_be_kept_are_kept_whatever_the_strategy(name, least, room, size, seed):
    # Two groups of 30 rows, none in both: any share can be had.
    half = np.arange(60) < 30
    quotas = (Quota("field:f", "a", least, min(1.0, least + room)), Quota("field:f", "b", 0.25, 1.0))
    pool = Pool(X[30:], X[:30], targets=TARGETS, groups=np.stack([half, ~half], axis=1))
    rows = next_batch(pool, TRAINED, size, Settings(strategy=name, quotas=quotas), rng(seed)).rows
    bounds = Bounds.of(quotas, pool.groups, size)
    count = int(half[rows].sum())
    assert count <= bounds.most[0] or len(rows) - count < bounds.least[1]
    assert count >= bounds.least[0]
    assert len(rows) - count >= min(bounds.least[1], size - bounds.least[0])


@pytest.mark.parametrize("name", STRATEGIES)
def test_quotas_that_hold_anyway_change_nothing(name):
    pool = Pool(X[30:], X[:30], targets=TARGETS, groups=np.ones((60, 1), np.bool_))
    free = next_batch(pool, TRAINED, 8, Settings(strategy=name), rng())
    bound = next_batch(pool, TRAINED, 8, Settings(strategy=name, quotas=(Quota("field:f", 1, 0.1),)), rng())
    assert free.rows.tolist() == bound.rows.tolist()


# --- by hand -----------------------------------------------------------------------------------------------


def test_the_last_rows_over_a_share_give_way_to_the_next_best_of_others():
    # Rows 0 to 3 are the best and all of one group, which may give two.
    bounds = bounds_of([[1, 1, 1, 1, 0, 0, 0]], [0], [2])
    assert sorted(picked([7, 6, 5, 4, 3, 2, 1], bounds, 4)) == [0, 1, 4, 5]


def test_what_is_missing_comes_from_the_group_best_first():
    bounds = bounds_of([[0, 0, 0, 0, 1, 1, 1]], [2], [7])
    assert sorted(picked([7, 6, 5, 4, 1, 3, 2], bounds, 4)) == [0, 1, 5, 6]


def test_rows_that_a_share_needs_are_not_dropped_for_another():
    # Group a: rows 2 and 3, two of them; group b: row 4. Rows 0 and 1 are better and in no group.
    bounds = bounds_of([[0, 0, 1, 1, 0], [0, 0, 0, 0, 1]], [2, 1], [5, 5])
    assert sorted(picked([9, 8, 7, 6, 5], bounds, 3)) == [2, 3, 4]


def test_a_row_of_two_groups_counts_for_both():
    bounds = bounds_of([[0, 1, 1, 0], [0, 0, 1, 1]], [1, 1], [4, 4])
    assert sorted(picked([9, 1, 0, 8], bounds, 2)) == [1, 3]
    bounds = bounds_of([[1, 1, 0, 0], [1, 0, 1, 0]], [0, 0], [1, 1])
    assert sorted(picked([9, 8, 7, 6], bounds, 2)) == [0, 3]


def test_at_least_gives_way_to_a_group_that_is_full():
    # All rows of the first group are in the second, which may give one only.
    bounds = bounds_of([[1, 1, 0, 0], [1, 1, 0, 0]], [2, 0], [4, 1])
    assert sorted(picked([9, 8, 2, 1], bounds, 3)) == [0, 2, 3]


def test_of_shares_that_need_too_much_the_first_wins():
    bounds = bounds_of([[1, 1, 0, 0], [0, 0, 1, 1]], [2, 2], [2, 2])
    assert sorted(picked([1, 2, 9, 8], bounds, 2)) == [0, 1]


def test_at_most_gives_way_when_nothing_else_is_left():
    bounds = bounds_of([[1, 1, 1, 0]], [0], [1])
    assert sorted(picked([4, 3, 2, 1], bounds, 3)) == [0, 1, 3]
    assert sorted(picked([4, 3, 2, 1], bounds_of([[1, 1, 1, 1]], [0], [0]), 3)) == [0, 1, 2]


def test_rows_added_stand_among_the_others_not_behind_them():
    bounds = bounds_of([[0, 0, 0, 0, 1, 1]], [2], [6])
    rows = picked([9, 8, 7, 6, 2, 1], bounds, 4)
    assert sorted(rows) == [0, 1, 4, 5]
    assert {0, 4} == set(rows[:2])


def test_shares_become_rows_by_hand():
    groups = np.ones((40, 3), np.bool_)
    groups[:, 2] = np.arange(40) < 1
    quotas = (Quota("field:f", 0, 0.3, 0.3), Quota("field:f", 1, 0.01, 0.29), Quota("field:f", 2, 0.5))
    bounds = Bounds.of(quotas, groups, 10)
    # 30 % of 10 are 3 both ways; 1 % is a row, 29 % are two; a group of one row cannot give five.
    assert bounds.least.tolist() == [3, 1, 1]
    assert bounds.most.tolist() == [3, 2, 10]


# --- who belongs where -------------------------------------------------------------------------------------


def test_groups_follow_fields_and_the_likeliest_label():
    quotas = (Quota("label", 1), Quota("field:source", "web"), Quota("label", 0))
    pool = Pool(np.eye(3, dtype=np.float32), groups=np.array([[True], [False], [True]]))
    scores = replace(scored([0, 0, 0]), label=np.array([1, 0, 2]))
    expected = [[True, True, False], [False, False, True], [False, True, False]]
    assert belongs(quotas, scores, pool).tolist() == expected
    # While no model knows a label, quotas about labels are about nobody.
    assert belongs(quotas[:1], scored([1, 2, 3]), Pool(pool.features)).sum() == 0
    with pytest.raises(ValueError, match=r"groups has shape \(3, 0\); 3 rows, 1 columns are needed"):
        belongs(quotas, scores, Pool(pool.features))


def test_labels_are_those_that_the_champion_finds_likeliest():
    chosen = Settings(strategy="margin", quotas=(Quota("label", 2, 0.75),))
    batch = next_batch(Pool(X[30:], X[:30], targets=TARGETS), TRAINED, 8, chosen, rng())
    likeliest = TRAINED.champion.proba(X[30:]).argmax(axis=1)
    assert (likeliest == 2).sum() >= 6
    assert (likeliest[batch.rows] == 2).sum() >= 6
    assert (batch.top[:, 0] == likeliest[batch.rows]).all()


def test_a_random_control_is_drawn_past_all_quotas():
    # Nobody of the group may come; the control does not care, the main stream does.
    groups = np.stack([np.arange(60) < 50], axis=1)
    chosen = Settings(
        strategy="margin", streams=(Stream("control", "random", 0.5),), quotas=(Quota("field:f", 1, 0, 0.1),)
    )
    batch = next_batch(Pool(X[30:], X[:30], groups=groups), TRAINED, 20, chosen, rng())
    turn = Turn(TRAINED, 20, chosen)
    assert [lane.size for lane in turn.lanes] == [10, 10]
    assert len(equipped(Pool(X), turn).committee) == 3
    control, main = (groups[batch.rows[batch.lane == lane], 0] for lane in (0, 1))
    assert control.sum() > 5
    # Ten rows are free of the group; the control took some of them, so a few of the group had to come.
    assert main.sum() == (~control).sum()


def test_quotas_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="of is 'colour'"):
        Quota("colour", "red")
    with pytest.raises(ValueError, match="value is 'red', but must be the position of a label"):
        Quota("label", "red")
    with pytest.raises(ValueError, match=r"at_least is 0\.6, at_most 0\.5"):
        Quota("label", 1, 0.6, 0.5)


def test_settings_with_quotas_survive_a_file():
    from dataclasses import asdict

    chosen = Settings(
        strategy="hybrid", hybrid={"margin": 2}, quotas=(Quota("label", 1, 0.1), Quota("field:a", "b"))
    )
    assert Settings.from_dict(asdict(chosen)) == chosen
