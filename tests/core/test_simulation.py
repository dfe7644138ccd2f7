"""Simulation: curves by hand, one test part for all, annotators who err, and harder pools."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.core import comparison, simulation
from sampling.core.arrays import unit_rows
from sampling.core.crowd import Crowd
from sampling.core.evaluation import evaluate
from sampling.core.scarcity import Scarcity
from sampling.core.settings import Settings
from sampling.core.simulation import Plan, Run, settings_for


def rng(seed=0):
    return np.random.default_rng(seed)


def data(n=160, k=3):
    positions = rng().integers(k, size=n)
    return unit_rows((np.eye(8)[positions] + rng(1).normal(0, 0.3, (n, 8))).astype(np.float32)), positions


def curve(strategy, accuracy, seed=0, **fields):
    return Run(strategy, seed, [10, 20, 30], accuracy, accuracy, **fields)


def line(strategy, height, seed=0, **fields):
    """A flat curve of this height."""
    return curve(strategy, [height] * 3, seed, **fields)


# --- the loop ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["random", "default"])
def test_a_run_spends_its_budget_batch_by_batch_and_repeats_itself(strategy):
    x, positions = data()
    plan = Plan(initial=10, batch=15, budget=50)
    run = simulation.run(x, positions, plan, strategy, seed=3)
    assert run.labels == [10, 25, 40, 50]
    assert len(run.accuracy) == len(run.macro_f1) == 4
    assert run.accuracy[-1] > 0.8
    assert simulation.run(x, positions, plan, strategy, seed=3) == run


def test_a_small_pool_ends_the_run_early():
    x, positions = data(30)
    assert simulation.run(x, positions, Plan(), "default", seed=0).labels == [20, 21]


def test_the_test_part_is_the_same_for_every_strategy_and_never_learned_from(monkeypatch):
    seen = []

    def watched(proba, targets, task):
        seen.append(targets)
        return evaluate(proba, targets, task)

    monkeypatch.setattr("sampling.core.simulation.evaluate", watched)
    x, positions = data()
    for strategy in ("random", "default", "margin"):
        simulation.run(x, positions, Plan(initial=10, budget=10), strategy, seed=5)
    assert len(seen) == 3
    assert (seen[0] == seen[1]).all()
    assert (seen[0] == seen[2]).all()
    learn, test = simulation.parts(160, 0.3, 5)
    assert len(test) == 48
    assert sorted([*learn, *test]) == list(range(160))


@pytest.mark.parametrize("strategy", ["random", "default"])
def test_clean_answers_of_several_are_those_of_one(strategy):
    x, positions = data()
    plan = Plan(initial=10, budget=30)
    alone = simulation.run(x, positions, plan, strategy, 0)
    many = Plan(initial=10, budget=30, crowd=Crowd(overlap=5))
    assert simulation.run(x, positions, many, strategy, 0) == alone


def test_noise_is_learnt_from_and_never_tested_on():
    x, positions = data(400)
    clean, noisy, voted = (
        simulation.run(x, positions, Plan(budget=150, crowd=crowd), "random", 1)
        for crowd in (Crowd(), Crowd(noise=0.45), Crowd(noise=0.45, overlap=9))
    )
    assert clean.height > voted.height > noisy.height > 0.5


def test_several_labels_an_item_are_simulated_as_sets():
    x, positions = data(120, k=3)
    targets = np.eye(3, dtype=np.float32)[positions]
    targets[::2, 0] = 1
    targets[::5] = 0
    plan = Plan(initial=10, batch=20, budget=50, settings=Settings(task="multi"))
    run = simulation.run(x, targets, plan, "default", seed=0)
    assert run.labels == [10, 30, 50]
    assert len(run.found) == 3
    with pytest.raises(ValueError, match="one label a row for single choice"):
        simulation.run(x, targets, Plan(), "default", seed=0)


def test_a_run_tells_how_much_of_each_label_it_had_labelled():
    x, positions = data(100)
    learn, _ = simulation.parts(100, 0.3, 0)
    everything = simulation.run(x, positions, Plan(budget=500), "random", 0)
    assert everything.found == [1, 1, 1]
    half = simulation.run(x, positions, Plan(initial=35, budget=35), "random", 0)
    there = np.bincount(positions[learn])
    assert float(np.dot(half.found, there)) == pytest.approx(35, abs=0.02)


# --- names of strategies -----------------------------------------------------------------------------------


def test_a_name_says_mode_and_streams():
    found = settings_for("margin/clustered+random:0.15+entropy:0.1", Settings())
    assert (found.strategy, found.mode) == ("margin", "clustered")
    assert [(stream.strategy, stream.share) for stream in found.streams] == [
        ("random", 0.15),
        ("entropy", 0.1),
    ]


def test_the_mode_for_all_leaves_random_and_those_alone_that_name_theirs():
    base = Settings(mode="diverse")
    modes = [settings_for(name, base).mode for name in ("margin", "margin/clustered", "random")]
    assert modes == ["diverse", "clustered", ""]


def test_a_committee_is_trained_only_for_those_that_listen_to_one():
    assert settings_for("margin", Settings()).committee_size == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("luck", "strategies has 'luck'; known: default"),
        ("margin/luck", "modes are: sequential, clustered, diverse"),
        ("margin+luck:0.1", r"a stream is NAME:SHARE \(strategy is 'luck'"),
        ("margin+random", "a stream is NAME:SHARE"),
        ("margin+random:2", "a stream is NAME:SHARE"),
        ("margin+random:0.6+entropy:0.6", "more than 1 in all"),
    ],
)
def test_names_that_make_no_sense_are_refused(name, message):
    with pytest.raises(ValueError, match=message):
        settings_for(name, Settings())


# --- the summary -------------------------------------------------------------------------------------------


def test_the_summary_by_hand():
    runs = [
        curve("random", [0.2, 0.4, 0.6]),
        curve("random", [0.4, 0.6, 0.8], 1),
        curve("default", [0.4, 0.8, 0.9]),
    ]
    found = simulation.summary(runs)
    # Random's mean curve is .3, .5, .7; the default passes .7 three quarters of the way from 10 to 20.
    assert found["random"] == {
        "seeds": 2, "area": 0.5, "area_se": 0.1, "final": 0.7, "final_f1": 0.7,
        "over_random": 0.0, "over_random_se": 0.0,
        "labels_for_random_at_budget": 30.0, "ratio": 1.0, "ratio_se": None,
    }  # fmt: skip
    # Paired with the one seed that both have: .725 - .4.
    assert found["default"] == {
        "seeds": 1, "area": 0.725, "area_se": None, "final": 0.9, "final_f1": 0.9,
        "over_random": 0.325, "over_random_se": None,
        "labels_for_random_at_budget": 17.5, "ratio": 0.583, "ratio_se": None,
    }  # fmt: skip


def test_a_paired_difference_forgets_what_the_seeds_share():
    # Heights differ by .3 between the seeds, but the difference is .1, .2, .3: mean .2, error .1 / sqrt(3).
    random = [line("random", height, seed) for seed, height in enumerate([0.1, 0.4, 0.6])]
    other = [line("margin", height, seed) for seed, height in enumerate([0.2, 0.6, 0.9])]
    mean, error = comparison.paired(other, random)
    assert mean == pytest.approx(0.2)
    assert error == pytest.approx(0.1 / np.sqrt(3))


def test_the_error_of_a_ratio_comes_from_leaving_out_seeds():
    random = [curve("random", [0, 0.5, 1.0], seed) for seed in range(3)]
    # Where the mean reaches 1.0: always in the end but with the third seed alone.
    other = [curve("margin", [0, 1, 1.0], seed) for seed in range(3)]
    assert comparison.figures(other, random)["ratio"] == pytest.approx(20 / 30, abs=1e-3)
    assert comparison.figures(other, random)["ratio_se"] == 0
    other[2] = curve("margin", [0, 0.5, 1.0], 2)
    # Without the third 20 labels, without another 30: shares 2/3, 1, 1. Jackknife: 2/3 of the squares' sum.
    left = np.array([20 / 30, 1, 1])
    expected = np.sqrt(2 / 3 * ((left - left.mean()) ** 2).sum())
    assert comparison.figures(other, random)["ratio_se"] == pytest.approx(expected, abs=1e-3)


def test_learners_are_named_where_there_are_several_and_compared_with_their_own_random():
    runs = [
        line(strategy, height, learner=learner)
        for strategy, learner, height in [
            ("random", "logistic", 0.5), ("random", "svm", 0.7),
            ("margin", "logistic", 0.6), ("margin", "svm", 0.6),
        ]
    ]  # fmt: skip
    found = comparison.summary(runs)
    assert found["margin (logistic)"]["over_random"] == pytest.approx(0.1)
    assert found["margin (svm)"]["over_random"] == pytest.approx(-0.1)


def test_over_several_sets_ratios_and_points_are_averaged():
    runs = [
        curve("random", [0.0, 0.5, 1.0], data="a"), curve("margin", [0, 1, 1.0], data="a"),
        curve("random", [0.0, 0.5, 1.0], data="b"), curve("margin", [0, 0.5, 0.5], data="b"),
    ]  # fmt: skip
    found = comparison.overall(runs)["margin"]
    assert (found["sets"], found["reached"]) == (2, 1)
    assert found["mean_ratio"] == pytest.approx(0.667)
    # .75 - .5 on a, .375 - .5 on b.
    assert found["over_random"] == pytest.approx(0.0625)


def test_a_strategy_is_judged_against_the_best_other_one_minus_one_standard_error():
    runs = [
        line(name, height, seed, data="a")
        for name, heights in {"default": [0.5, 0.71], "margin": [0.6, 0.7], "random": [0.55, 0.6]}.items()
        for seed, height in enumerate(heights)
    ]
    (case,) = comparison.judged(runs, "default")
    # -.1 and .01: mean -.045, error .055.
    assert (case["best_other"], case["difference"], case["difference_se"]) == ("margin", -0.045, 0.055)
    assert case["holds"]
    assert not case["below_random"]
    assert not comparison.judged(
        [*runs, line("margin", 0.9, 2, data="a"), line("default", 0.5, 2, data="a")], "default"
    )[0]["holds"]
    assert comparison.judged(runs, "entropy") == []


def test_what_never_reaches_random_has_no_ratio():
    found = simulation.summary([curve("random", [0.2, 0.4, 0.6]), curve("margin", [0.2, 0.4, 0.5])])
    assert found["margin"]["ratio"] is found["margin"]["labels_for_random_at_budget"] is None


def test_without_random_there_is_nothing_to_compare_with():
    assert simulation.summary([curve("margin", [0.2, 0.4, 0.5])])["margin"]["ratio"] is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strategies": ("random", "luck")}, "strategies has 'luck'; known: default, random"),
        ({"initial": 0}, "initial is 0"),
        ({"budget": 5}, "budget 5"),
        ({"test": 1.0}, r"test is 1\.0, but must lie between 0 and 1"),
    ],
)
def test_plans_that_make_no_sense_are_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        Plan(**wrong)


# --- annotators who err ------------------------------------------------------------------------------------


def answered(crowd, n=3000, k=4, task="single"):
    x, positions = data(n, k)
    targets = np.eye(k, dtype=np.float32)[positions]
    return targets, *crowd.said(x, targets, task, rng(5))


@pytest.mark.parametrize("mistakes", ["uniform", "alike"])
def test_so_many_answers_are_wrong_as_the_noise_says(mistakes):
    targets, said, posterior = answered(Crowd(noise=0.2, mistakes=mistakes))
    wrong = (said != targets).any(axis=1)
    assert wrong.mean() == pytest.approx(0.2, abs=0.03)
    assert (said.sum(axis=1) == 1).all()
    # One answer says no more than how often answers are right.
    assert posterior == pytest.approx(0.8)


def test_three_votes_are_wrong_as_often_as_worked_by_hand():
    # Two labels: the majority errs when two or three of three do.
    targets, said, posterior = answered(Crowd(noise=0.2, overlap=3), k=2)
    assert (said != targets).any(axis=1).mean() == pytest.approx(3 * 0.2**2 * 0.8 + 0.2**3, abs=0.02)
    # Three to nothing: .8^3 against .2^3; two to one: as good as one vote.
    assert sorted(set(np.round(posterior.astype(float), 4).tolist())) == [
        0.8,
        round(0.512 / (0.512 + 0.008), 4),
    ]


def test_mistakes_may_fall_on_what_looks_alike():
    # Labels on a line: 0 is most like 1, and 3 most like 2.
    angle = np.array([0, 0.3, 1.0, 1.3])[np.arange(4000) % 4]
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    targets = np.eye(4, dtype=np.float32)[np.arange(4000) % 4]
    said, _ = Crowd(noise=0.5, mistakes="alike").said(x, targets, "single", rng())
    given = said[::4].sum(axis=0)
    # Half of the mistakes go to the next one, a quarter to the second, what is left to the last.
    assert given / 1000 == pytest.approx([0.5, 0.25, 0.125, 0.125], abs=0.04)


def test_sets_of_labels_are_off_by_one_at_most():
    targets = rng().integers(2, size=(2000, 5)).astype(np.float32)
    said, _ = Crowd(noise=0.3).said(np.ones((2000, 2), np.float32), targets, "multi", rng())
    off = (said != targets).sum(axis=1)
    assert set(off) == {0, 1}
    assert off.mean() == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"noise": 1.0}, r"noise is 1\.0"),
        ({"overlap": 0}, "overlap is 0"),
        ({"mistakes": "luck"}, "mistakes is"),
    ],
)
def test_crowds_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Crowd(**wrong)


# --- harder pools ------------------------------------------------------------------------------------------

LABELS = ["a", "b", "c"]


def left(scarcity, sizes=(300, 300, 300)):
    positions = np.repeat(np.arange(3), sizes)
    rows = scarcity.rows(np.eye(3, dtype=np.float32)[positions], LABELS, rng())
    return np.bincount(positions[rows], minlength=3).tolist()


def test_a_label_is_thinned_out_to_its_share():
    assert left(Scarcity(rare={"b": 0.01})) == [300, 6, 300]
    assert left(Scarcity(rare={"a": 0.05, "b": 0.05})) == [17, 17, 300]


def test_only_some_labels_may_be_left():
    assert left(Scarcity(labels=("a", "c"))) == [300, 0, 300]
    assert left(Scarcity(labels=("a", "c"), rare={"a": 0.25})) == [100, 0, 300]


def test_sizes_fall_off_evenly_until_the_imbalance():
    assert sorted(left(Scarcity(imbalance=100))) == [3, 30, 300]


@given(st.floats(1, 500), st.lists(st.integers(1, 400), min_size=3, max_size=3))
def test_no_label_is_lost_to_imbalance(imbalance, sizes):
    found = left(Scarcity(imbalance=imbalance), sizes)
    assert all(1 <= kept <= size for kept, size in zip(found, sizes, strict=True))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rare": {"z": 0.1}}, "there is no label 'z'; there are: a, b, c"),
        ({"labels": ("a", "z")}, "there is no label 'z'"),
        ({"rare": {"a": 0.0001}}, "rare would leave nothing of a"),
        ({"rare": {"a": 1.5}}, "rare has a at 1.5"),
        ({"rare": {"a": 0.6, "b": 0.6}}, "rare leaves no place for other labels"),
        ({"labels": ("a",)}, "two at least"),
        ({"imbalance": 0.5}, r"imbalance is 0\.5"),
    ],
)
def test_pools_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        left(Scarcity(**wrong))
