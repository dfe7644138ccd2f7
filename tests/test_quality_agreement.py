"""Agreement: worked examples, properties that hold for any votes, and the honesty of the interval."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import t

from projects.quality.agreement import (
    agreement,
    label_agreement,
    peer_agreement,
    set_agreement,
    wilson,
)

# Krippendorff 2011, «Computing Krippendorff's alpha-reliability», parts A, B and C; a dot is a missing vote.
BINARY = ["0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"]
LETTERS = ["a a b b d c c c e d d a", "b a b b b c c c e d d d"]
FOUR_PEOPLE = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]


def agreed(votes, **options):
    """Agreement of items, people and answers that come as one."""
    items, people, answers = votes
    return agreement(items, people, answers, **options)


def votes_of(rows):
    """Read one row a person into items, people and answers."""
    cells = [(i, p, x) for p, row in enumerate(rows) for i, x in enumerate(row.split()) if x != "."]
    names = sorted({x for _, _, x in cells})
    return tuple(
        np.array(column) for column in zip(*((i, p, names.index(x)) for i, p, x in cells), strict=True)
    )


def by_definition(items, answers, distance):
    """Alpha straight from its definition: mean distance within items over mean distance of all pairs."""
    groups = [answers[items == item] for item in np.unique(items)]
    groups = [group for group in groups if len(group) > 1]
    every = np.concatenate(groups)

    def pairs(votes):
        return sum(distance(a, b) for i, a in enumerate(votes) for j, b in enumerate(votes) if i != j)

    observed = sum(pairs(group) / (len(group) - 1) for group in groups) / len(every)
    return 1 - observed / (pairs(every) / (len(every) * (len(every) - 1)))


@st.composite
def tables(draw, labels=4, people=4, items=12):
    """Draw items, people and answers: each person votes once on some of the items."""
    cells = draw(
        st.lists(
            st.tuples(st.integers(0, items - 1), st.integers(0, people - 1), st.integers(0, labels - 1)),
            min_size=1,
            max_size=items * people,
            unique_by=lambda cell: cell[:2],
        )
    )
    return tuple(np.array(column) for column in zip(*cells, strict=True))


@pytest.mark.parametrize(
    ("rows", "metric", "expected"),
    [
        (BINARY, "nominal", 0.095),
        (LETTERS, "nominal", 0.692),
        (FOUR_PEOPLE, "nominal", 0.743),
        (FOUR_PEOPLE, "ordinal", 0.815),
        (FOUR_PEOPLE, "interval", 0.849),
    ],
)
def test_alpha_equals_published_worked_examples(rows, metric, expected):
    assert agreed(votes_of(rows), metric=metric).alpha == pytest.approx(expected, abs=0.0005)


def test_only_items_with_two_votes_and_the_people_on_them_are_counted():
    result = agreed(votes_of(FOUR_PEOPLE))
    assert (result.items, result.people) == (11, 4)
    assert result.raw == pytest.approx(np.mean([1, 0.5, 1, 1, 1, 0, 1, 0.5, 1, 1, 1]))


@given(tables())
def test_alpha_follows_its_definition(table):
    items, _, answers = table
    result = agreed(table)
    assume(result.alpha is not None)
    assert result.alpha == pytest.approx(by_definition(items, answers, lambda a, b: a != b))
    squared = agreed(table, metric="interval", values=np.array([1.0, 2.0, 4.0, 9.0]))
    scale = [1, 2, 4, 9]
    assert squared.alpha == pytest.approx(
        by_definition(items, answers, lambda a, b: (scale[a] - scale[b]) ** 2)
    )


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize("seed", range(5))
def test_the_closed_form_equals_leaving_each_item_out(metric, seed):
    rng = np.random.default_rng(seed)
    items, people, answers = crowd(rng, 40, spread=0.6)
    kept = rng.random(len(items)) < 0.8
    items, people, answers = items[kept], people[kept], answers[kept]
    result = agreement(items, people, answers, metric=metric)
    rest = [items != item for item in np.unique(items) if (items == item).sum() > 1]
    without = [agreement(items[r], people[r], answers[r], metric=metric).alpha for r in rest]
    half = t.ppf(0.975, len(without) - 1) * np.sqrt((len(without) - 1) * np.var(without))
    assert (result.low, result.high) == pytest.approx((result.alpha - half, result.alpha + half), rel=1e-4)


@given(tables(), st.randoms())
def test_renaming_people_labels_and_items_changes_nothing(table, random):
    items, people, answers = table
    names = {old: new for new, old in enumerate(random.sample(range(4), 4))}
    renamed = np.array([names[answer] for answer in answers])
    order = np.array(random.sample(range(len(items)), len(items)))
    first = agreement(items, people, answers)
    second = agreement(items[order] * 1000 + 7, 50 - people[order], renamed[order])
    for one, other in zip(astuple(first), astuple(second), strict=True):
        assert one == pytest.approx(other)


@given(tables())
def test_items_with_one_vote_and_asking_twice_change_nothing(table):
    items, people, answers = table
    lonely = np.arange(100, 105)
    more = agreement(
        np.concatenate([items, lonely]),
        np.concatenate([people, np.full(5, 77)]),
        np.concatenate([answers, np.array([0, 1, 2, 3, 0])]),
    )
    assert more == agreed(table) == agreed(table)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.integers(2, 4))
def test_alpha_is_one_when_all_agree_on_two_classes_and_undefined_on_one(answers, people):
    items = np.tile(np.arange(len(answers)), people)
    result = agreement(items, np.repeat(np.arange(people), len(answers)), np.tile(answers, people))
    assert result.raw == 1
    if len(set(answers)) > 1:
        assert (result.alpha, result.high, result.undefined) == (1, 1, "")
        assert result.low < 1
    else:
        assert (result.alpha, result.low, result.undefined) == (None, None, "one_class")


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
def test_without_an_item_with_two_votes_alpha_is_undefined(metric):
    nothing = np.array([], dtype=np.int64)
    for votes in ((nothing, nothing, nothing), (np.array([1, 2]), np.array([1, 1]), np.array([0, 1]))):
        result = agreed(votes, metric=metric)
        assert (result.alpha, result.items, result.people, result.undefined) == (None, 0, 0, "no_pairs")


def test_five_clean_items_are_no_proof():
    items = np.tile(np.arange(5), 2)
    few = agreement(items, np.repeat([0, 1], 5), np.tile([0, 1, 0, 1, 0], 2))
    items = np.tile(np.arange(500), 2)
    many = agreement(items, np.repeat([0, 1], 500), np.tile([0, 1] * 250, 2))
    assert few.low < 0.2 < 0.97 < many.low < 1


def crowd(rng, n, spread=0.2):
    """Two votes by two of twelve people on each of n items; a fifth of the items is hard."""
    truth = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    right = np.where(rng.random(n) < spread, 0.5, 0.9)
    people = np.array([rng.permutation(12)[:2] for _ in range(n)]).T.ravel()
    answers = np.where(rng.random(2 * n) < np.tile(right, 2), np.tile(truth, 2), rng.integers(0, 3, 2 * n))
    return np.tile(np.arange(n), 2), people, answers


@pytest.mark.parametrize("metric", ["nominal", "ordinal"])
def test_the_interval_covers_the_alpha_of_the_population(metric):
    rng = np.random.default_rng(20)
    population = agreed(crowd(rng, 100_000), metric=metric).alpha
    drawn = [agreed(crowd(rng, 200), metric=metric) for _ in range(200)]
    assert 0.90 <= np.mean([d.low <= population <= d.high for d in drawn]) <= 0.98


def sets(rng, n):
    """As ``crowd``, and beside the label of an answer a second one that half of the people see."""
    items, people, answers = crowd(rng, n)
    chosen = np.eye(4, dtype=bool)[answers]
    chosen[:, 3] = rng.random(len(items)) < 0.2 + 0.6 * (items % 2)
    return items, people, chosen


def test_the_interval_covers_the_alpha_of_the_population_of_sets_and_of_each_label():
    rng = np.random.default_rng(21)
    many = sets(rng, 50_000)
    whole, each = set_agreement(*many).alpha, [one.alpha for one in label_agreement(*many)]
    hits = []
    for _ in range(200):
        drawn = sets(rng, 200)
        found = [set_agreement(*drawn), *label_agreement(*drawn)]
        hits.append([d.low <= alpha <= d.high for d, alpha in zip(found, [whole, *each], strict=True)])
    assert (np.mean(hits, axis=0) >= 0.90).all()
    assert (np.mean(hits, axis=0) <= 0.98).all()


def doubted(rng, n):
    """Two blind answers an item; where they differ three more people are asked, as doubt does."""
    items, people, answers = crowd(rng, n)
    differ = np.flatnonzero(answers[:n] != answers[n:])
    more = np.repeat(differ, 3)
    # Who is asked is of no account here; they answer as anybody does to that item.
    again = np.where(rng.random(len(more)) < 0.6, answers[more], rng.integers(0, 3, len(more)))
    return (
        np.concatenate([items, more]),
        np.concatenate([people, 12 + np.tile([0, 1, 2], len(differ))]),
        np.concatenate([answers, again]),
        np.concatenate([np.ones(2 * n, dtype=bool), np.zeros(len(more), dtype=bool)]),
    )


def test_all_answers_miss_the_population_where_doubt_asks_and_the_blind_ones_do_not():
    rng = np.random.default_rng(22)
    population = agreed(crowd(rng, 100_000)).alpha
    blind, every = [], []
    for _ in range(200):
        items, people, answers, asked_blindly = doubted(rng, 200)
        blind.append(agreement(items[asked_blindly], people[asked_blindly], answers[asked_blindly]))
        every.append(agreement(items, people, answers))
    assert 0.90 <= np.mean([one.low <= population <= one.high for one in blind]) <= 0.98
    assert abs(np.mean([one.alpha for one in blind]) - population) < 0.01
    assert abs(np.mean([one.alpha for one in every]) - population) > 0.012


def sets_of(*rows):
    return np.array([[mark == "x" for mark in row] for row in rows])


def test_the_distance_between_sets_by_hand():
    # One pair each: equal, inside (1/2 x 2/3), crossing (1/3 x 1/3), apart.
    items, people = np.repeat(np.arange(4), 2), np.tile([0, 1], 4)
    chosen = sets_of("xx.", "xx.", "x..", "xx.", "xx.", ".xx", "x..", "..x")
    observed = np.mean([0, 1 - 1 / 3, 1 - 1 / 9, 1])
    sets = [frozenset(np.flatnonzero(row)) for row in chosen]

    def masi(a, b):
        overlap = len(a & b) / len(a | b)
        return 1 - overlap * (1 if a == b else 2 / 3 if a <= b or b <= a else 1 / 3 if a & b else 0)

    expected = np.mean([masi(a, b) for i, a in enumerate(sets) for j, b in enumerate(sets) if i != j])
    result = set_agreement(items, people, chosen)
    assert result.alpha == pytest.approx(1 - observed / expected)
    assert (result.items, result.people, result.raw) == (4, 2, 0.25)


@given(tables(labels=3))
def test_sets_of_one_label_agree_as_single_answers_do(table):
    items, people, answers = table
    whole = set_agreement(items, people, np.eye(3, dtype=bool)[answers])
    for one, other in zip(astuple(whole), astuple(agreed(table)), strict=True):
        assert one == pytest.approx(other)


def test_two_empty_sets_are_equal():
    items, people = np.repeat(np.arange(3), 2), np.tile([0, 1], 3)
    result = set_agreement(items, people, sets_of("..", "..", "x.", "x.", ".x", ".x"))
    assert (result.alpha, result.raw) == (1, 1)
    assert set_agreement(items, people, sets_of(*[".."] * 6)).undefined == "one_class"


def test_each_label_is_a_question_of_its_own():
    items, people = np.repeat(np.arange(4), 2), np.tile([0, 1], 4)
    always, mixed, never = label_agreement(
        items, people, sets_of("x..", "xx.", "...", ".x.", "x..", "x..", "...", "...")
    )
    assert always.alpha == 1
    assert mixed.alpha < 1
    assert never.undefined == "one_class"


def test_a_person_is_measured_against_the_others_only():
    items = np.array([0, 0, 0, 1, 1, 2, 2, 3])
    people = np.array([7, 8, 9, 7, 8, 7, 9, 9])
    answers = np.array([5, 5, 2, 1, 1, 3, 4, 0])
    best, *_, worst = peers = peer_agreement(items, people, answers)
    assert (best.person, best.share, best.items) == (8, 0.75, 2)
    assert (worst.person, worst.share, worst.items) == (9, 0, 2)
    assert [peer.share for peer in peers if peer.person == 7] == [0.5]
    assert best.low < 0.75 < best.high


def test_wilson_by_hand():
    assert wilson(0.9, 10) == pytest.approx((0.5958, 0.9821), abs=0.0001)
    assert wilson(0, 0) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], [1], [0], "kind"), "nominal, ordinal or interval"),
        (([1], [1, 2], [0]), "one length, not 1, 2, 1"),
        (([1], [1], [-1]), "negative"),
    ],
)
def test_bad_arrays_are_refused_by_name(arguments, message):
    *arrays, metric = arguments if isinstance(arguments[-1], str) else (*arguments, "nominal")
    with pytest.raises(ValueError, match=message):
        agreed([np.array(array) for array in arrays], metric=metric)
