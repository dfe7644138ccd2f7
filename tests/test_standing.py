"""A person's record as plain numbers: by hand, and what they promise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.quality import standing
from projects.quality.agreement import wilson

R, W = True, False


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ([], "good"),
        ([W] * 4, "good"),
        ([W] * 5, "warned"),
        ([W] * 7, "warned"),
        ([W] * 8, "paused"),
        ([R, W, W, W, W, R, R, R], "good"),
        ([W] * 5 + [R] * 3, "paused"),
        ([W] * 8 + [R] * 50, "paused"),
        ([R] * 30 + [W] * 10, "good"),
    ],
)
def test_the_rule_by_hand_at_a_floor_of_seven_tenths(answers, state):
    assert standing.standing(answers, 0.7).state == state


def test_a_warned_person_recovers_and_is_warned_anew_before_a_pause():
    down_up_down = [R, W, W, W, W, R, R, R, R, R] + [W] * 12
    states = [standing.standing(down_up_down[:n], 0.7).state for n in range(1, 23)]
    assert states[4:6] == ["warned", "good"]
    assert states.index("paused") - states.index("warned", 6) == 3


@given(answers=st.lists(st.booleans(), max_size=60), floor=st.floats(0.0, 0.99))
def test_nobody_is_paused_while_the_upper_limit_reaches_the_floor_throughout(answers, floor):
    found = standing.standing(answers, floor)
    limits = [wilson(sum(answers[:n]) / n, n)[1] for n in range(5, len(answers) + 1)]
    if all(limit >= floor for limit in limits):
        assert found.state == "good"
    if found.state == "paused":
        assert sum(limit < floor for limit in limits) >= 4
    assert (found.right, found.answers) == (sum(answers), len(answers))


def share_paused(accuracy, floor=0.7, people=600, answers=60):
    rng = random.Random(5)
    paused = 0
    for _ in range(people):
        said = [rng.random() < accuracy for _ in range(answers)]
        paused += standing.standing(said, floor).state == "paused"
    return paused / people


def test_good_people_are_hardly_ever_paused_and_random_clickers_always():
    assert share_paused(0.85) < 0.01
    assert share_paused(0.2, answers=20) > 0.98


def test_a_floor_that_nobody_can_miss_pauses_nobody():
    assert standing.standing([W] * 100, 0.0).state == "good"
    with pytest.raises(ValueError, match="floor"):
        standing.standing([R], 1.0)


def test_as_many_right_answers_as_said_bring_the_limit_back():
    extra = standing.needed(1, 8, 0.7)
    assert wilson((1 + extra) / (8 + extra), 8 + extra)[1] >= 0.7
    assert wilson((extra) / (7 + extra), 7 + extra)[1] < 0.7
    assert standing.needed(0, 0, 0.7) == 0


def test_a_run_of_one_label_counts_by_how_rare_the_label_is():
    shares = {0: 0.9, 1: 0.1}
    assert standing.run_of_one([0] * 40, shares) is None
    sign = standing.run_of_one([0] * 40 + [1] * 6, shares)
    assert (sign.kind, sign.label, sign.count, sign.of) == ("run", 1, 6, 46)
    assert standing.run_of_one([1] * 5, shares) is None
    assert standing.run_of_one([], shares) is None


def test_few_good_people_have_a_surprising_run():
    rng = random.Random(3)
    shares = dict.fromkeys(range(5), 0.2)
    flagged = sum(
        standing.run_of_one([rng.randrange(5) for _ in range(500)], shares) is not None for _ in range(200)
    )
    # 500 answers, each followed by six like it with a chance of 6e-5: in some three of a hundred people.
    assert flagged <= 14


def test_speed_is_only_a_floor_for_the_impossible():
    assert standing.too_fast([0.3] * 100, 0) is None
    assert standing.too_fast([0.3] * 5 + [9.0] * 95, 1.0) is None
    assert standing.too_fast([0.3] * 6 + [9.0] * 94, 1.0).count == 6


def test_skipping_is_compared_with_the_others():
    assert standing.many_skips(30, 100, 30, 100) is None
    sign = standing.many_skips(60, 100, 10, 200)
    assert (sign.count, sign.of, sign.usual) == (60, 100, 0.05)
    assert standing.many_skips(3, 10, 0, 500) is None


def test_a_mind_changed_now_and_then_is_no_sign():
    assert standing.changed_mind(4, 4) is None
    assert standing.changed_mind(5, 20) is None
    assert standing.changed_mind(7, 20).count == 7


def test_pace_is_the_median_once_there_are_five_answers():
    assert standing.pace([2.0] * 4) == 12.0
    assert standing.pace([2.0, 3.0, 4.0, 100.0, 3.0]) == 3.0
    assert standing.pace([0.1] * 9) == 1.0
