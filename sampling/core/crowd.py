"""Annotators who err: what several of them would say of each item, and what their votes settle on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from .arrays import FloatArray, IntArray
from .learners import Task

# Which wrong label an annotator gives: any, or rather one whose items look like the item's own label's.
Mistakes = Literal["uniform", "alike"]
MISTAKES: Final[tuple[str, ...]] = get_args(Mistakes)


@dataclass(frozen=True)
class Crowd:
    """``overlap`` annotators answer each item; each answer is wrong with probability ``noise``."""

    noise: float = 0.0
    overlap: int = 1
    mistakes: Mistakes = "uniform"

    def __post_init__(self) -> None:
        if not 0 <= self.noise < 1:
            raise ValueError(f"noise is {self.noise}, but must lie in [0, 1)")
        if not 1 <= self.overlap <= 99:
            raise ValueError(f"overlap is {self.overlap}, but must lie between 1 and 99")
        if self.mistakes not in MISTAKES:
            raise ValueError(f"mistakes is {self.mistakes!r}; known: {', '.join(MISTAKES)}")

    def said(
        self, x: FloatArray, targets: FloatArray, task: Task, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """What the votes settle on (n, k) of 0 and 1, and its posterior (n,) in (0, 1].

        All is drawn beforehand, item by item: whatever picks an item, it gets the same answers.
        """
        if not self.noise:
            return targets, np.ones(len(targets), np.float32)
        if task == "multi":
            return self._sets(targets, rng)
        return self._choices(x, targets, rng)

    def _choices(
        self, x: FloatArray, targets: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        n, k = targets.shape
        truth = targets.argmax(axis=1)
        wrong = rng.random((n, self.overlap)) < self.noise
        # Each label's others, the likeliest mistake first.
        others = _others(x, truth, k)
        if self.mistakes == "uniform":
            place = rng.integers(k - 1, size=wrong.shape)
        else:  # Half of the mistakes go to the label most alike, a quarter to the next, and so on.
            place = np.minimum(rng.geometric(0.5, wrong.shape) - 1, k - 2)
        given = np.where(wrong, others[truth[:, None], place], truth[:, None])
        votes = np.zeros((n, k), np.float32)
        np.add.at(votes, (np.arange(n)[:, None], given), 1)
        posterior = _posterior(votes, self.noise)
        # Ties are decided by lot.
        settled = (posterior + 1e-6 * rng.random((n, k))).argmax(axis=1)
        return np.eye(k, dtype=np.float32)[settled], posterior[np.arange(n), settled]

    def _sets(self, targets: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """A wrong answer in multi-label has one label too many or too few; each label has its majority."""
        n, k = targets.shape
        wrong = rng.random((n, self.overlap)) < self.noise
        place = rng.integers(k, size=wrong.shape)
        flips = np.zeros((n, k), np.float32)
        np.add.at(flips, (np.arange(n)[:, None], place), wrong.astype(np.float32))
        share = flips / self.overlap
        flipped = (share > 0.5) | ((share == 0.5) & (rng.random((n, k)) < 0.5))
        agreed = np.maximum(share, 1 - share).min(axis=1)
        return np.where(flipped, 1 - targets, targets).astype(np.float32), agreed.astype(np.float32)


def _posterior(votes: FloatArray, noise: float) -> FloatArray:
    """Of each label given the votes (n, k), if annotators err alike and no label is expected before."""
    k = votes.shape[1]
    weight = np.log((1 - noise) * (k - 1) / noise)
    evidence = votes * np.float32(weight)
    odds = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def _others(x: FloatArray, truth: IntArray, k: int) -> IntArray:
    """For each label (k) all others (k - 1), those with the most alike mean features first."""
    means = np.zeros((k, x.shape[1]), np.float32)
    np.add.at(means, truth, x)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    likeness = means @ means.T
    np.fill_diagonal(likeness, -np.inf)
    return np.argsort(-likeness, axis=1, kind="stable")[:, : k - 1]
