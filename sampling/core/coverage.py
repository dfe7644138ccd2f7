"""Coverage: pick rows so that every uncertain region of the pool has a picked or labelled row nearby."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from .arrays import BoolArray, FloatArray, IntArray, chunks
from .distances import squared, to_nearest, typical

# Random rows that stand for the pool, and random rows among which the picks are looked for: bounds on memory
# (20 MB) and time whatever the pool's size.
LANDMARKS: Final = 1_000
CANDIDATES: Final = 5_000
# What a landmark weighs at least, so that regions the model is sure of are covered in the end.
LEAST_WEIGHT: Final = 0.01


@dataclass(frozen=True)
class Landmarks:
    """Rows that stand for the pool, what each weighs, and how well the labelled rows cover it."""

    x: FloatArray  # (l, d)
    weights: FloatArray  # (l,)
    covered: FloatArray  # (l,) in [0, 1]
    far: float  # the squared distance at which a row covers 1/e

    @classmethod
    def of(cls, x: FloatArray, weights: FloatArray, labelled: FloatArray | None) -> Landmarks:
        """Landmarks at ``x``. Far is as far as labelled rows typically are: more labels, a finer look.

        Without labelled rows nothing is covered, and far is as far as the landmarks are from each other.
        """
        weights = np.maximum(weights, LEAST_WEIGHT)
        if labelled is None or not len(labelled):
            return cls(x, weights, np.zeros(len(x), np.float32), typical(squared(x, x)))
        distance = to_nearest(x, labelled)
        far = typical(distance)
        return cls(x, weights, np.exp(distance / np.float32(-far)), far)

    def nearness(self, x: FloatArray) -> FloatArray:
        """How well each row of x (n, d) covers each landmark, (n, l) in [0, 1]."""
        nearness = squared(x, self.x)
        nearness /= np.float32(-self.far)
        return np.exp(nearness, out=nearness)


def covering(x: FloatArray, landmarks: Landmarks, cluster: IntArray, places: IntArray, size: int) -> IntArray:
    """At most ``size`` rows of x (n, d) that together cover most weight, best first.

    Each is the row that adds most to what is covered, as long as its cluster has places left: uncertainty
    herding (Bae, Noh & Sutherland 2025) with a quota for each cluster. Gains only ever shrink, so a row is
    looked at again only when its old gain is the largest (lazy greedy, Minoux 1978).
    """
    nearness, covered, left = landmarks.nearness(x), landmarks.covered, places.copy()
    gain = np.concatenate(
        [np.maximum(nearness[part] - covered, 0) @ landmarks.weights for part in chunks(len(x), 1_024)]
    )
    gain[left[cluster] <= 0] = -np.inf
    current: BoolArray = np.ones(len(x), np.bool_)
    taken: list[int] = []
    while len(taken) < size:
        row = int(gain.argmax())
        if gain[row] == -np.inf:
            break
        if not current[row]:
            gain[row] = np.maximum(nearness[row] - covered, 0) @ landmarks.weights
            current[row] = True
            continue
        taken.append(row)
        covered = np.maximum(covered, nearness[row])
        current[:] = False
        gain[row] = -np.inf
        left[cluster[row]] -= 1
        if left[cluster[row]] == 0:
            gain[cluster == cluster[row]] = -np.inf
    return np.array(taken, np.int64)
