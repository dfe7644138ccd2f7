"""The default: cover the pool first, then take the most uncertain of each region."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..clusters import interleaved
from ..coverage import CANDIDATES, LANDMARKS, Landmarks, covering
from ..pool import Pool
from .base import Picks, Scores
from .spread import clustered, unlike

# Until so many rows are labelled or waiting, and so many for each label seen, regions count more than scores.
COVER_UNTIL: Final = 200
COVER_EACH: Final = 6
# The model's lead is real when it is so many standard errors.
SURE: Final = 2.0


def default(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """Cover uncertain regions until the model is worth listening to, then ask the most uncertain by region.

    What was tried and left out: docs/sampling.md.
    """
    return (clustered if listens(pool) else covered)(scores, pool, size, rng)


def listens(pool: Pool) -> bool:
    """Whether enough is labelled for so many labels, and the model surely beats naming the commonest one.

    By what its recipe says of labelled rows out of fold: a model that noise or weak features keep from
    learning is not asked where it is unsure, for it is so everywhere.
    """
    known = 0 if pool.labelled is None else len(pool.labelled)
    seen = 0 if pool.targets is None else int((pool.targets.max(axis=0, initial=0) > 0).sum())
    if known < max(COVER_UNTIL, COVER_EACH * seen):
        return False
    if pool.targets is None or pool.held_out is None or pool.task == "multi":
        return True
    judged = np.flatnonzero(~np.isnan(pool.held_out).any(axis=1))
    if not len(judged):
        return True
    truth = pool.targets[judged].argmax(axis=1)
    right = pool.held_out[judged].argmax(axis=1) == truth
    gain = right.astype(np.float32) - (truth == np.bincount(truth).argmax())
    return bool(gain.mean() > SURE * gain.std() / np.sqrt(len(gain)))


def covered(scores: Scores, pool: Pool, size: int, rng: np.random.Generator) -> Picks:
    """The rows that cover most of what is uncertain, each cluster giving its share, rounded up, at most."""
    some = np.sort(rng.permutation(len(pool))[:CANDIDATES])
    new = unlike(pool.features[some], pool.labelled, pool.alike)
    if new.sum() >= size:  # Copies of what is labelled come only when nothing else is left.
        some = some[new]
    marks = np.sort(rng.permutation(len(pool))[:LANDMARKS])
    landmarks = Landmarks.of(pool.features[marks], scores.score[marks], pool.labelled)
    places = -(-np.bincount(scores.cluster) * size // len(pool))
    rows = some[covering(pool.features[some], landmarks, scores.cluster[some], places, size)]
    # Candidates may run out of rows in a cluster that has places left: then the best of the others.
    order = scores.best(2 * size)
    rows = np.concatenate([rows, order[~np.isin(order, rows)][: size - len(rows)]])
    rows = rows[interleaved(scores.cluster[rows], -np.arange(size, dtype=np.float32))]
    return Picks.of(rows, covering=True)
