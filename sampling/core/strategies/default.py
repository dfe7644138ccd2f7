"""The default: cover the pool first, then take the most uncertain of each region."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..clusters import interleaved
from ..coverage import CANDIDATES, LANDMARKS, Landmarks, covering
from ..pool import Pool
from .base import Picks, Scores
from .spread import clustered

# Until so many rows are labelled or waiting, regions count more than scores.
COVER_UNTIL: Final = 200


def default(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """Cover uncertain regions while little is labelled, then ask the most uncertain of each cluster."""
    known = 0 if pool.labelled is None else len(pool.labelled)
    return (covered if known < COVER_UNTIL else clustered)(scores, pool, size, rng)


def covered(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """The rows that cover most of what is uncertain, each cluster giving its share, rounded up, at most."""
    some = np.sort(rng.permutation(len(pool))[:CANDIDATES])
    marks = np.sort(rng.permutation(len(pool))[:LANDMARKS])
    landmarks = Landmarks.of(pool.features[marks], scores.score[marks], pool.labelled)
    places = -(-np.bincount(scores.cluster) * size // len(pool))
    rows = some[covering(pool.features[some], landmarks, scores.cluster[some], places, size)]
    # Candidates may run out of rows in a cluster that has places left: then the best of the others.
    order = scores.best(2 * size)
    rows = np.concatenate([rows, order[~np.isin(order, rows)][: size - len(rows)]])
    rows = rows[interleaved(scores.cluster[rows], -np.arange(size, dtype=np.float32))]
    return Picks.of(rows, covering=True)
