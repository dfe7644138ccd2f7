"""Consensus on scales and on sets of labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.quality import crowd, multi, ordinal
from tests.crowds import coins, people_of

chances = st.lists(st.floats(0.01, 1), min_size=2, max_size=7).map(lambda one: np.array(one) / sum(one))


def test_the_median_of_a_split_scale_lies_between():
    posterior = np.array([0.4, 0.25, 0.35])
    assert posterior.argmax() == 0
    assert ordinal.median(posterior) == 1
    assert ordinal.mean(posterior) == pytest.approx(0.95)


@given(chances)
def test_no_level_is_nearer_to_the_truth_than_the_median(posterior):
    levels = np.arange(len(posterior))
    distance = [float(np.abs(levels - one) @ posterior) for one in levels]
    assert distance[ordinal.median(posterior)] == pytest.approx(min(distance))


def test_votes_with_weights_have_a_median():
    assert ordinal.weighted_median([0, 4, 4], [1, 1, 1]) == 4
    assert ordinal.weighted_median([0, 4, 4], [5, 1, 1]) == 0
    with pytest.raises(ValueError, match="levels"):
        ordinal.weighted_median([], [])


def test_each_label_of_a_set_is_fitted_by_itself():
    rng = np.random.default_rng(0)
    truth = rng.random((300, 3)) < [0.5, 0.3, 0.1]
    asked = [people_of(rng, coins([0.85] * 8, 2), column.astype(int), 3) for column in truth.T]
    items, people = asked[0][:2]
    rows = coins([0.85] * 8, 2)
    sums = rows[people][np.arange(len(items))[:, None], truth[items].astype(int), 1]
    chosen = rng.random(sums.shape) < sums
    fits = multi.fit(items, people, chosen)
    assert len(fits) == 3
    alone = crowd.fit(items, people, chosen[:, 1].astype(int), 2)
    assert np.array_equal(fits[1].posterior, alone.posterior)
    found = np.stack([one.posterior[:, 1] for one in fits], axis=1)
    assert ((found > 0.5) == truth).mean() > 0.9
    votes = [(p, c) for i, p, c in zip(items, people, chosen, strict=True) if i == 7]
    assert np.array_equal(multi.posterior(votes, fits), found[7])


def test_a_whole_set_is_as_sure_as_all_its_labels_together():
    chosen, sure = multi.whole(np.array([0.9, 0.2, 0.5]))
    assert chosen.tolist() == [True, False, False]
    assert sure == pytest.approx(0.9 * 0.8 * 0.5)
