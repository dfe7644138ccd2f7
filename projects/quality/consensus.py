"""How often people are right, from how often two of them agree."""

from __future__ import annotations

from math import sqrt
from typing import Final

# How often one person's whole answer is right, until enough doubly labelled items say otherwise.
PRIOR_ACCURACY: Final = 0.85
# From so many pairs of answers on, the data speak alone.
ENOUGH_PAIRS: Final = 30
# Nobody is certain: a clean record of thirty pairs is still thirty pairs.
HIGHEST_ACCURACY: Final = 0.99


def pooled_accuracy(pairs_agree: int, pairs: int, n_labels: int, task: str = "single") -> float:
    """Estimate how often one person's whole answer is right, from how often two people agree.

    ``pairs`` counts pairs of answers to the same item by two people, ``pairs_agree`` those that are equal.
    Two people who are each right with chance p, and wrong evenly over the k - 1 other labels, agree with
    chance A = p² + (1 - p)² / (k - 1); this is solved for p. Below 30 pairs the missing ones are taken from
    a prior of .85; the result lies above chance and at or under .99. Several labels: each label is a question
    with k = 2, all must agree.

    Raises ValueError where ``pairs_agree`` is negative or above ``pairs``.
    """
    if not 0 <= pairs_agree <= pairs:
        raise ValueError(f"pairs_agree must lie between 0 and pairs ({pairs}), not {pairs_agree}")
    k, questions = (max(n_labels, 2), 1) if task == "single" else (2, max(n_labels, 1))
    missing = max(0, ENOUGH_PAIRS - pairs)
    expected = _agreement(PRIOR_ACCURACY ** (1 / questions), k) ** questions
    agree = (pairs_agree + missing * expected) / (pairs + missing)
    excess = k * agree ** (1 / questions) - 1
    right = (1 + sqrt((k - 1) * max(excess, 0.0))) / k
    # A little above chance at worst, so that the label with the most votes stays the likeliest.
    lowest = (1 / k + 0.05 * (1 - 1 / k)) ** questions
    return min(max(right**questions, lowest), HIGHEST_ACCURACY)


def _agreement(right: float, k: int) -> float:
    """Chance that two people agree who are both right with chance ``right`` among ``k`` labels."""
    return right**2 + (1 - right) ** 2 / (k - 1)
