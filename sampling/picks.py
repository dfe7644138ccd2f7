"""From rows to queue entries: which item each pick is, its stream, and why it was picked."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from projects.models import QueueEntry
from projects.queue import Pick
from sampling.core.arrays import IntArray
from sampling.core.loop import Batch, Lane
from sampling.core.settings import MAIN, NEW
from sampling.core.strategies import FIRST
from sampling.snapshots import Outcome, Snapshot

_Stream = QueueEntry.Stream
RARE: Final = "rare"
RANDOM: Final = "random"


def picks(known: Snapshot, outcome: Outcome, items: IntArray) -> list[Pick]:
    """The batch in serving order, then the reserve. ``items`` gives each row of the table its item's id."""
    number = known.seed[-1]
    chosen = [*_doubted(known, outcome, items), *_reported(known)]
    batch = outcome.batch
    if batch is None:
        return chosen
    reasons = _reasons(batch, outcome, number)
    lanes = batch.lane.tolist()
    rows = zip(items[outcome.rows].tolist(), lanes, reasons, strict=True)
    chosen += [Pick(item, stream_of(batch.lanes[lane]), reason) for item, lane, reason in rows]
    by_item = {"why": "next_best", "round": number, "strategy": batch.strategy}
    reserve = [Pick(item, _Stream.RESERVE, by_item) for item in items[outcome.reserve].tolist()]
    return chosen + reserve


def streams(known: Snapshot, outcome: Outcome) -> dict[str, int]:
    """How many items each stream of a batch gave, by its name in the policy."""
    batch = outcome.batch
    counts = Counter(batch.lanes[lane].name for lane in batch.lane.tolist()) if batch else Counter()
    found = {lane.name: counts[lane.name] for lane in batch.lanes} if batch else {}
    if known.checks or len(known.reported):
        found[_Stream.CHECK.value] = len(outcome.suspects) + len(known.reported)
    return found


def stream_of(lane: Lane) -> str:
    """The stream that a queue entry names: what a lane is called, or else what it does."""
    if lane.name == MAIN:
        return _Stream.FIRST if lane.strategy.name == FIRST.name else _Stream.STRATEGY
    if lane.name == NEW:
        return _Stream.NEW
    if lane.name == RARE or lane.strategy.name == RARE:
        return _Stream.RARE
    return _Stream.CONTROL if lane.strategy.name == RANDOM else _Stream.STRATEGY


def _doubted(known: Snapshot, outcome: Outcome, items: IntArray) -> list[Pick]:
    """Settled items whose label is likely wrong, with the positions of that label."""
    place = {row: at for at, row in enumerate(known.training.tolist())}
    found = []
    for row, item in zip(outcome.suspects.tolist(), items[outcome.suspects].tolist(), strict=True):
        given = np.flatnonzero(known.targets[place[row]]).tolist()
        reason = {"why": "mislabelled", "round": known.seed[-1], "given": given}
        found.append(Pick(item, _Stream.CHECK, reason))
    return found


def _reported(known: Snapshot) -> list[Pick]:
    reason = {"why": "feedback", "round": known.seed[-1]}
    return [Pick(item, _Stream.CHECK, reason) for item in known.reported.tolist()]


def _reasons(batch: Batch, outcome: Outcome, number: int) -> list[dict[str, Any]]:
    """One reason a pick; plain numbers, rounded, because they are kept for ever."""
    sizes = np.bincount(batch.pool_clusters, minlength=1)
    spread = len(sizes) > 1
    found = []
    for i, lane in enumerate(batch.lanes[number] for number in batch.lane.tolist()):
        reason: dict[str, Any] = {"why": _why(lane, covering=bool(batch.covering[i])), "round": number}
        reason["strategy"] = lane.strategy.name
        if lane.name != MAIN:
            reason["stream"] = lane.name
        reason["score"] = round(float(batch.scores[i]), 4)
        if spread:
            cluster = int(batch.clusters[i])
            reason["cluster"], reason["cluster_size"] = cluster, int(sizes[cluster])
            if outcome.cluster_labelled is not None:
                reason["cluster_labelled"] = int(outcome.cluster_labelled[cluster])
        if batch.top.shape[1]:
            shares = zip(batch.top[i].tolist(), batch.top_proba[i].tolist(), strict=True)
            reason["top"] = [[position, round(share, 4)] for position, share in shares]
            reason["disagreement"] = round(float(batch.disagreement[i]), 4)
        found.append(reason)
    return found


def _why(lane: Lane, *, covering: bool) -> str:
    """What a lane says of a pick: see ``projects.reasons``."""
    stream, strategy = stream_of(lane), lane.strategy
    if stream in (_Stream.CONTROL, _Stream.RARE, _Stream.NEW):
        return str(stream)
    if strategy.name in (FIRST.name, RANDOM):
        return "first" if strategy.name == FIRST.name else RANDOM
    if covering:
        return "covers"
    return {"nothing": "spread", "committee": "split", "model": "unsure"}[strategy.needs]
