"""Likely mistakes among settled labels: where the model, asked out of fold, says otherwise.

All take ``held_out`` (m, k), probabilities of rows by models that did not see them, and ``targets`` (m, k) in
[0, 1]. A row of ``held_out`` that has NaN could not be judged: it scores 0 and is never suspected.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from .arrays import BoolArray, FloatArray, IntArray
from .learners import Task

# No probability is taken to be smaller: one wrong certainty would outweigh everything.
_SMALLEST = 1e-7
# The loss, in nats, of a label that was given one chance in twenty.
STARTLING: Final = 3.0


def high_loss(held_out: FloatArray, targets: FloatArray, task: Task = "single") -> FloatArray:
    """How badly each row's label was foretold (m,): the cross-entropy in nats, 0 where it was certain.

    Multi-label: the mean over the labels of yes and no.
    """
    judged = _judged(held_out, targets)
    found = np.zeros(len(targets), np.float32)
    proba, given = np.clip(held_out[judged], _SMALLEST, 1), targets[judged]
    loss = -given * np.log(proba)
    if task == "multi":
        loss -= (1 - given) * np.log(np.clip(1 - held_out[judged], _SMALLEST, 1))
    found[judged] = loss.mean(axis=1) if task == "multi" else loss.sum(axis=1)
    return found


def doubt(held_out: FloatArray, targets: FloatArray, task: Task = "single") -> FloatArray:
    """How much likelier another label is than the given one (m,), in [0, 1]; over a half: it is likelier.

    The normalised margin: half of one plus the likeliest other label's probability minus the given one's
    (Northcutt, Jiang & Chuang 2021). Multi-label: that of the label whose yes or no is most in doubt.
    """
    judged = _judged(held_out, targets)
    found = np.zeros(len(targets), np.float32)
    proba, given = held_out[judged], targets[judged]
    if task == "multi":
        found[judged] = np.abs((given > 0.5) - proba).max(axis=1, initial=0)
        return found
    label = given.argmax(axis=1)[:, None]
    own = np.take_along_axis(proba, label, axis=1)[:, 0]
    others = proba.copy()
    np.put_along_axis(others, label, 0, axis=1)
    found[judged] = np.clip((1 + others.max(axis=1, initial=0) - own) / 2, 0, 1)
    return found


def mislabelled(held_out: FloatArray, targets: FloatArray, task: Task = "single") -> BoolArray:
    """Which rows likely have a wrong label (m,), by confident learning (Northcutt, Jiang & Chuang 2021).

    A label's threshold is the mean probability of it among the rows that were given it: the model's own
    measure of sureness. A row belongs, with confidence, to the likeliest of the labels whose threshold it
    reaches, and is suspected where that is not the given one. Multi-label: so for the yes and no of each
    label; one that is wrong is enough.
    """
    judged = _judged(held_out, targets)
    found = np.zeros(len(targets), np.bool_)
    proba, given = held_out[judged], targets[judged]
    if task == "single":
        found[judged] = _off(proba, given.argmax(axis=1))
        return found
    for label in range(targets.shape[1]):
        both = np.stack([1 - proba[:, label], proba[:, label]], axis=1)
        found[judged] |= _off(both, (given[:, label] > 0.5).astype(np.int64))
    return found


def suspects(held_out: FloatArray, targets: FloatArray, task: Task, most: int) -> IntArray:
    """At most ``most`` rows: those that likely have a wrong label, the most doubtful first; then those whose
    label comes as a surprise (a probability under 5 %), the highest loss first.
    """
    if most < 0:
        raise ValueError(f"most is {most}, but cannot be negative")
    wrong = mislabelled(held_out, targets, task)
    loss = high_loss(held_out, targets, task)
    bound = STARTLING / (targets.shape[1] if task == "multi" else 1)
    rows, startling = np.flatnonzero(wrong), np.flatnonzero(~wrong & (loss > bound))
    rows = rows[np.argsort(-doubt(held_out, targets, task)[rows], kind="stable")]
    startling = startling[np.argsort(-loss[startling], kind="stable")]
    return np.concatenate([rows, startling])[:most]


def _off(proba: FloatArray, given: IntArray) -> BoolArray:
    """Rows that with confidence belong to another label than the given one."""
    if not len(given):
        return np.zeros(0, np.bool_)
    # A label that nobody was given has no threshold, so no row can reach it.
    thresholds = np.array(
        [
            proba[given == label, label].mean() if (given == label).any() else np.inf
            for label in range(proba.shape[1])
        ]
    )
    sure = np.where(proba >= thresholds, proba, -1)
    likeliest = sure.argmax(axis=1)
    return np.asarray((sure.max(axis=1) >= 0) & (likeliest != given))


def _judged(held_out: FloatArray, targets: FloatArray) -> BoolArray:
    if held_out.shape != targets.shape or held_out.ndim != 2:
        raise ValueError(f"held_out has shape {held_out.shape}, but targets {targets.shape}; they must agree")
    return np.asarray(np.isfinite(held_out).all(axis=1))
