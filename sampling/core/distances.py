"""Squared distances between rows, a matrix product at a time."""

from __future__ import annotations

import numpy as np

from .arrays import FloatArray, chunks


def lengths(x: FloatArray) -> FloatArray:
    """The squared length of each row of x (n, d): (n,)."""
    return np.asarray(np.einsum("ij,ij->i", x, x), np.float32)


def squared(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared distances between all rows of a (n, d) and b (m, d), as (n, m)."""
    out = a @ (-2 * b.T)
    out += lengths(a)[:, None]
    out += lengths(b)
    return np.asarray(np.maximum(out, 0, out=out))


def to_nearest(x: FloatArray, others: FloatArray) -> FloatArray:
    """The squared distance from each row of x (n, d) to the nearest of others (m, d): (n,), inf without any.

    Never holds more than 4,096 x 512 distances.
    """
    out = np.full(len(x), np.inf, np.float32)
    for part in chunks(len(x), 4_096):
        for some in chunks(len(others), 512):
            np.minimum(out[part], squared(x[part], others[some]).min(axis=1), out=out[part])
    return out


def typical(distances: FloatArray) -> float:
    """Their median, never zero: a pool of copies has no distances at all."""
    return max(float(np.median(distances)), 1e-4)
