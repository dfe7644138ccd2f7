"""When votes are enough, and what a posterior is worth (invariant 19)."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.quality import crowd
from projects.quality.asking import Rule, decide
from projects.quality.calibration import Calibration
from tests.crowds import coins, people_of


def odds_are(steps):
    return [1 / (1 + np.exp(-odds)) for odds in np.arange(steps) - 3.0]


HONEST = Calibration.from_dict(
    {"at": [-9.0, *np.arange(-3.0, 10.0)], "worth": [0.0, *odds_are(13)], "items": 500}
)
DOUBTFUL = Calibration((0.0, 9.0), (0.5, 0.7), 200)
LEAST = pytest.mark.parametrize("least", [1, 2, 3])


def posterior(votes, right=0.8, k=3):
    return crowd.posterior([(-1, one) for one in votes], coins([right], k), np.full(k, 1 / k))


def what(votes, rule, calibration=None):
    return decide(posterior(votes), votes, rule, calibration).what


@LEAST
@pytest.mark.parametrize("calibration", [None, HONEST])
def test_too_few_answers_ask_for_more(least, calibration):
    assert what([], Rule(least, 5), calibration) == "ask"
    for count in range(1, least):
        assert what([0] * count, Rule(least, 5), calibration) == "ask"


@pytest.mark.parametrize("least", [1, 2])
@pytest.mark.parametrize("most", [2, 3, 5])
def test_without_calibration_every_disagreement_of_two_goes_to_a_lead(least, most):
    for votes in product(range(3), repeat=2):
        expected = "settle" if votes[0] == votes[1] else "lead"
        assert what(list(votes), Rule(least, most)) == expected


def test_without_calibration_three_settle_by_a_clear_majority():
    assert what([0, 0, 1], Rule(3, 3)) == "settle"
    assert what([0, 1, 2], Rule(3, 3)) == "lead"
    assert what([0, 0, 1, 1], Rule(3, 4)) == "lead"


def test_without_calibration_equal_answers_have_their_way():
    verdict = decide(np.array([0.7, 0.3]), [1], Rule(1, 3))
    assert (verdict.what, verdict.label, verdict.confidence) == ("settle", 1, 0.3)


def test_without_calibration_a_majority_against_better_people_goes_to_a_lead():
    assert decide(np.array([0.7, 0.3]), [1, 1, 0], Rule(2, 3)).what == "lead"


def test_the_early_lead_can_be_switched_off():
    rule = Rule(2, 4, 0.9, lead=False)
    assert what([0, 0], rule) == "settle"
    assert what([0, 1], rule) == "ask"
    assert what([0, 1, 1, 0], rule) == "lead"


@LEAST
def test_with_calibration_doubt_asks_until_most_and_then_a_lead(least):
    rule = Rule(least, 4, 0.9)
    assert what([0, 0, 0], rule, HONEST) == "settle"
    assert what([0, 1, 1], rule, HONEST) == "ask"
    assert what([0, 1, 1, 0], rule, HONEST) == "lead"
    assert what([0, 0], Rule(1, 4, 0.9), DOUBTFUL) == "ask"


def test_a_label_that_nobody_said_is_never_settled():
    assert decide(np.array([0.99, 0.01]), [1], Rule(1, 3), HONEST).what == "ask"
    assert decide(np.array([0.99, 0.01]), [1], Rule(1, 1), HONEST).what == "lead"


@given(st.lists(st.integers(0, 2), max_size=6), st.integers(1, 3), st.integers(0, 3), st.booleans())
def test_an_item_is_never_left_asking_beyond_most(votes, least, more, lead):
    rule = Rule(least, least + more, 0.95, lead)
    for calibration in (None, HONEST):
        verdict = decide(posterior(votes), votes, rule, calibration)
        if len(votes) >= rule.most:
            assert verdict.what in {"settle", "lead"}
        if verdict.what == "settle":
            assert verdict.label in votes
            assert len(votes) >= least


@pytest.mark.parametrize("rule", [Rule(0, 3), Rule(4, 3)])
def test_a_rule_that_cannot_be_followed_is_refused(rule):
    with pytest.raises(ValueError, match="least"):
        decide(np.array([1.0]), [0], rule)


# --- calibration -----------------------------------------------------------------------------------------


def shared(seed, part, n=1500):
    """People who all take a third of one label for another: posteriors, and whether they are right."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    fooled = (truth == 1) & (rng.random(n) < part)
    looks = np.where(fooled, 0, truth)
    votes = people_of(rng, coins(rng.uniform(0.75, 0.92, 20), 3), looks, 3)
    found = crowd.fit(*votes, 3)
    return found.posterior.max(axis=1), found.posterior.argmax(axis=1) == truth


@pytest.mark.parametrize("part", [0.1, 0.35])
@pytest.mark.parametrize("decided", [100, 300])
def test_what_is_settled_at_95_is_right_in_90_also_where_people_share_a_confusion(part, decided):
    settled = []
    for seed in range(8):
        confidence, right = shared(seed, part)
        if part > 0.3:
            assert right[confidence >= 0.95].mean() < 0.9
        calibration = Calibration.of(confidence[:decided], right[:decided])
        worth = np.array([calibration.of_posterior(one) for one in confidence[decided:]])
        settled += right[decided:][worth >= 0.95].tolist()
    assert not settled or np.mean(settled) >= 0.9
    assert part > 0.3 or len(settled) > 500


def test_an_honest_posterior_is_left_nearly_as_it_is():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 3000)
    calibration = Calibration.of(confidence, rng.random(3000) < confidence)
    for sure in (0.6, 0.8, 0.95):
        assert calibration.of_posterior(sure) == pytest.approx(sure, abs=0.04)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_a_calibration_never_turns_the_order_round(seed, share):
    rng = np.random.default_rng(seed)
    calibration = Calibration.of(rng.uniform(0.3, 1, 120), rng.random(120) < share)
    values = [calibration.of_posterior(one) for one in np.linspace(0.01, 1, 30)]
    assert all(0 < low <= high < 1 for low, high in pairwise(values))


def test_below_a_hundred_decided_items_there_is_no_calibration():
    assert Calibration.of(np.full(99, 0.9), np.ones(99, dtype=bool)) is None
    with pytest.raises(ValueError, match="one length"):
        Calibration.of(np.full(3, 0.9), np.ones(4, dtype=bool))


def test_a_calibration_is_kept_as_it_is():
    rng = np.random.default_rng(1)
    calibration = Calibration.of(rng.uniform(0.5, 1, 200), rng.random(200) < 0.8)
    assert Calibration.from_dict(calibration.as_dict()) == calibration
