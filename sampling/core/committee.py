"""Measures of a committee: how far apart the models are that were trained on random subsets."""

from __future__ import annotations

import numpy as np

from .arrays import FloatArray
from .learners import Task
from .scores import surprise


def disagreement(members: FloatArray, task: Task = "single") -> FloatArray:
    """How far apart the members' probabilities (c, n, k) are on each row, in [0, 1].

    The Jensen-Shannon divergence over its largest value (Lin 1991), for multi-label the mean over the labels.
    It is large where members are each sure of something else, and 0 where all are equally unsure.
    """
    if len(members) < 2:
        raise ValueError(f"members has {len(members)} entries; two at least can disagree")
    if task == "multi":
        members = np.stack([members, 1 - members], axis=-1)
    mean = members.mean(axis=0)
    gap = surprise(mean).sum(axis=-1) - surprise(members).sum(axis=-1).mean(axis=0)
    # With k labels no more than k opinions can differ.
    gap /= np.log(min(len(members), max(mean.shape[-1], 2)))
    return np.asarray(np.clip(gap.mean(axis=1) if task == "multi" else gap, 0, 1), np.float32)
