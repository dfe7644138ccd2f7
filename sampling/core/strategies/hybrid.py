"""The hybrid: a weighted sum of scores, each by its rank in the pool; SCORES names what it can be made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import numpy as np
from scipy.stats import rankdata

from ..arrays import FloatArray
from ..committee import consensus_entropy, disagreement, of_committee, pairwise, vote_entropy
from ..pool import Pool, Score
from ..scores import entropy, expected_gradient, least_confidence, margin, typicality, uniform
from .base import Strategy, regions
from .kcenter import remoteness
from .margins import density
from .rare import near_rare
from .spread import diverse

Needs = Literal["nothing", "model", "committee"]


@dataclass(frozen=True)
class Part:
    """A score that can be had row by row, and what it needs."""

    score: Score
    needs: Needs = "model"


SCORES: Final[dict[str, Part]] = {
    "random": Part(uniform, "nothing"),
    "margin": Part(margin),
    "least-confidence": Part(least_confidence),
    "entropy": Part(entropy),
    "expected-gradient": Part(expected_gradient),
    "vote-entropy": Part(of_committee(vote_entropy), "committee"),
    "consensus-entropy": Part(of_committee(consensus_entropy), "committee"),
    "pairwise": Part(of_committee(pairwise), "committee"),
    "bald": Part(of_committee(disagreement), "committee"),
    "density": Part(density),
    "typicality": Part(typicality, "nothing"),
    "remoteness": Part(remoteness, "nothing"),
    "rare": Part(near_rare, "nothing"),
}

# What a hybrid is made of where nothing else is said.
WEIGHTS: Final = {"margin": 1.0, "typicality": 0.5}
_RANK: Final[list[Needs]] = ["nothing", "model", "committee"]


def ranks(values: FloatArray) -> FloatArray:
    """The rank of each value over their number, in (0, 1): the highest nearest to 1; equal ones share one."""
    return np.asarray((rankdata(values, axis=0) - 0.5) / max(len(values), 1), np.float32)


def weights_of(weights: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Names and weights that sum to 1. Raises ValueError on unknown names and weights that make no sum."""
    if unknown := [name for name in weights if name not in SCORES]:
        raise ValueError(f"hybrid names {unknown[0]!r}; known: {', '.join(SCORES)}")
    if wrong := [name for name, weight in weights.items() if not 0 <= weight < np.inf]:
        raise ValueError(f"hybrid gives {wrong[0]!r} the weight {weights[wrong[0]]}; it must be 0 or more")
    total = sum(weights.values())
    if weights and total <= 0:
        raise ValueError("hybrid gives all scores the weight 0; one at least must count")
    return tuple((name, weight / total) for name, weight in weights.items() if weight > 0)


def hybrid(weights: Mapping[str, float] = WEIGHTS) -> Strategy:
    """A strategy of the weighted sum of ranks, without rows that are alike; its score lies in (0, 1).

    Ranks, not values: scores are spread in ways of their own, and a weight should mean the same for each.
    """
    parts = weights_of(weights or WEIGHTS)
    asked: list[Needs] = [SCORES[name].needs for name, _ in parts]
    needs = max(asked, key=_RANK.index)
    return Strategy(
        "hybrid",
        partial(_columns, parts),
        diverse,
        needs=needs,
        clusters=regions,
        combine=partial(_combined, np.array([weight for _, weight in parts], np.float32)),
    )


def _columns(parts: tuple[tuple[str, float], ...], pool: Pool, rng: np.random.Generator) -> FloatArray:
    return np.stack([SCORES[name].score(pool, rng) for name, _ in parts], axis=1)


def _combined(weights: FloatArray, columns: FloatArray) -> FloatArray:
    return np.asarray(ranks(columns) @ weights, np.float32)
