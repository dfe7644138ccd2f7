"""How often people are right, found from their agreement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.quality.consensus import pooled_accuracy

TASKS = pytest.mark.parametrize("task", ["single", "multi"])


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
    # Above chance: the label with the most votes stays the likeliest.
    assert accuracy > (1 / max(n_labels, 2) if task == "single" else 0.5**n_labels)


def test_more_agreements_than_pairs_are_refused():
    with pytest.raises(ValueError, match="between 0 and pairs"):
        pooled_accuracy(3, 2, 5)
