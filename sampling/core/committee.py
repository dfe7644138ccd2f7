"""Measures of a committee: how far apart the models are that were trained on random subsets."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from .arrays import FloatArray
from .learners import Task
from .pool import Pool, Score
from .scores import surprise

# ``(members, task)``: one number a row, in [0, 1], from the probabilities (c, n, k) of c members.
Measure = Callable[[FloatArray, Task], FloatArray]


def disagreement(members: FloatArray, task: Task = "single") -> FloatArray:
    """How far apart the members' probabilities (c, n, k) are on each row, in [0, 1].

    The Jensen-Shannon divergence over its largest value (Lin 1991), for multi-label the mean over the labels.
    It is large where members are each sure of something else, and 0 where all are equally unsure. It goes by
    several names: the mean divergence (Kullback-Leibler) of the members from their consensus (McCallum &
    Nigam 1998), and the mutual information of label and member, BALD (Houlsby et al. 2011).
    """
    members = _opinions(members, task)
    mean = members.mean(axis=0)
    gap = surprise(mean).sum(axis=-1) - surprise(members).sum(axis=-1).mean(axis=0)
    # With k labels no more than k opinions can differ.
    gap /= np.log(min(len(members), max(mean.shape[-1], 2)))
    return _mean(gap)


def vote_entropy(members: FloatArray, task: Task = "single") -> FloatArray:
    """How evenly the members (c, n, k) vote, in [0, 1]: 0 where they agree (Dagan & Engelson 1995).

    Each member votes for its likeliest label; the entropy of the votes over that of the most even vote.
    Multi-label: members vote yes or no on each label, a half is yes; the mean over the labels.
    """
    members = _opinions(members, task)
    count, kinds = len(members), members.shape[-1]
    votes = members.argmax(axis=-1)
    shares = np.stack([(votes == label).mean(axis=0, dtype=np.float32) for label in range(kinds)], axis=-1)
    # The most even vote there is: members vote for one label after another.
    labels = min(count, max(kinds, 2))
    even = np.asarray(np.bincount(np.arange(count) % labels) / count, np.float32)
    return _mean(surprise(shares).sum(axis=-1) / surprise(even).sum())


def consensus_entropy(members: FloatArray, task: Task = "single") -> FloatArray:
    """How unsure the mean of the members (c, n, k) is: its entropy over the largest value, in [0, 1].

    High as well where all members are equally unsure, unlike the other measures. Multi-label: the mean over
    the labels of the entropy of yes and no.
    """
    members = _opinions(members, task)
    return _mean(surprise(members.mean(axis=0)).sum(axis=-1) / np.log(max(members.shape[-1], 2)))


def pairwise(members: FloatArray, task: Task = "single") -> FloatArray:
    """How far apart the two members are that differ most on each row (c, n, k), in [0, 1].

    Half the sum of the differences of their probabilities (total variation): 1 where they are sure of two
    labels. Multi-label: the mean over the labels of the difference.
    """
    members = _opinions(members, task)
    most = np.zeros(members.shape[1], np.float32)
    for one, other in combinations(members, 2):
        apart = np.abs(one - other).sum(axis=-1) / 2
        np.maximum(most, _mean(apart), out=most)
    return most


def of_committee(measure: Measure) -> Score:
    """The score of a row by a measure of its committee."""

    def score(pool: Pool, _rng: np.random.Generator) -> FloatArray:
        if pool.members is None:
            raise ValueError("members is missing: this score needs a committee")
        if pool.members.ndim != 3 or pool.members.shape[1] != len(pool):
            raise ValueError(f"members has shape {pool.members.shape}, but the pool has {len(pool)} rows")
        return measure(pool.members, pool.task)

    return score


def _opinions(members: FloatArray, task: Task) -> FloatArray:
    """Members (c, n, k); for multi-label yes and no of each label (c, n, k, 2)."""
    if len(members) < 2:
        raise ValueError(f"members has {len(members)} entries; two at least can disagree")
    # Yes comes first, so that a half is a yes.
    return np.stack([members, 1 - members], axis=-1) if task == "multi" else members


def _mean(found: FloatArray) -> FloatArray:
    """Numbers (n,) as they are, of several labels (n, k) their mean; within [0, 1]."""
    return np.asarray(np.clip(found.mean(axis=1) if found.ndim == 2 else found, 0, 1), np.float32)
