"""Signs and rules of when to stop: by hand, against scikit-learn, and how often intervals hold the truth."""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from sklearn.metrics import cohen_kappa_score

from sampling.core import rules, stopping
from sampling.core.rules import Past, Sign

FLAT, RISING, OPEN = (0.0, -0.01, 0.01), (0.05, 0.03, 0.07), (0.01, -0.02, 0.04)


def models(seed, accuracy, items=200):
    """What models of these true accuracies get right on items that are hard or easy for all of them."""
    rng = np.random.default_rng([7, seed])
    difficulty = 0.9 * ndtri(rng.random(items))
    noise = np.sqrt(1 - 0.81) * rng.normal(size=(len(accuracy), items))
    return ndtr(difficulty + noise) < np.array(accuracy)[:, None]


# --- the trend -------------------------------------------------------------------------------------------


def test_the_trend_of_two_rounds_is_the_paired_difference():
    right = np.zeros((2, 40), bool)
    right[0, :20] = True
    right[1, 2:30] = True  # two lost, ten won
    found = stopping.trend([50, 100], right)
    assert found.value == pytest.approx(8 / 40)
    # The variance of ten +1, two -1 and twenty-eight 0.
    error = np.sqrt((12 - 64 / 40) / 39 / 40)
    assert (found.low, found.high) == pytest.approx((0.2 - 1.96 * error, 0.2 + 1.96 * error))


def test_the_trend_follows_the_line_through_all_rounds():
    right = np.zeros((3, 20), bool)
    right[0, :10], right[1, :13], right[2, :12] = True, True, True
    # Slope of .5, .65, .6 at 10, 20, 40 labels, over 30 labels.
    slope = np.polyfit([10, 20, 40], [0.5, 0.65, 0.6], 1)[0]
    assert stopping.trend([10, 20, 40], right).value == pytest.approx(30 * slope)


def test_models_that_never_differ_do_not_prove_a_plateau_on_a_small_hold_out():
    found = stopping.trend([10, 20], np.ones((2, 25), bool))
    assert found.value == 0
    assert found.high > rules.FLAT


@pytest.mark.parametrize(
    ("labels", "shape"), [([10, 20], (2, 19)), ([10], (1, 50)), ([10, 10], (2, 50))], ids=str
)
def test_no_trend_without_items_or_rounds_enough(labels, shape):
    assert stopping.trend(labels, np.ones(shape, bool)) is None


def test_rounds_that_do_not_fit_the_labels_are_refused():
    with pytest.raises(ValueError, match=r"right has shape \(3, 50\), but there are 2 rounds"):
        stopping.trend([1, 2], np.ones((3, 50), bool))


@pytest.mark.parametrize("rise", [0.0, 0.1])
def test_the_interval_of_the_trend_covers_it(rise):
    labels, true = [100, 150, 200, 250, 300], np.linspace(0.7, 0.7 + rise, 5)
    held = [
        found.low <= rise <= found.high
        for found in (stopping.trend(labels, models(seed, true)) for seed in range(300))
    ]
    assert np.mean(held) >= 0.91


def test_trends_look_back_over_two_rounds_and_more():
    right = models(0, [0.6, 0.65, 0.7, 0.7])
    found = stopping.trends([10, 20, 30, 40], right)
    assert list(found) == [2, 3]
    assert found[2] == stopping.trend([20, 30, 40], right[1:])
    assert stopping.trends([10, 20], right[:2]) == {}


# --- predictions that stay -------------------------------------------------------------------------------


def test_kappa_is_cohens():
    rng = np.random.default_rng(0)
    one = rng.integers(4, size=300)
    other = np.where(rng.random(300) < 0.8, one, rng.integers(4, size=300))
    found = stopping.kappa(np.eye(4)[one] > 0, np.eye(4)[other] > 0)
    assert found == pytest.approx(cohen_kappa_score(one, other))


def test_kappa_of_several_labels_is_the_mean_of_those_that_are_given():
    one = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]], bool)
    other = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]], bool)
    second = cohen_kappa_score(one[:, 1], other[:, 1])
    assert stopping.kappa(one, other) == pytest.approx((1 + second) / 2)


def test_two_models_of_one_label_alone_agree():
    always = np.tile([True, False], (9, 1))
    assert stopping.kappa(always, always) == 1.0


# --- what remains ----------------------------------------------------------------------------------------


def test_a_steep_curve_promises_more_and_a_flat_one_little():
    labels = [20, 40, 80, 160, 320]
    steep = stopping.remaining(
        labels, models(1, 0.95 - 2 * np.array(labels) ** -0.5, 800), 160, np.random.default_rng(0)
    )
    flat = stopping.remaining(
        labels, models(1, 0.8 - 3.0 * np.array(labels) ** -1.6, 800), 160, np.random.default_rng(0)
    )
    true = 2 * (320**-0.5 - 480**-0.5)
    assert steep.low <= true <= steep.high
    assert steep.low > 0
    assert flat.high < steep.value


@pytest.mark.parametrize("labels", [[100, 110, 120], [100, 120, 140, 199]])
def test_a_short_curve_promises_nothing(labels):
    right = models(0, [0.7] * len(labels))
    assert stopping.remaining(labels, right, 50, np.random.default_rng(0)) is None


def test_the_promise_of_the_curve_covers_what_comes():
    labels = np.array([30, 60, 90, 120, 150, 180, 210, 240])
    accuracy, held = lambda n: 0.9 - 1.6 * n**-0.55, 0
    true = accuracy(360.0) - accuracy(240.0)
    for seed in range(100):
        right = models(seed, accuracy(labels.astype(float)), 300)
        found = stopping.remaining(labels.tolist(), right, 120, np.random.default_rng(seed))
        held += found.low <= true <= found.high
    assert held >= 88


# --- rules -----------------------------------------------------------------------------------------------


def history():
    """Five rounds: the lower end of accuracy passes .8 in the fourth."""
    lows = [None, 0.6, 0.75, 0.81, 0.79]
    return [
        Past(
            number=n,
            labels=50 * n,
            answers=60 * n,
            accuracy=None if low is None else low + 0.05,
            low=low,
            trends={2: FLAT if n == 5 else RISING, 3: OPEN},
        )
        for n, low in enumerate(lows, 1)
    ]


def test_the_lower_end_of_accuracy_must_reach_the_rule_and_the_round_is_named():
    (found,) = rules.rulings({"min_accuracy": 0.8}, history())
    assert (found.met, found.now, found.first.number, found.first.labels) == (False, 0.79, 4, 200)
    (easy,) = rules.rulings({"min_accuracy": 0.78}, history())
    assert (easy.met, easy.first.number) == (True, 4)


def test_costs_are_answers_times_the_price_of_one():
    cost = {"max_cost": 120, "label_cost": 0.5}
    (found,) = rules.rulings(cost, history())
    assert (found.met, found.now, found.first.number) == (True, 150, 4)
    (unpriced,) = rules.rulings({"max_cost": 120}, history())
    assert (unpriced.met, unpriced.now, unpriced.first) == (False, None, None)


def test_labels_are_counted_and_a_plateau_must_be_tested():
    labels, plateau = rules.rulings({"max_labels": 100, "plateau_rounds": 2}, history())[::-1]
    assert (labels.rule, labels.first.number, labels.met) == ("max_labels", 2, True)
    assert (plateau.rule, plateau.first.number, plateau.met) == ("plateau_rounds", 5, True)
    (never,) = rules.rulings({"plateau_rounds": 3}, history())
    assert (never.met, never.first) == (False, None)


def test_a_plateau_longer_than_any_that_is_measured_is_the_longest():
    past = [Past(number=1, labels=10, trends={10: FLAT})]
    assert rules.rulings({"plateau_rounds": 30}, past)[0].met
    assert rules.rulings({"plateau_rounds": 1}, [Past(1, 10, trends={2: FLAT})])[0].met


def test_without_rules_or_rounds_nothing_is_said():
    assert rules.rulings({}, history()) == []
    (found,) = rules.rulings({"max_labels": 100}, [])
    assert (found.now, found.met, found.first) == (None, False, None)


# --- advice ----------------------------------------------------------------------------------------------


def rounds(kappas, trends, ahead):
    past = [Past(number=n, labels=50 * n, kappa=kappa) for n, kappa in enumerate(kappas, 1)]
    newest = past[-1]
    past[-1] = Past(newest.number, newest.labels, kappa=newest.kappa, trends=trends, ahead=ahead)
    return past


@pytest.mark.parametrize(
    ("kappas", "trends", "ahead", "answers", "verdict"),
    [
        ([0.99, 0.995, 1.0], {5: FLAT}, (0.004, 0.0, 0.008), ["yes", "yes", "yes"], "stop"),
        ([0.99, 0.995, 1.0], {5: OPEN}, (0.004, 0.0, 0.008), ["open", "yes", "yes"], "stop"),
        ([0.90, 0.95, 0.97], {5: FLAT}, (0.004, 0.0, 0.008), ["yes", "no", "yes"], "go_on"),
        ([0.99, 0.995, 1.0], {5: FLAT}, (0.04, 0.02, 0.06), ["yes", "yes", "no"], "go_on"),
        ([0.99, 0.99], {5: OPEN}, None, ["open", "open", "open"], "early"),
        ([0.8], {2: FLAT}, None, ["open", "no", "open"], "go_on"),
        ([0.99, 0.995, None], {5: FLAT, 9: RISING}, None, ["yes", "open", "open"], "go_on"),
    ],
)
def test_stopping_takes_two_signs_and_none_against(kappas, trends, ahead, answers, verdict):
    seen = rules.signs(rounds(kappas, trends, ahead))
    assert [one.answer for one in seen] == answers
    assert rules.verdict([], seen) == verdict


def test_a_rule_of_the_admin_wins():
    met = rules.rulings({"max_labels": 100}, history())
    assert rules.verdict(met, [Sign("stable", "no")]) == "rule"


def test_before_any_round_it_is_too_early():
    assert rules.verdict([], rules.signs([])) == "early"


def test_accuracy_that_surely_fell_is_no_plateau():
    fell = (-0.11, -0.16, -0.07)
    assert rules.plateau(fell) == "no"
    past = [Past(number=1, labels=10, trends={2: fell})]
    assert not rules.rulings({"plateau_rounds": 2}, past)[0].met
