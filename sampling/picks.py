"""From rows to queue entries: which item each pick is, its stream, and why it was picked."""

from __future__ import annotations

from typing import Any

import numpy as np

from projects.models import QueueEntry
from projects.queue import Pick
from sampling.core.arrays import IntArray
from sampling.core.loop import Batch
from sampling.core.strategies import FIRST
from sampling.snapshots import Outcome

_Stream = QueueEntry.Stream


def picks(outcome: Outcome, items: IntArray, number: int) -> list[Pick]:
    """The batch in serving order, then the reserve. ``items`` gives each row of the table its item's id."""
    batch = outcome.batch
    if batch is None:
        return []
    stream = _Stream.FIRST if batch.strategy == FIRST.name else _Stream.STRATEGY
    reasons = _reasons(batch, number)
    chosen = [
        Pick(item, stream, reason) for item, reason in zip(items[outcome.rows].tolist(), reasons, strict=True)
    ]
    by_item = {"why": "next_best", "round": number, "strategy": batch.strategy}
    reserve = [Pick(item, _Stream.RESERVE, by_item) for item in items[outcome.reserve].tolist()]
    return chosen + reserve


def _reasons(batch: Batch, number: int) -> list[dict[str, Any]]:
    """One reason a pick; plain numbers, rounded, because they are kept for ever."""
    sizes = np.bincount(batch.pool_clusters, minlength=1)
    spread = len(sizes) > 1
    found = []
    for i in range(len(batch.rows)):
        reason: dict[str, Any] = {"why": _why(batch), "round": number, "strategy": batch.strategy}
        reason["score"] = round(float(batch.scores[i]), 4)
        if spread:
            reason["cluster"] = int(batch.clusters[i])
            reason["cluster_size"] = int(sizes[batch.clusters[i]])
        if batch.top.shape[1]:
            shares = zip(batch.top[i].tolist(), batch.top_proba[i].tolist(), strict=True)
            reason["top"] = [[position, round(share, 4)] for position, share in shares]
            reason["disagreement"] = round(float(batch.disagreement[i]), 4)
        found.append(reason)
    return found


def _why(batch: Batch) -> str:
    """first: typical of its region, no model asked. random: by chance. unsure: the strategy's score."""
    return {FIRST.name: "first", "random": "random"}.get(batch.strategy, "unsure")
