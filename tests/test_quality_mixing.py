"""What is mixed up by whom, and two people side by side: by hand, by definition, and against scikit-learn."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t
from sklearn.metrics import cohen_kappa_score

from projects.quality.mixing import involved, kappa, mixed_items, set_mixes, single_mixes

answers_of_two = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@st.composite
def votes(draw):
    """Items, people and answers: each person votes once on some of the items."""
    cell = st.tuples(st.integers(0, 7), st.integers(0, 4), st.integers(0, 3))
    cells = draw(st.lists(cell, min_size=1, max_size=40, unique_by=lambda one: one[:2]))
    return tuple(np.array(column) for column in zip(*cells, strict=True))


def by_hand(items, people, answers):
    """Items by the labels that two of their votes hold; and people by the labels that they mixed up."""
    pairs, who = set(), set()
    for a, b in combinations(range(len(items)), 2):
        if items[a] == items[b]:
            labels = tuple(sorted((int(answers[a]), int(answers[b]))))
            pairs.add((labels, items[a]))
            if labels[0] != labels[1]:
                who |= {(labels, int(people[a]), items[a]), (labels, int(people[b]), items[b])}
    return Counter(labels for labels, _ in pairs), Counter((labels, person) for labels, person, _ in who)


@given(votes())
def test_items_and_people_are_counted_once_a_pair_of_labels(table):
    items, people, answers = table
    mixes = single_mixes(items, answers)
    pairs, who = by_hand(items, people, answers)
    found = mixed_items(items, mixes)
    assert {(a, b): n for a, b, n in found} == pairs
    assert [n for *_, n in found] == sorted(pairs.values(), reverse=True)
    named = involved(items, people, mixes)
    assert {(pair, person): n for pair, few in named.items() for person, n in few} == who


@given(votes())
def test_sets_of_one_label_are_mixed_up_as_single_answers_are(table):
    items, people, answers = table
    one, other = single_mixes(items, answers), set_mixes(items, np.eye(4, dtype=bool)[answers])
    assert mixed_items(items, one) == mixed_items(items, other)
    assert involved(items, people, one) == involved(items, people, other)


def test_two_sets_mix_up_what_only_one_of_them_has():
    items, people = np.array([5, 5, 6, 6]), np.array([1, 2, 1, 2])
    chosen = np.array([[1, 1, 0, 0], [1, 0, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]], dtype=bool)
    mixes = set_mixes(items, chosen)
    # The second item only lacks a label: nothing else was given in its stead.
    assert mixed_items(items, mixes) == [(0, 0, 2), (1, 2, 1), (1, 3, 1)]
    assert involved(items, people, mixes) == {(1, 2): [(1, 1), (2, 1)], (1, 3): [(1, 1), (2, 1)]}


def test_nothing_is_mixed_up_where_nobody_met():
    items = np.array([1, 2, 3])
    mixes = single_mixes(items, np.array([0, 1, 2]))
    assert mixed_items(items, mixes) == []
    assert involved(items, items, mixes) == {}


def test_kappa_by_a_published_example():
    # Two readers of 50 grant proposals: both yes 20, both no 15, and 5 and 10 where they differ.
    first = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    second = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    found = kappa(first, second)
    assert (found.items, found.share) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)


@pytest.mark.filterwarnings("ignore:.*single label.*")
@pytest.mark.parametrize("ordinal", [False, True])
@given(pairs=answers_of_two)
def test_kappa_is_that_of_scikit_learn_and_the_same_both_ways(pairs, ordinal):
    first, second = np.array(pairs).T
    found, turned = kappa(first, second, ordinal=ordinal), kappa(second, first, ordinal=ordinal)
    assert found.kappa == pytest.approx(turned.kappa)
    if len({*first, *second}) == 1:
        assert found.kappa is None
    else:
        labels = [0, 1, 2, 3]
        weights = "linear" if ordinal else None
        assert found.kappa == pytest.approx(cohen_kappa_score(first, second, labels=labels, weights=weights))


@pytest.mark.parametrize("ordinal", [False, True])
def test_the_closed_form_of_kappas_interval_equals_leaving_each_item_out(ordinal):
    rng = np.random.default_rng(3)
    first = rng.integers(0, 4, 60)
    second = np.where(rng.random(60) < 0.6, first, rng.integers(0, 4, 60))
    found = kappa(first, second, ordinal=ordinal)
    kept = [np.arange(60) != at for at in range(60)]
    without = [kappa(first[k], second[k], ordinal=ordinal).kappa for k in kept]
    half = t.ppf(0.975, 59) * np.sqrt(59 * np.var(without))
    assert (found.low, found.high) == pytest.approx((found.kappa - half, found.kappa + half), rel=1e-4)


def test_two_people_who_never_differ_prove_more_the_longer_they_do():
    few, many = (kappa(np.arange(n) % 2, np.arange(n) % 2) for n in (10, 500))
    assert few.kappa == many.kappa == few.high == 1
    assert few.low < 0.5 < 0.98 < many.low
    assert kappa(np.array([], dtype=int), np.array([], dtype=int)).kappa is None


def test_arrays_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match="one length, not 2, 1"):
        kappa(np.array([0, 1]), np.array([0]))
