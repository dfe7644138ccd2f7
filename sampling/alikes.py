"""Look-alikes of what a round picked: open items that people may label together with it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from projects.models import Item, Project
from projects.queue import Pick
from sampling.core.arrays import BoolArray, FloatArray, IntArray, chunks
from sampling.core.learners import Model
from sampling.shards import Table
from sampling.snapshots import Outcome, Snapshot

# Kept for each pick; looked at before the model has its say.
MOST: Final = 20
NEAREST: Final = 64
# At least so alike (cosine), and more so than this share of random pairs of the pool: features differ in what
# is usual. See docs/sampling.md for how often such items have the same label.
LEAST: Final = 0.6
UNUSUAL: Final = 0.99
PAIRS: Final = 2_000
# What bounds the cost: so many picks, first ones first, each among so many rows of its own region.
PICKS: Final = 500
AMONG: Final = 16_384
# Sets these random numbers apart from all others of a round.
SEED: Final = 3

Alikes = dict[int, list[int]]


def of_round(project: Project, known: Snapshot, outcome: Outcome, table: Table) -> Alikes:
    """Look-alikes of each pick by item id, most alike first.

    What a round picked stays as it is, and the same snapshot gives the same look-alikes of the same items.
    """
    if outcome.batch is None or not len(outcome.rows):
        return {}
    began = time.monotonic()
    secret = Item.objects.filter(project=project, gold__isnull=False).values_list("pk", flat=True)
    found = search(known, outcome, table, table.rows_of(np.array(list(secret), np.int64)))
    outcome.seconds["alike"] = round(time.monotonic() - began, 3)
    return {int(table.items[row]): table.items[rows].tolist() for row, rows in found.items()}


def told(picks: Iterable[Pick], alike: Alikes) -> list[Pick]:
    """The same picks, each with its look-alikes in its reason."""
    return [
        replace(one, reason={**one.reason, "alike": alike[one.item_id]}) if one.item_id in alike else one
        for one in picks
    ]


def search(known: Snapshot, outcome: Outcome, table: Table, never: IntArray) -> dict[int, IntArray]:
    """Rows of the table that are alike to each picked row, most alike first; ``never`` on either side.

    Only rows of the pool in the pick's own region, on which the model in use, if any, says the same.
    """
    batch = outcome.batch
    assert batch is not None
    rng = np.random.default_rng([*known.seed, SEED])
    least = threshold(table, known.pool, rng)
    picked = np.flatnonzero(~np.isin(outcome.rows, never))[:PICKS]
    found: dict[int, IntArray] = {}
    for cluster in np.unique(batch.clusters[picked]):
        among = known.pool[batch.pool_clusters == cluster]
        among = among[~np.isin(among, never)]
        if len(among) > AMONG:
            among = np.sort(rng.choice(among, AMONG, replace=False))
        mine = outcome.rows[picked[batch.clusters[picked] == cluster]]
        found |= nearest(table, mine, among, least)
    return _agreed(found, table, known.settings.task, _model(outcome))


def threshold(table: Table, pool: IntArray, rng: np.random.Generator) -> float:
    """The cosine from which two rows are alike in these features."""
    one, other = rng.choice(pool, PAIRS), rng.choice(pool, PAIRS)
    pairs = np.einsum("ij,ij->i", table[one], table[other])[one != other]
    return max(LEAST, float(np.quantile(pairs, UNUSUAL))) if len(pairs) else LEAST


def nearest(table: Table, rows: IntArray, among: IntArray, least: float) -> dict[int, IntArray]:
    """Of each row the nearest others among some that are at least so alike (cosine), nearest first."""
    found: dict[int, IntArray] = {}
    x = table[among]
    for part in chunks(len(rows), 64):
        likeness = table[rows[part]] @ x.T
        for row, near in zip(rows[part].tolist(), likeness, strict=True):
            close = np.flatnonzero((near >= least) & (among != row))
            if len(close):
                found[row] = among[close[np.argsort(-near[close], kind="stable")[:NEAREST]]]
    return found


def _model(outcome: Outcome) -> Model | None:
    return outcome.learnt.serving.champion if outcome.learnt else None


def _agreed(found: dict[int, IntArray], table: Table, task: str, model: Model | None) -> dict[int, IntArray]:
    """Only those on which the model says the same as on the pick itself."""
    if model is None or not found:
        return {row: near[:MOST] for row, near in found.items()}
    asked = np.unique(np.concatenate([np.array(list(found), np.int64), *found.values()]))
    said = _says([model.proba(table[asked[part]]) for part in chunks(len(asked))], task)
    kept = {}
    for row, near in found.items():
        own = said[np.searchsorted(asked, row)]
        same = near[(said[np.searchsorted(asked, near)] == own).all(axis=1)][:MOST]
        if len(same):
            kept[row] = same
    return kept


def _says(proba: Sequence[FloatArray], task: str) -> BoolArray:
    """Which labels a model gives each row (n, k): the likeliest, or of several those likelier than not."""
    every = np.concatenate(proba)
    if task == "multi":
        return np.asarray(every >= 0.5)
    out = np.zeros(every.shape, np.bool_)
    out[np.arange(len(every)), every.argmax(axis=1)] = True
    return out
