"""Draws depend on the seed and the key, and on nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from projects import draws

seeds = st.integers(-(2**63), 2**63 - 1)


@given(seeds, st.text())
def test_a_draw_repeats_itself_and_fits_a_signed_column(seed, key):
    assert draws.shuffle(seed, key) == draws.shuffle(seed, key)
    assert 0 <= draws.shuffle(seed, key) < 2**63


@given(seeds, st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_keeps_what_a_smaller_one_has(seed, key, one, other):
    small, large = sorted([one, other])
    assert draws.holdout(seed, key, small) <= draws.holdout(seed, key, large)
    assert draws.agreement(seed, key, small) <= draws.agreement(seed, key, large)


def test_shares_come_out_as_asked_and_independent_of_each_other():
    keys = [f"id:{n}" for n in range(20_000)]
    held = {key for key in keys if draws.holdout(1, key, 0.05)}
    agreed = {key for key in keys if draws.agreement(1, key, 0.10)}
    # Five standard deviations around 1,000, 2,000 and 100.
    assert abs(len(held) - 1000) < 155
    assert abs(len(agreed) - 2000) < 213
    assert abs(len(held & agreed) - 100) < 50


def test_nothing_and_everything_can_be_asked_for():
    assert not any(draws.holdout(1, str(n), 0) for n in range(1000))
    assert all(draws.agreement(1, str(n), 1) for n in range(1000))


def test_another_seed_draws_others():
    keys = [f"id:{n}" for n in range(1000)]
    assert sorted(keys, key=lambda key: draws.shuffle(1, key)) != sorted(
        keys, key=lambda key: draws.shuffle(2, key)
    )


def test_the_draws_of_a_release_stay_those_of_the_next():
    assert draws.shuffle(7, "id:1") == 4262737048685914351
    assert [n for n in range(60) if draws.holdout(7, f"id:{n}", 0.05)] == [45]
