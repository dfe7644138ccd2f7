"""Squared distances between rows, a matrix product at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import FloatArray, IntArray, chunks


def lengths(x: FloatArray) -> FloatArray:
    """The squared length of each row of x (n, d): (n,)."""
    return np.asarray(np.einsum("ij,ij->i", x, x), np.float32)


def squared(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared distances between all rows of a (n, d) and b (m, d), as (n, m)."""
    return Located.at(a).apart(Located.at(b))


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


@dataclass(frozen=True)
class Located:
    """Rows x (n, d) with their squared lengths (n,), which distances need again and again."""

    x: FloatArray
    length: FloatArray

    @classmethod
    def at(cls, x: FloatArray) -> Located:
        """These rows."""
        return cls(x, lengths(x))

    def only(self, rows: slice | IntArray) -> Located:
        """Some of them."""
        return Located(self.x[rows], self.length[rows])

    def apart(self, others: Located) -> FloatArray:
        """Squared distances to others, (n, m)."""
        out = self.x @ (-2 * others.x.T)
        out += self.length[:, None]
        out += others.length
        return np.asarray(np.maximum(out, 0, out=out))
