"""Harder pools made of easy ones: some labels only, a rare label, labels of very different sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Scarcity:
    """What of a data set is left: ``labels`` alone, those of ``rare`` as a share, the others uneven.

    ``imbalance`` is how many times as common the commonest label is as the rarest; labels between fall off
    evenly (in logarithms), in random order.
    """

    labels: tuple[str, ...] = ()
    rare: Mapping[str, float] = field(default_factory=dict)
    imbalance: float = 1.0

    def __post_init__(self) -> None:
        for label, share in self.rare.items():
            if not 0 < share < 1:
                raise ValueError(f"rare has {label} at {share}, but a share must lie between 0 and 1")
        if not 1 <= self.imbalance < np.inf:
            raise ValueError(f"imbalance is {self.imbalance}, but must be at least 1")
        if len(set(self.labels)) == 1:
            raise ValueError("labels has one name; two at least are needed")

    @property
    def harmless(self) -> bool:
        """Whether everything is left as it is."""
        return not self.labels and not self.rare and self.imbalance == 1

    def rows(self, targets: FloatArray, labels: list[str], rng: np.random.Generator) -> IntArray:
        """The rows (m,) that are left of targets (n, k), in their order. A row counts by its first label.

        Raises ValueError for a name that is not in ``labels``, or where nothing of a label would be left.
        """
        unknown = [name for name in (*self.labels, *self.rare) if name not in labels]
        if unknown:
            raise ValueError(f"there is no label {unknown[0]!r}; there are: {_few(labels)}")
        left = np.ones(len(targets), np.bool_)
        if self.labels:
            others = [place for place, name in enumerate(labels) if name not in self.labels]
            left = (targets[:, others].sum(axis=1) == 0) & (targets.sum(axis=1) > 0)
        first = np.where(targets.sum(axis=1) > 0, targets.argmax(axis=1), -1)
        if self.imbalance > 1:
            left = _uneven(first, left, self.imbalance, rng)
        return np.flatnonzero(self._thinned(targets, left, labels, rng))

    def _thinned(
        self, targets: FloatArray, left: BoolArray, labels: list[str], rng: np.random.Generator
    ) -> BoolArray:
        named = np.array([labels.index(name) for name in self.rare], np.int64)
        if not len(named):
            return left
        plain = int((left & (targets[:, named].sum(axis=1) == 0)).sum())
        rest = 1 - sum(self.rare.values())
        if rest <= 0 or not plain:
            raise ValueError("rare leaves no place for other labels")
        left = left.copy()
        for name, share in self.rare.items():
            mine = np.flatnonzero(left & (targets[:, labels.index(name)] > 0))
            wanted = round(plain * share / rest)
            if not wanted or not len(mine):
                raise ValueError(f"rare would leave nothing of {name}: {share:.2%} of {len(targets)} items")
            left[rng.permutation(mine)[wanted:]] = False
        return left


def _uneven(first: IntArray, left: BoolArray, imbalance: float, rng: np.random.Generator) -> BoolArray:
    sizes = np.bincount(first[left & (first >= 0)])
    present = rng.permutation(np.flatnonzero(sizes))
    wish = imbalance ** -(np.arange(len(present)) / max(len(present) - 1, 1))
    # As many items as can be had in these proportions.
    scale = float((sizes[present] / wish).min())
    out = left.copy()
    for label, share in zip(present, wish, strict=True):
        mine = np.flatnonzero(left & (first == label))
        out[rng.permutation(mine)[max(1, round(scale * share)) :]] = False
    return out


def _few(names: list[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")
