"""Why an item was picked, in words."""

from __future__ import annotations

import pytest

from projects.reasons import percent, sentence

NAMES = {0: "refund", 1: "billing", 2: "card"}


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            {"top": [[1, 0.41], [0, 0.44]], "cluster_size": 230, "cluster_labelled": 4},
            "Unsure between refund and billing, in a region of 230 items with 4 labels.",
        ),
        (
            {"top": [[0, 0.7], [1, 0.1]], "cluster_size": 9},
            "Leans to refund, but is not sure (70 %), in a region of 9 items.",
        ),
        ({"top": [[0, 0.95], [1, 0.01]]}, "Looks like refund (95 %)."),
        ({"top": [[0, 0.97], [2, 0.46]], "score": 0.9}, "Unsure whether card applies (46 %)."),
        (
            {"top": [[0, 0.4], [1, 0.35]], "disagreement": 0.6},
            "Unsure between refund and billing, the committee is split.",
        ),
        (
            {"strategy": "first-batch", "score": -0.1, "cluster_size": 40, "cluster_labelled": 1},
            "Typical of what lies around it, in a region of 40 items with 1 label.",
        ),
        ({"why": "random_holdout"}, "Drawn at random, to measure the model."),
        ({"why": "lead_asked"}, "A lead asked for another vote."),
        ({"why": "lead_asked", "note": "See rule 3"}, "A lead asked for another vote: See rule 3"),
        ({"strategy": "random", "score": 0.3}, "Drawn at random."),
        ({"score": 0.3, "cluster_size": 5}, "Picked by the strategy, in a region of 5 items."),
        ({"top": [[9, 0.5]]}, ""),
        ({}, ""),
    ],
)
def test_a_pick_says_why_in_plain_words(reason, words):
    assert sentence(reason, NAMES) == words


def test_nothing_nearly_certain_is_called_certain():
    assert [percent(share) for share in (0, 0.001, 0.5, 0.999, 1)] == [
        "0 %",
        "under 1 %",
        "50 %",
        "over 99 %",
        "100 %",
    ]
