"""Consensus over many people: worked cases, and what holds for any votes (invariants 11 and 18)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.quality import crowd
from tests.crowds import coins, people_of, spammers

METHODS = pytest.mark.parametrize("method", crowd.METHODS)
K = 3
shares = st.lists(st.floats(0.05, 1), min_size=K, max_size=K).map(lambda one: np.array(one) / sum(one))
matrices = st.lists(shares, min_size=K, max_size=K).map(np.array)
crowds = st.lists(matrices, min_size=4, max_size=4).map(np.array)
some_votes = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, K - 1)), max_size=6)


def right(found, truth):
    return (found.posterior.argmax(axis=1) == truth).mean()


@METHODS
@pytest.mark.parametrize("ordinal", [False, True])
def test_the_live_update_equals_the_batch(method, ordinal):
    rng = np.random.default_rng(1)
    votes = people_of(rng, coins([0.9, 0.8, 0.6, 0.5, 0.7], 4), rng.integers(0, 4, 200), 3)
    found = crowd.fit(*votes, 4, method, ordinal=ordinal)
    for item in range(200):
        said = [(p, a) for i, p, a in zip(*votes, strict=True) if i == item]
        assert np.array_equal(crowd.posterior(said, found.rows, found.prior), found.posterior[item])
    assert found.posterior.sum(axis=1) == pytest.approx(1)
    assert found.rows.sum(axis=2) == pytest.approx(1)
    assert found.rows.shape == (6, 4, 4)


def test_the_live_update_takes_a_models_vote_as_the_batch_does():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, 100)
    votes = people_of(rng, coins([0.8] * 6, 3), truth, 2)
    model = rng.dirichlet(np.ones(3), 100)
    model[::2] = np.nan
    found = crowd.fit(*votes, 3, model=model)
    for item in (0, 1):
        said = [(p, a) for i, p, a in zip(*votes, strict=True) if i == item]
        live = crowd.posterior(said, found.rows, found.prior, model[item])
        assert np.array_equal(live, found.posterior[item])


@given(crowds, shares, some_votes, st.randoms(use_true_random=False))
def test_votes_in_any_order_add_up_to_one_posterior(rows, prior, votes, random):
    first = crowd.posterior(votes, rows, prior)
    random.shuffle(votes)
    assert first.sum() == pytest.approx(1)
    assert crowd.posterior(votes, rows, prior) == pytest.approx(first)


@given(crowds, shares, some_votes, st.tuples(st.integers(0, 3), st.integers(0, K - 1)))
def test_a_vote_lifts_the_label_that_it_rather_speaks_for(rows, prior, votes, vote):
    person, said = vote
    before = crowd.posterior(votes, rows, prior)
    after = crowd.posterior([*votes, vote], rows, prior)
    for c in range(K):
        for d in range(K):
            if rows[person, c, said] >= rows[person, d, said]:
                assert after[c] * before[d] >= after[d] * before[c] * (1 - 1e-9)


def test_a_posterior_by_hand():
    rows = coins([0.9, 0.6], 2)
    found = crowd.posterior([(0, 0), (1, 1)], rows, np.array([0.5, 0.5]))
    assert found == pytest.approx([0.36 / 0.42, 0.06 / 0.42])


def test_without_votes_the_prior_stands_and_a_model_takes_its_place():
    rows, prior = coins([0.8], 2), np.array([0.7, 0.3])
    assert crowd.posterior([], rows, prior) == pytest.approx(prior)
    sure = crowd.posterior([], rows, prior, np.array([0.0, 1.0]))
    assert sure == pytest.approx([0.01 / 1.01, 1 / 1.01])


@METHODS
@given(data=st.data())
@settings(max_examples=30)
def test_one_label_on_every_item_is_what_comes_out(method, data):
    n = data.draw(st.integers(1, 40))
    answers = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    people = np.array(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)))
    found = crowd.fit(np.arange(n), people, answers, 4, method)
    assert (found.posterior.argmax(axis=1) == answers).all()


@pytest.mark.parametrize("each", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_with_spammers_it_is_no_worse_than_the_majority(each, seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 400)
    rows = np.concatenate([coins(rng.uniform(0.65, 0.9, 15), 3), spammers(rng, 5, 3)])
    votes = people_of(rng, rows, truth, each)
    majority = right(crowd.fit(*votes, 3, "majority"), truth)
    for method in ("one-coin", "dawid-skene"):
        assert right(crowd.fit(*votes, 3, method), truth) >= majority


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.88, 0.12]])
def test_two_labels_an_item_do_not_run_off_to_one_class(shares):
    rng = np.random.default_rng(4)
    truth = rng.choice(2, 600, p=shares)
    votes = people_of(rng, coins(rng.uniform(0.6, 0.9, 40), 2), truth, 2)
    found = crowd.fit(*votes, 2)
    assert right(found, truth) > 0.75
    assert np.bincount(found.posterior.argmax(axis=1), minlength=2).min() > 30


def test_a_confused_person_is_told_from_a_good_one():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, 500)
    swaps = np.array([[0.1, 0.85, 0.05], [0.85, 0.1, 0.05], [0.05, 0.05, 0.9]])
    votes = people_of(rng, np.concatenate([coins([0.85] * 6, 3), swaps[None]]), truth, 3)
    found = crowd.fit(*votes, 3)
    assert found.rows[6] == pytest.approx(swaps, abs=0.12)
    assert right(found, truth) > right(crowd.fit(*votes, 3, "majority"), truth) + 0.03


def test_renaming_labels_renames_the_posterior():
    rng = np.random.default_rng(6)
    items, people, answers = people_of(rng, coins([0.8] * 8, 4), rng.integers(0, 4, 150), 3)
    to = np.array([2, 0, 3, 1])
    first, second = (crowd.fit(items, people, one, 4).posterior for one in (answers, to[answers]))
    assert second[:, to] == pytest.approx(first, abs=1e-6)


def test_labels_that_nobody_used_and_people_without_votes_are_allowed():
    found = crowd.fit(np.array([0, 0, 2]), np.array([0, 3, 3]), np.array([1, 1, 1]), 5)
    assert found.posterior.shape == (3, 5)
    assert found.posterior[1] == pytest.approx(found.prior)
    assert found.rows[1] == pytest.approx(found.rows[-1])
    assert (found.posterior[[0, 2]].argmax(axis=1) == 1).all()


def test_mistakes_on_a_scale_rather_fall_near():
    row = crowd.coin(0.7, 4, ordinal=True)[0]
    assert row == pytest.approx([0.7, *(0.3 * np.array([4, 2, 1]) / 7)])
    found = crowd.posterior([(-1, 0), (-1, 2)], crowd.coin(0.7, 3, ordinal=True)[None], np.ones(3) / 3)
    assert found[1] > crowd.posterior([(-1, 0), (-1, 2)], coins([0.7], 3), np.ones(3) / 3)[1]


@pytest.mark.parametrize(
    ("items", "people", "answers", "method", "says"),
    [
        ([0], [0], [0], "best", "method"),
        ([0, 1], [0], [0], "majority", "one length"),
        ([0], [-1], [0], "majority", "negative"),
        ([0], [0], [2], "majority", "answers"),
    ],
)
def test_what_cannot_be_fitted_is_refused(items, people, answers, method, says):
    with pytest.raises(ValueError, match=says):
        crowd.fit(np.array(items), np.array(people), np.array(answers), 2, method)
