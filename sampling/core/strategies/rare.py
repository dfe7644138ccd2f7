"""Looking for rare labels: near rows that have them, and where the model thinks of them."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ..arrays import FloatArray, IntArray, chunks
from ..pool import Pool

# The rarest labels are so many of those that were seen, one at least.
RAREST: Final = 0.2
# Settled rows that are looked at on either side.
MOST: Final = 1_000


def near_rare(pool: Pool, _rng: np.random.Generator) -> FloatArray:
    """Score how likely a row has a label that is wanted, in [0, 1]: nearness to rows that have one, and odds.

    Wanted are the labels that the admin named (``pool.wanted``), or else the rarest of those that were seen.
    Nearness is the largest cosine to a row that was settled as one of them, or that the admin named
    (``pool.examples``), less the largest to a row that was settled as something else, mapped to [0, 1]: so a
    neighbourhood that turns out to hold others is left. The odds are the champion's largest probability of
    one of them. The score is the mean of both, or what there is; 0 for all rows where nothing is known, so
    that chance decides.
    """
    wanted = sought(pool)
    seeds, others = _seeds(pool, wanted)
    parts = []
    if len(seeds):
        x = pool.features[:]
        near = (1 + _nearness(x, seeds)) / 2
        parts.append((1 + near - (1 + _nearness(x, others)) / 2) / 2 if len(others) else near)
    if len(wanted) and (pool.proba is not None or pool.champion is not None):
        parts.append(pool.proba_of(slice(None))[:, wanted].max(axis=1))
    if not parts:
        return np.zeros(len(pool), np.float32)
    return np.asarray(np.clip(np.mean(parts, axis=0), 0, 1), np.float32)


def sought(pool: Pool) -> IntArray:
    """The labels to look for: those named, or the fifth of those seen that have the fewest settled rows."""
    if pool.wanted is not None and len(pool.wanted):
        return pool.wanted
    # Examples alone are a wish of their own; nothing is guessed beside it.
    if pool.targets is None or (pool.examples is not None and len(pool.examples)):
        return np.empty(0, np.int64)
    count = pool.targets.sum(axis=0)
    seen = np.flatnonzero(count > 0)
    fewest = seen[np.argsort(count[seen], kind="stable")]
    return np.sort(fewest[: math.ceil(len(seen) * RAREST)])


def _seeds(pool: Pool, wanted: IntArray) -> tuple[FloatArray, FloatArray]:
    """Rows that are known to be what is looked for (s, d), and those known to be something else (o, d)."""
    found, others = [] if pool.examples is None else [pool.examples], np.empty((0, 0), np.float32)
    if pool.targets is not None and pool.labelled is not None and len(wanted):
        has, settled = pool.targets[:, wanted].max(axis=1) > 0.5, pool.labelled[: len(pool.targets)]
        found.append(settled[has])
        others = settled[~has]
    seeds = np.concatenate([np.empty((0, pool.features.shape[1]), np.float32), *found])
    return _some(seeds), _some(others)


def _some(x: FloatArray) -> FloatArray:
    """At most so many rows, evenly over all: a pass over the pool must not cost more with every label."""
    return x if len(x) <= MOST else x[np.linspace(0, len(x) - 1, MOST).astype(np.int64)]


def _nearness(x: FloatArray, seeds: FloatArray) -> FloatArray:
    """The largest cosine of each row of x to a seed (n,)."""
    seeds = seeds / np.maximum(np.linalg.norm(seeds, axis=1, keepdims=True), 1e-12)
    near = np.full(len(x), -np.inf, np.float32)
    for part in chunks(len(seeds), 1024):
        np.maximum(near, (x @ seeds[part].T).max(axis=1), out=near)
    return np.asarray(near / np.maximum(np.linalg.norm(x, axis=1), 1e-12), np.float32)
