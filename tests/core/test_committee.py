"""Committee measures: by hand, against plain loops, and what holds for all of them."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.committee import (
    consensus_entropy,
    disagreement,
    of_committee,
    pairwise,
    vote_entropy,
)
from sampling.core.pool import Pool
from sampling.core.settings import Settings, Stream

MEASURES = [vote_entropy, consensus_entropy, pairwise, disagreement]


def floats(rows):
    return np.array(rows, np.float32)


def entropy_of(shares):
    return -sum(p * math.log(p) for p in shares if p > 0)


@st.composite
def opinions(draw):
    """Members (c, n, k) and a task; some sure, some unsure, labels that nobody thinks of."""
    members, n, k = draw(st.integers(2, 5)), draw(st.integers(0, 8)), draw(st.integers(1, 4))
    task = draw(st.sampled_from(["single", "multi"]))
    found = np.random.default_rng(draw(st.integers(0, 999))).random((members, n, k), np.float32)
    if draw(st.booleans()):
        found = np.round(found)
        found[..., 0] += found.sum(axis=-1) == 0
    if task == "single":
        found /= found.sum(axis=-1, keepdims=True)
    return found, task


# --- the plain way: one row after another, one label after another -----------------------------------------


def cells(members, row, task):
    """The opinions on one row: for multi-label yes and no of each label, otherwise one set of shares."""
    if task == "multi":
        return [[[p, 1 - p] for p in members[:, row, label]] for label in range(members.shape[2])]
    return [members[:, row].tolist()]


def plain(measure, members, task):
    return [
        np.mean([measure([[float(p) for p in one] for one in cell]) for cell in cells(members, row, task)])
        for row in range(members.shape[1])
    ]


def plain_votes(cell):
    votes = [one.index(max(one)) for one in cell]
    labels = min(len(cell), max(len(cell[0]), 2))
    even = [len(range(start, len(votes), labels)) / len(votes) for start in range(labels)]
    counts = [votes.count(label) / len(votes) for label in range(len(cell[0]))]
    return entropy_of(counts) / entropy_of(even)


def plain_consensus(cell):
    return entropy_of(np.mean(cell, axis=0)) / math.log(max(len(cell[0]), 2))


def plain_divergence(cell):
    """The mean Kullback-Leibler divergence of the members from their mean."""
    mean = np.mean(cell, axis=0)
    apart = [sum(p * math.log(p / q) for p, q in zip(one, mean, strict=True) if p > 0) for one in cell]
    return np.mean(apart) / math.log(min(len(cell), max(len(cell[0]), 2)))


@settings(max_examples=50)
@given(data=opinions())
def test_measures_are_what_plain_loops_give(data):
    members, task = data
    assert vote_entropy(members, task) == pytest.approx(plain(plain_votes, members, task), abs=1e-5)
    assert consensus_entropy(members, task) == pytest.approx(plain(plain_consensus, members, task), abs=1e-4)
    assert disagreement(members, task) == pytest.approx(plain(plain_divergence, members, task), abs=1e-4)


@settings(max_examples=50)
@given(data=opinions())
def test_the_pair_that_differs_most_counts(data):
    members, task = data
    # In multi-label one pair is looked at over all labels together.
    expected = [
        max(
            np.mean([np.abs(np.subtract(cell[a], cell[b])).sum() / 2 for cell in cells(members, row, task)])
            for a, b in combinations(range(len(members)), 2)
        )
        for row in range(members.shape[1])
    ]
    assert pairwise(members, task) == pytest.approx(expected, abs=1e-5)


# --- properties --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=40)
@given(data=opinions(), seed=st.integers(0, 9))
def test_measures_lie_in_0_to_1_whatever_the_order(measure, data, seed):
    members, task = data
    found = measure(members, task)
    assert found.shape == (members.shape[1],)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    rows = np.random.default_rng(seed).permutation(members.shape[1])
    assert measure(members[:, rows], task) == pytest.approx(found[rows], abs=1e-6)
    assert measure(members[::-1], task) == pytest.approx(found, abs=1e-5)


@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=20)
@given(data=opinions())
def test_alike_rows_get_the_same_number(measure, data):
    members, task = data
    again = measure(np.concatenate([members, members], axis=1), task)
    assert again[: members.shape[1]] == pytest.approx(again[members.shape[1] :], abs=1e-6)


@pytest.mark.parametrize("measure", [vote_entropy, pairwise, disagreement])
@settings(max_examples=20)
@given(data=opinions())
def test_members_of_one_opinion_do_not_disagree(measure, data):
    members, task = data
    same = np.repeat(members[:1], 3, axis=0)
    assert measure(same, task) == pytest.approx(np.zeros(members.shape[1]), abs=1e-5)


@pytest.mark.parametrize("measure", MEASURES)
def test_three_members_sure_of_three_labels_are_as_far_apart_as_can_be(measure):
    members = np.eye(3, dtype=np.float32)[:, None, :]
    assert measure(members) == pytest.approx([1], abs=1e-6)


# --- by hand -----------------------------------------------------------------------------------------------


def test_two_votes_against_one_by_hand():
    sure, other = [0.9, 0.1, 0], [0.2, 0.8, 0]
    members = floats([[sure], [sure], [other]])
    two_to_one = entropy_of([2 / 3, 1 / 3])
    assert vote_entropy(members) == pytest.approx([two_to_one / math.log(3)], abs=1e-6)
    # With two labels two to one is as even as three votes can be.
    assert vote_entropy(members[..., :2]) == pytest.approx([1], abs=1e-6)
    assert pairwise(members) == pytest.approx([0.7], abs=1e-6)
    mean = [(0.9 + 0.9 + 0.2) / 3, (0.1 + 0.1 + 0.8) / 3]
    assert consensus_entropy(members) == pytest.approx([entropy_of(mean) / math.log(3)], abs=1e-6)


def test_labels_on_their_own_by_hand():
    members = floats([[[1, 0.5]], [[0, 0.5]]])
    assert vote_entropy(members, "multi") == pytest.approx([0.5])
    assert consensus_entropy(members, "multi") == pytest.approx([1])
    assert pairwise(members, "multi") == pytest.approx([0.5])
    assert disagreement(members, "multi") == pytest.approx([0.5])


def test_members_that_are_all_unsure_agree_but_their_consensus_is_unsure():
    members = np.full((3, 1, 4), 0.25, np.float32)
    assert consensus_entropy(members) == pytest.approx([1])
    for measure in (vote_entropy, pairwise, disagreement):
        assert measure(members) == pytest.approx([0], abs=1e-6)


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
def test_one_member_alone_is_refused(measure):
    with pytest.raises(ValueError, match="members has 1 entries; two at least"):
        measure(np.ones((1, 2, 2), np.float32))


def test_a_pool_without_a_committee_is_refused():
    score = of_committee(vote_entropy)
    pool = Pool(np.zeros((2, 1), np.float32))
    with pytest.raises(ValueError, match="members is missing"):
        score(pool, np.random.default_rng())
    pool = Pool(pool.features, members=np.ones((2, 3, 2), np.float32))
    with pytest.raises(ValueError, match=r"members has shape \(2, 3, 2\), but the pool has 2 rows"):
        score(pool, np.random.default_rng())


@pytest.mark.parametrize("name", ["vote-entropy", "consensus-entropy", "pairwise", "bald"])
def test_settings_refuse_a_committee_strategy_without_a_committee(name):
    with pytest.raises(ValueError, match=f"committee_size is 1, but strategy '{name}' needs 2 members"):
        Settings(strategy=name, committee_size=1)
    with pytest.raises(ValueError, match="committee_size is 0"):
        Settings(committee_size=0, streams=(Stream("other", name, 0.2),))
    with pytest.raises(ValueError, match="committee_size is 0, but strategy 'hybrid'"):
        Settings(strategy="hybrid", hybrid={name: 1, "margin": 2}, committee_size=0)
    # A score that weighs nothing needs nobody.
    Settings(strategy="hybrid", hybrid={name: 0, "margin": 2}, committee_size=0)
