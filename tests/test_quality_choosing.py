"""Which method settles votes, and the consensus on scales."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.quality import choosing, ordinal

chances = st.lists(st.floats(0.01, 1), min_size=2, max_size=7).map(lambda one: np.array(one) / sum(one))


def test_the_median_of_a_split_scale_lies_between():
    posterior = np.array([0.4, 0.25, 0.35])
    assert posterior.argmax() == 0
    assert ordinal.median(posterior) == 1


@given(chances)
def test_no_level_is_nearer_to_the_truth_than_the_median(posterior):
    levels = np.arange(len(posterior))
    distance = [float(np.abs(levels - one) @ posterior) for one in levels]
    assert distance[ordinal.median(posterior)] == pytest.approx(min(distance))


# --- which method ----------------------------------------------------------------------------------------


def test_people_are_told_apart_once_they_have_voted_together():
    right = {"majority": np.zeros(0), "one-coin": np.zeros(0), "dawid-skene": np.zeros(0)}
    assert choosing.choose(right, np.array([], dtype=int)) == "majority"
    assert choosing.choose(right, np.array([0, 0, 9, 14])) == "majority"
    assert choosing.choose(right, np.array([0, 15, 40])) == "dawid-skene"
    assert choosing.choose({"majority": np.zeros(0)}, np.array([15, 40])) == "majority"


def test_decided_items_choose_another_method_where_it_is_clearly_better():
    better, worse = np.ones(60), np.repeat([1.0, 0.0], [50, 10])
    joint = np.array([40])
    assert choosing.choose({"one-coin": better, "dawid-skene": worse}, joint) == "one-coin"
    assert choosing.choose({"one-coin": worse, "dawid-skene": better}, joint) == "dawid-skene"
    assert choosing.choose({"one-coin": better[:49], "dawid-skene": worse[11:]}, joint) == "dawid-skene"
    close = np.repeat([1.0, 0.0], [59, 1])
    assert choosing.choose({"one-coin": better, "dawid-skene": close}, joint) == "dawid-skene"
