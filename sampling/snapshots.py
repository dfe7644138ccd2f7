"""What a round knew, as one file, and what follows from it: the same snapshot always gives the same batch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

import numpy as np

from sampling import shards
from sampling.core.arrays import FloatArray, IntArray
from sampling.core.evaluation import Evaluation, evaluate
from sampling.core.loop import Batch, Trained, next_batch, train
from sampling.core.pool import Pool
from sampling.core.settings import Settings

_EMPTY = np.empty(0, np.int64)


@dataclass(frozen=True)
class Snapshot:
    """What a round knew. Rows are rows of the table of its ``shards``, in their order."""

    settings: Settings
    size: int  # items to pick
    seed: tuple[int, ...]
    shards: IntArray  # ids of FeatureShards
    pool: IntArray  # rows that a strategy may pick
    training: IntArray  # rows with a settled label
    targets: FloatArray  # (m, k)
    holdout: IntArray  # rows of the settled hold-out
    truth: FloatArray  # (h, k)
    waiting: IntArray = field(default_factory=_EMPTY.copy)  # rows that somebody is asked about already
    centres: FloatArray | None = None  # clusters of the round before
    model: bool = True  # False: too few labels are known to learn from


@dataclass(frozen=True)
class Outcome:
    """What follows from a snapshot. ``rows`` and ``reserve`` are rows of the table."""

    trained: Trained | None
    figures: Evaluation | None
    batch: Batch | None  # None: nothing is left to pick
    rows: IntArray
    reserve: IntArray
    seconds: dict[str, float]


def compute(
    known: Snapshot, table: shards.Table, step: Callable[[str], None] = lambda _name: None
) -> Outcome:
    """Train, evaluate, score and select; ``step`` is told what begins."""
    rng = np.random.default_rng(known.seed)
    clock = _Clock(step)
    trained = figures = None
    if known.model and len(known.training):
        clock.begin("train")
        trained = train(table[known.training], known.targets, known.settings, rng)
        clock.begin("evaluate")
        proba = trained.champion.proba(table[known.holdout])
        figures = evaluate(proba, known.truth, known.settings.task)
    clock.begin("select")
    batch = _select(known, table, trained, rng)
    if batch is None:
        return Outcome(trained, figures, None, _EMPTY, _EMPTY, clock.end())
    left = np.setdiff1d(np.arange(len(known.pool)), batch.rows)
    best = left[np.argsort(-batch.pool_scores[left], kind="stable")][: reserve_size(known.size)]
    return Outcome(trained, figures, batch, known.pool[batch.rows], known.pool[best], clock.end())


def reserve_size(size: int) -> int:
    """How many next best items stand by, for when people are faster than the next round."""
    return min(2000, max(200, 4 * size))


def _select(
    known: Snapshot, table: shards.Table, trained: Trained | None, rng: np.random.Generator
) -> Batch | None:
    if not len(known.pool):
        return None
    asked = np.concatenate([known.training, known.waiting])
    pool = Pool(
        features=table.only(known.pool),
        labelled=table[asked] if len(asked) else None,
        centres=known.centres,
        targets=known.targets,
    )
    return next_batch(pool, trained, known.size, known.settings, rng)


class _Clock:
    """Seconds that each step took."""

    def __init__(self, step: Callable[[str], None]) -> None:
        self._step, self._name, self._since = step, "", 0.0
        self._seconds: dict[str, float] = {}

    def begin(self, name: str) -> None:
        self.end()
        self._step(name)
        self._name, self._since = name, time.monotonic()

    def end(self) -> dict[str, float]:
        if self._name:
            self._seconds[self._name] = round(time.monotonic() - self._since, 3)
        return self._seconds


def targets(answers: Iterable[Iterable[int]], labels: int) -> FloatArray:
    """Label positions of each row as a matrix (m, labels) of 0 and 1."""
    rows = [tuple(positions) for positions in answers]
    out = np.zeros((len(rows), labels), np.float32)
    for row, positions in enumerate(rows):
        out[row, list(positions)] = 1
    return out


# --- the file ----------------------------------------------------------------------------------------------


def save(path: str, known: Snapshot, picked: IntArray, reserve: IntArray) -> str:
    """Store a snapshot with the item ids that followed from it, and return the path that it got."""
    facts = {"settings": asdict(known.settings), "size": known.size, "seed": known.seed, "model": known.model}
    arrays = {
        "facts": np.array(json.dumps(facts)),
        "shards": known.shards,
        # A bit a row: a pool of a million items takes 125 kB.
        "pool": np.packbits(np.bincount(known.pool, minlength=1).astype(np.bool_)),
        "training": known.training,
        "targets": known.targets.astype(np.uint8),
        "holdout": known.holdout,
        "truth": known.truth.astype(np.uint8),
        "waiting": known.waiting,
        "picked": picked,
        "reserve": reserve,
    }
    if known.centres is not None:
        arrays["centres"] = known.centres
    return shards.save(path, arrays, small=True)


def load(path: str) -> tuple[Snapshot, IntArray, IntArray]:
    """Read a snapshot back, with the item ids that were picked and those of the reserve."""
    arrays = shards.load(path)
    facts = json.loads(str(arrays["facts"]))
    known = Snapshot(
        settings=Settings.from_dict(facts["settings"]),
        size=facts["size"],
        seed=tuple(facts["seed"]),
        model=facts["model"],
        shards=arrays["shards"],
        pool=np.flatnonzero(np.unpackbits(arrays["pool"])),
        training=arrays["training"],
        targets=arrays["targets"].astype(np.float32),
        holdout=arrays["holdout"],
        truth=arrays["truth"].astype(np.float32),
        waiting=arrays["waiting"],
        centres=arrays.get("centres"),
    )
    return known, arrays["picked"], arrays["reserve"]
