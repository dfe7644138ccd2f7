"""Consensus: what votes settle on, worked by hand and for any votes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.quality.consensus import majority, pooled_accuracy, settle

TASKS = pytest.mark.parametrize("task", ["single", "multi"])
single_votes = st.lists(st.integers(0, 4).map(lambda label: frozenset([label])), min_size=1, max_size=7)
any_votes = st.lists(st.frozensets(st.integers(0, 4)), min_size=1, max_size=7)
accuracies = st.floats(0.3, 0.98)


def one(*labels):
    return [frozenset([label]) for label in labels]


def test_two_equal_votes_by_hand():
    result = settle(one(3, 3), 10, 0.85, "single")
    right, wrong = 0.85**2, (0.15 / 9) ** 2
    assert (result.answer, result.unanimous, result.tie) == (frozenset([3]), True, False)
    assert result.posterior == pytest.approx(right / (right + 9 * wrong))
    assert result.method == "one-coin 0.85"


def test_two_different_votes_are_a_tie():
    result = settle(one(3, 4), 10, 0.85, "single")
    assert (result.answer, result.tie, result.unanimous) == (None, True, False)
    assert result.posterior < 0.5


def test_each_label_of_a_set_is_settled_by_itself():
    votes = [frozenset([1, 2]), frozenset([1]), frozenset([1, 3])]
    result = settle(votes, 4, 0.85, "multi")
    right = 0.85 ** (1 / 4)
    odds = right / (1 - right)
    sure = lambda ahead: odds**ahead / (1 + odds**ahead)  # noqa: E731
    assert result.answer == frozenset([1])
    assert result.posterior == pytest.approx(sure(3) ** 2 * sure(1) ** 2)
    assert settle(votes[:2], 4, 0.85, "multi").tie


@TASKS
def test_one_vote_is_as_sure_as_its_person(task):
    assert settle(one(2), 6, 0.8, task).posterior == pytest.approx(0.8)
    assert settle([frozenset()], 6, 0.8, "multi").answer == frozenset()


def test_none_of_these_is_an_answer():
    result = settle([frozenset(), frozenset(), frozenset([1])], 3, 0.85, "single")
    assert (result.answer, result.tie) == (frozenset(), False)


@given(single_votes, accuracies, st.randoms())
def test_order_does_not_matter_and_the_most_votes_win(votes, accuracy, random):
    result = settle(votes, 5, accuracy, "single")
    shuffled = random.sample(votes, len(votes))
    assert settle(shuffled, 5, accuracy, "single") == result
    assert 0 < result.posterior <= 1
    assert result.answer == majority(votes, "single").answer


@given(any_votes, accuracies, st.randoms())
def test_order_does_not_matter_for_sets(votes, accuracy, random):
    result = settle(votes, 5, accuracy, "multi")
    assert settle(random.sample(votes, len(votes)), 5, accuracy, "multi") == result
    assert result.answer == majority(votes, "multi").answer
    assert 0 < result.posterior <= 1


@given(any_votes, st.floats(0.6, 0.98))
def test_a_vote_for_the_answer_never_makes_it_less_likely(votes, accuracy):
    before = settle(votes, 5, accuracy, "multi")
    if before.answer is not None:
        after = settle([*votes, before.answer], 5, accuracy, "multi")
        assert after.answer == before.answer
        assert after.posterior >= before.posterior - 1e-12


@given(single_votes, accuracies)
def test_permuting_the_labels_permutes_the_answer(votes, accuracy):
    moved = [frozenset(4 - label for label in vote) for vote in votes]
    before, after = settle(votes, 5, accuracy, "single"), settle(moved, 5, accuracy, "single")
    assert after.posterior == pytest.approx(before.posterior)
    assert (before.answer is None) == (after.answer is None)
    if before.answer is not None and after.answer is not None:
        assert after.answer == frozenset(4 - label for label in before.answer)


def test_the_majority_says_its_share():
    assert majority(one(1, 1, 2), "single").posterior == pytest.approx(2 / 3)
    assert majority(one(1, 2), "single").tie
    assert majority([frozenset()], "multi").answer == frozenset()


@pytest.mark.parametrize("people_right", [0.6, 0.8, 0.95])
@pytest.mark.parametrize(("task", "n_labels"), [("single", 2), ("single", 10), ("multi", 6)])
def test_accuracy_is_found_from_agreement_alone(task, n_labels, people_right):
    rng, n = np.random.default_rng(3), 40_000
    if task == "single":
        wrong = lambda: rng.integers(1, n_labels, n)  # noqa: E731
        first, second = (np.where(rng.random(n) < people_right, 0, wrong()) for _ in range(2))
        agree = int((first == second).sum())
    else:
        per_label = people_right ** (1 / n_labels)
        first, second = (rng.random((n, n_labels)) < per_label for _ in range(2))
        agree = int((first == second).all(axis=1).sum())
    # At two labels the agreement is .52 for people of .6, and a hair of noise moves the root far.
    assert pooled_accuracy(agree, n, n_labels, task) == pytest.approx(people_right, abs=0.03)


@TASKS
def test_without_pairs_accuracy_is_the_prior_and_moves_with_each(task):
    assert pooled_accuracy(0, 0, 8, task) == pytest.approx(0.85)
    assert pooled_accuracy(0, 5, 8, task) < pooled_accuracy(3, 5, 8, task) < pooled_accuracy(5, 5, 8, task)


@TASKS
@given(pairs=st.integers(0, 200), share=st.floats(0, 1), n_labels=st.integers(1, 40))
def test_pooled_accuracy_can_always_be_used_to_settle(task, pairs, share, n_labels):
    accuracy = pooled_accuracy(round(pairs * share), pairs, n_labels, task)
    assert 0 < accuracy <= 0.99
    assert settle(one(0, 0), n_labels, accuracy, task).answer == frozenset([0])


@pytest.mark.parametrize(
    ("votes", "accuracy", "task", "message"),
    [
        ([], 0.9, "single", "votes is empty"),
        (one(1), 1.0, "single", "between 0 and 1"),
        (one(1), 0.9, "spans", "single or multi"),
        ([frozenset([1, 2])], 0.9, "single", "one label at most"),
    ],
)
def test_bad_votes_are_refused_by_name(votes, accuracy, task, message):
    with pytest.raises(ValueError, match=message):
        settle(votes, 3, accuracy, task)


def test_more_agreements_than_pairs_are_refused():
    with pytest.raises(ValueError, match="between 0 and pairs"):
        pooled_accuracy(3, 2, 5)
