"""Drift: figures by hand, silence on data of one kind, an alert on other data, and the strangest rows."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from sampling.core.arrays import unit_rows
from sampling.core.drift import STRANGEST, drift, stability, two_samples


def rows(rng, n, d=24, shift=0.0):
    """Rows of a pool with a few strong directions; ``shift`` moves them along one."""
    x = rng.normal(size=(n, d)) * np.linspace(2, 0.2, d)
    x[:, 2] += shift
    return unit_rows(x.astype(np.float32))


def test_the_index_of_two_mixtures_by_hand():
    found = stability(np.repeat([0, 1], [60, 40]), np.repeat([0, 1], [30, 70]))
    a, b = 60.5 / 101, 30.5 / 101
    expected = (b - a) * np.log(b / a) + (a - b) * np.log((1 - b) / (1 - a))
    assert found.value == pytest.approx(expected)
    assert found.p < 0.001
    assert found.alert


def test_positions_that_are_rare_count_as_one():
    old, new = np.repeat([0, 1, 2, 3], [50, 47, 2, 1]), np.repeat([0, 1, 2, 3], [50, 47, 1, 2])
    assert stability(old, new).value == 0


def test_one_position_alone_is_no_drift():
    found = stability(np.zeros(50, int), np.zeros(80, int))
    assert (found.value, found.p, found.alert) == (0, 1.0, False)


@given(st.integers(0, 99))
def test_the_area_and_its_chance_are_those_of_the_rank_sum_test(seed):
    from sampling.core.drift import _rank_sum

    rng = np.random.default_rng(seed)
    old, new = rng.integers(9, size=60).astype(np.float32), rng.integers(1, 10, size=40).astype(np.float32)
    area, chance = _rank_sum(old, new)
    known = mannwhitneyu(new, old, alternative="greater", method="asymptotic", use_continuity=False)
    assert area == pytest.approx(known.statistic / 2400)
    assert chance == pytest.approx(known.pvalue)


def test_data_of_one_kind_raise_no_alert_and_give_chances_as_they_should_be():
    alerts, chances, mixtures = 0, [], []
    for seed in range(200):
        rng = np.random.default_rng([1, seed])
        x, labels = rows(rng, 240), rng.choice(5, 240, p=[0.4, 0.3, 0.2, 0.08, 0.02])
        found = drift(x[:180], x[180:], rng, labels=(labels[:180], labels[180:]))
        alerts += found.alert
        chances.append(found.classifier.p)
        mixtures.append(found.labels.p)
    # At most a hundredth; six of 200 happen less than once in two hundred times.
    assert alerts <= 5
    for said in (chances, mixtures):
        assert np.mean(np.array(said) < 0.05) < 0.1
        assert 0.35 < np.mean(np.array(said) < 0.5) < 0.65


@pytest.mark.parametrize("shape", [(200, 60, 24), (300, 300, 24), (60, 50, 200)], ids=str)
def test_rows_from_elsewhere_raise_an_alert(shape):
    old, new, d = shape
    rng = np.random.default_rng(2)
    found = drift(rows(rng, old, d), rows(rng, new, d, shift=4.0), rng)
    assert found.alert
    assert found.classifier.value > 0.8


def test_other_labels_alone_raise_an_alert():
    rng = np.random.default_rng(3)
    x = rows(rng, 400)
    found = drift(x[:300], x[300:], rng, labels=(np.arange(300) % 4, np.zeros(100, int)))
    assert not found.classifier.alert
    assert found.labels.alert
    assert found.alert
    assert json.loads(json.dumps(found.as_dict()))["labels"]["alert"] is True


def test_a_small_difference_is_no_alert_however_sure():
    rng = np.random.default_rng(4)
    found = drift(rows(rng, 2000), rows(rng, 2000, shift=0.35), rng)
    assert found.classifier.p < 1e-4
    assert not found.alert


def test_the_strangest_new_rows_come_first():
    rng = np.random.default_rng(5)
    new = np.concatenate([rows(rng, 100), rows(rng, 60, shift=8.0)])
    found = drift(rows(rng, 300), new, rng)
    # By chance it would be three in eight.
    assert (found.strange[:40] >= 100).mean() > 0.8
    assert len(set(found.strange.tolist())) == len(found.strange) == 160


def test_many_rows_are_sampled_and_the_answer_repeats_itself():
    rng = np.random.default_rng(6)
    old, new = rows(rng, 5000, 8), rows(rng, 4000, 8)
    first, again = (drift(old, new, np.random.default_rng(0)) for _ in range(2))
    assert first.as_dict() == again.as_dict()
    assert (first.old, first.new, len(first.strange)) == (5000, 4000, STRANGEST)
    assert first.strange.tolist() == again.strange.tolist()


def test_the_classifier_judges_rows_that_it_has_not_seen():
    # With more columns than rows anything can be learnt by heart; it must help nobody.
    areas = [
        two_samples(rows(rng, 60, 300), rows(rng, 60, 300), rng)[0].value
        for rng in (np.random.default_rng([7, seed]) for seed in range(40))
    ]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.04)


def test_few_rows_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="old has 100 rows, new 39; 40 of each are the least"):
        drift(rows(rng, 100), rows(rng, 39), rng)
    with pytest.raises(ValueError, match="old has 0 positions"):
        stability(np.empty(0, int), np.zeros(3, int))
