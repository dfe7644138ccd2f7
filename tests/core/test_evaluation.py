"""Figures on the hold-out: worked by hand, against scikit-learn, and honest where there is nothing to say."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.metrics import f1_score

from sampling.core.evaluation import calibration_error, evaluate, macro_f1, report, share, slices, wilson


def one_hot(positions, k):
    return np.eye(k, dtype=np.float32)[positions]


def test_figures_of_four_rows_by_hand():
    found = evaluate(one_hot([0, 0, 1, 2], 4), one_hot([0, 1, 1, 1], 4), "single")
    assert (found.n, found.correct) == (4, 2)
    assert found.accuracy == 0.5
    first, second, third, fourth = found.labels
    assert (first.support, first.precision, first.recall) == (1, 0.5, 1.0)
    assert (second.support, second.precision) == (3, 1.0)
    assert second.recall == pytest.approx(1 / 3)
    assert (third.support, third.precision, third.recall, third.f1) == (0, 0.0, None, 0.0)
    assert (fourth.support, fourth.precision, fourth.recall, fourth.f1) == (0, None, None, None)
    assert found.macro_f1 == pytest.approx((2 / 3 + 0.5 + 0) / 3)


def test_the_interval_is_the_one_in_the_books():
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert wilson(0, 10) == pytest.approx((0, 0.2775328), abs=1e-6)


@given(n=st.integers(1, 500), data=st.data())
def test_the_interval_holds_the_share_and_stays_within_0_and_1(n, data):
    correct = data.draw(st.integers(0, n))
    low, high = wilson(correct, n) or (1, 0)
    assert 0 <= low <= correct / n <= high <= 1


def test_an_empty_hold_out_gives_no_numbers():
    found = evaluate(np.empty((0, 3), np.float32), np.empty((0, 3), np.float32), "single")
    assert found.n == 0
    assert {found.accuracy, found.low, found.high, found.macro_f1, found.micro_f1} == {None}
    assert json.loads(json.dumps(found.as_dict()))["labels"][2]["recall"] is None


def test_multi_label_counts_exact_sets_and_single_labels():
    proba = np.array([[0.9, 0.6], [0.2, 0.7], [0.1, 0.1]], np.float32)
    targets = np.array([[1, 1], [1, 1], [0, 0]], np.float32)
    found = evaluate(proba, targets, "multi")
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.micro_f1 == pytest.approx(2 * 3 / (3 + 4))
    assert found.macro_f1 == pytest.approx((2 / 3 + 1) / 2)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_macro_f1_agrees_with_scikit_learn(pairs):
    truth, given_ = map(list, zip(*pairs, strict=True))
    found = evaluate(one_hot(given_, 4), one_hot(truth, 4), "single")
    assert found.macro_f1 == pytest.approx(f1_score(truth, given_, average="macro", zero_division=0))


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"proba has shape \(2, 3\), targets \(2, 4\)"):
        evaluate(np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32), "single")


# --- the report: no figure without rows enough -------------------------------------------------------------


def rng(seed=0):
    return np.random.default_rng(seed)


def guesses(n, k=3, seed=0, right=0.8):
    """Probabilities of a model that is right so often, and the truth."""
    truth = rng(seed).integers(k, size=n)
    given_ = np.where(rng(seed + 1).random(n) < right, truth, (truth + 1) % k)
    return (0.7 * one_hot(given_, k) + 0.3 / k).astype(np.float32), one_hot(truth, k)


def report_of(proba, targets):
    return report(proba, targets, "single", rng())


def test_nineteen_rows_give_no_figure_and_twenty_do():
    few = report_of(*guesses(19))
    assert (few.n, few.missing) == (19, 1)
    assert (few.accuracy, few.macro_f1, few.calibration) == (None, None, None)
    enough = report_of(*guesses(20))
    assert enough.missing == 0
    assert None not in (enough.accuracy, enough.macro_f1, enough.calibration)


def test_a_label_needs_ten_rows_for_its_precision_and_its_recall():
    truth, given_ = [0] * 10 + [1] * 9 + [2], [0] * 9 + [1] * 9 + [1, 1]
    found = report(one_hot(given_, 3), one_hot(truth, 3), "single", rng())
    assert found.recall[0].value == 0.9
    assert (found.recall[0].low, found.recall[0].high) == wilson(9, 10)
    assert found.recall[1:] == (None, None)
    assert found.precision[0] is None
    assert (found.precision[1].value, found.precision[1].n) == (9 / 11, 11)
    assert (found.support, found.predicted) == ((10, 9, 1), (9, 11, 0))


def test_slices_are_counted_by_value_the_largest_first():
    right = np.array([True] * 12 + [False] * 4)
    languages = ["en"] * 10 + ["de"] * 5 + [None]
    first, second = slices(right, {"language": languages})
    assert (first.field, first.value, first.n, first.accuracy.value) == ("language", "en", 10, 1.0)
    assert (second.value, second.n, second.accuracy) == ("de", 5, None)
    with pytest.raises(ValueError, match=r"fields: 'language' has 2 values, but there are 16 rows"):
        slices(right, {"language": ["en", "de"]})


def test_the_same_generator_gives_the_same_report_as_json():
    proba, targets = guesses(60)
    first, again = (report(proba, targets, "single", rng(3), {"x": [1] * 60}) for _ in range(2))
    assert first == again
    plain = json.loads(json.dumps(first.as_dict()))
    assert plain["accuracy"]["n"] == plain["slices"][0]["n"] == 60
    assert plain["labels"][0]["recall"]["low"] < plain["labels"][0]["recall"]["value"]


def test_a_report_of_several_labels_counts_whole_sets_and_single_labels():
    proba = np.tile(np.array([[0.9, 0.6], [0.2, 0.7], [0.1, 0.1]], np.float32), (10, 1))
    targets = np.tile(np.array([[1, 1], [1, 1], [0, 0]], np.float32), (10, 1))
    found = report(proba, targets, "multi", rng())
    assert found.accuracy.value == pytest.approx(2 / 3)
    assert found.recall[0].value == 0.5
    assert found.precision[1].value == found.recall[1].value == 1.0
    # One bin: said .1 to .9, .433 on average; true in 4 of 6.
    assert found.calibration.value < abs(2.6 / 6 - 4 / 6) < found.calibration.high


def test_a_faultless_sample_does_not_claim_to_be_certain():
    truth = one_hot([0, 1] * 10, 2) > 0
    found = macro_f1(truth, truth, rng())
    assert found.value == found.high == 1.0
    assert found.low <= wilson(20, 20)[0]


@given(st.integers(20, 80), st.integers(0, 99))
def test_every_interval_holds_its_figure(n, seed):
    proba, targets = guesses(n, 4, seed)
    found = report(proba, targets, "single", rng(seed))
    for one in (found.accuracy, found.macro_f1, found.calibration, *found.recall, *found.precision):
        assert one is None or 0 <= one.low <= one.value <= one.high <= 1


# --- intervals cover what they claim: 200 samples from known truths ----------------------------------------

SAMPLES = 200
# A true coverage of .95 falls below this in 200 samples less than once in a thousand times.
LEAST = 0.895


@pytest.mark.parametrize(("n", "true"), [(20, 0.9), (100, 0.7), (300, 0.95)])
def test_the_interval_of_a_proportion_covers_it(n, true):
    drawn = [share(int(correct), n, 1) for correct in rng(1).binomial(n, true, SAMPLES)]
    assert np.mean([one.low <= true <= one.high for one in drawn]) >= LEAST


@pytest.mark.parametrize(("n", "k", "right"), [(30, 3, 0.8), (20, 2, 0.9), (100, 5, 0.8), (200, 25, 0.7)])
def test_the_interval_of_macro_f1_covers_it(n, k, right):
    # Labels alike frequent, errors spread evenly: precision, recall and F1 of each are this number.
    covered = 0
    for seed in range(SAMPLES):
        draw = rng([5, seed])
        truth = draw.integers(k, size=n)
        given_ = np.where(draw.random(n) < right, truth, (truth + draw.integers(1, k, size=n)) % k)
        found = macro_f1(one_hot(given_, k) > 0, one_hot(truth, k) > 0, draw)
        covered += found.low <= right <= found.high
    assert covered / SAMPLES >= LEAST


@pytest.mark.parametrize("n", [40, 150])
@pytest.mark.parametrize("slope", [1.0, 0.6, 1.5])
def test_the_interval_of_the_calibration_error_covers_it(n, slope):
    def sample(draw, n):
        said = np.clip(expit(draw.normal(1.2, 1.2, n)), 0.5, 0.999)
        return said, expit(slope * logit(said))

    said, true = sample(rng(9), 100_000)
    error = np.abs(said - true).mean()
    covered = 0
    for seed in range(SAMPLES):
        draw = rng([6, seed])
        said, true = sample(draw, n)
        came = draw.random(n) < true
        proba, targets = np.stack([said, 1 - said], 1), np.stack([came, ~came], 1).astype(np.float32)
        found = calibration_error(proba.astype(np.float32), targets, "single", draw)
        covered += found.low <= error <= found.high
    assert covered / SAMPLES >= LEAST


def test_a_calibrated_model_is_not_blamed_for_chance():
    said = rng(2).uniform(0.5, 1, 200).astype(np.float32)
    came = rng(3).random(200) < said
    found = calibration_error(
        np.stack([said, 1 - said], 1), np.stack([came, ~came], 1).astype(np.float32), "single", rng()
    )
    assert found.low == 0
    assert found.value < 0.06
