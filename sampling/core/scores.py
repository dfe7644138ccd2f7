"""Scores: one number a row of the pool, high for ask sooner; a function for each way to score."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import FloatArray
from .pool import Pool


def uniform(pool: Pool, rng: np.random.Generator) -> FloatArray:
    """Score by chance, in [0, 1)."""
    return rng.random(len(pool), np.float32)


def margin(pool: Pool, _rng: np.random.Generator) -> FloatArray:
    """Score one minus the gap between the two likeliest labels, in [0, 1] (Scheffer, Decomain & Wrobel 2001).

    Multi-label: one minus the gap between yes and no, for the label that is least sure.
    """
    proba = _proba(pool)
    if pool.task == "multi":
        return np.asarray(1 - np.abs(2 * proba - 1).min(axis=1), np.float32)
    if proba.shape[1] == 1:
        return np.zeros(len(proba), np.float32)
    two = np.partition(proba, -2, axis=1)[:, -2:]
    return np.asarray(1 - (two[:, 1] - two[:, 0]), np.float32)


def least_confidence(pool: Pool, _rng: np.random.Generator) -> FloatArray:
    """Score the probability that the likeliest answer is wrong, in [0, 1] (Lewis & Gale 1994).

    Multi-label: that the likeliest set of labels is wrong somewhere.
    """
    proba = _proba(pool)
    if pool.task == "multi":
        return np.asarray(1 - np.maximum(proba, 1 - proba).prod(axis=1), np.float32)
    return np.asarray(1 - proba.max(axis=1), np.float32)


def entropy(pool: Pool, _rng: np.random.Generator) -> FloatArray:
    """Score the entropy of the labels over its largest value, in [0, 1] (Shannon 1948).

    Multi-label: the mean over the labels of the entropy of yes and no.
    """
    proba = _proba(pool)
    if pool.task == "multi":
        return np.asarray((surprise(proba) + surprise(1 - proba)).mean(axis=1) / np.log(2), np.float32)
    return np.asarray(surprise(proba).sum(axis=1) / np.log(max(proba.shape[1], 2)), np.float32)


def expected_gradient(pool: Pool, _rng: np.random.Generator) -> FloatArray:
    """Score how much a linear learner would change by the answer: expected gradient length, in [0, 1].

    The sum over labels of ``p_y ||p - e_y||``, times the length of the row with a 1 for the bias (Settles &
    Craven 2008), over the largest value that a row of length 1 can have: ``sqrt(2 (1 - 1/k))`` for k labels.
    A longer row counts as one of length 1. Multi-label: the mean over the labels, each of them on its own,
    of ``2 p (1 - p)`` times that length, over its largest value.
    """
    proba, x = _proba(pool), pool.features[:]
    reach = np.sqrt(np.minimum(1 + np.einsum("ij,ij->i", x, x), 2) / 2)
    if pool.task == "multi":
        change = (4 * proba * (1 - proba)).mean(axis=1)
    else:
        square = np.einsum("ij,ij->i", proba, proba)[:, None]
        change = (proba * np.sqrt(np.maximum(1 + square - 2 * proba, 0))).sum(axis=1)
        change /= np.sqrt(1 - 1 / max(proba.shape[1], 2))
    return np.asarray(np.clip(change * reach, 0, 1), np.float32)


def typicality(pool: Pool, _rng: np.random.Generator) -> FloatArray:
    """Score nearness to the nearest centre: minus the squared distance, at most 0."""
    return -pool.near[1]


def surprise(proba: np.ndarray[Any, np.dtype[np.float32]]) -> FloatArray:
    """-p log p of each number, in nats: summed over labels it is the entropy."""
    return np.asarray(-proba * np.log(np.maximum(proba, 1e-12)), np.float32)


def _proba(pool: Pool) -> FloatArray:
    if pool.proba is None:
        raise ValueError("proba is missing: this score needs a trained model")
    if pool.proba.ndim != 2 or len(pool.proba) != len(pool):
        raise ValueError(f"proba has shape {pool.proba.shape}, but the pool has {len(pool)} rows")
    return pool.proba
