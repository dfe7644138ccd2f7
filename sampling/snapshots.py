"""What a round knew, as one file, and what follows from it: the same snapshot always gives the same batch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final

import numpy as np

from sampling import shards
from sampling.core.arrays import CHUNK, FloatArray, IntArray, State, chunks
from sampling.core.evaluation import Evaluation, evaluate
from sampling.core.loop import Batch, Trained, Turn, prepared, score_shard, select, train
from sampling.core.pool import Pool
from sampling.core.settings import Settings
from sampling.core.strategies import Scores

_EMPTY = np.empty(0, np.int64)
# Sets the random numbers of shards apart from all others of a round.
SCORING: Final = 1


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
    shard_rows: int = CHUNK  # rows of the pool that are scored at a time


@dataclass(frozen=True)
class Outcome:
    """What follows from a snapshot. ``rows`` and ``reserve`` are rows of the table."""

    trained: Trained | None
    figures: Evaluation | None
    batch: Batch | None  # None: nothing is left to pick
    rows: IntArray
    reserve: IntArray
    seconds: dict[str, float]


@dataclass(frozen=True)
class Job:
    """A pool that is ready to be scored, shard by shard, in any order and anywhere."""

    known: Snapshot
    turn: Turn
    pools: tuple[Pool, ...]  # one a lane

    @property
    def parts(self) -> list[slice]:
        """The shards, as rows of the pool."""
        return chunks(len(self.known.pool), self.known.shard_rows)

    def score(self, part: slice) -> tuple[Scores, ...]:
        """Score one shard for each lane. Its random numbers are its own, so whoever does it gets the same."""
        rng = np.random.default_rng([*self.known.seed, SCORING, part.start])
        return score_shard(self.pools[-1].features[part], self.pools, self.turn, rng)


# Scores all shards of a job, in order.
Scorer = Callable[[Job], Sequence[tuple[Scores, ...]]]


def in_process(job: Job) -> Sequence[tuple[Scores, ...]]:
    """Score one shard after the other, here."""
    return [job.score(part) for part in job.parts]


def compute(
    known: Snapshot,
    table: shards.Table,
    step: Callable[[str], None] = lambda _name: None,
    scorer: Scorer = in_process,
) -> Outcome:
    """Train, evaluate, score and select; ``step`` is told what begins, ``scorer`` sees to the shards."""
    rng = np.random.default_rng(known.seed)
    clock = _Clock(step)
    trained = figures = None
    if known.model and len(known.training):
        clock.begin("train")
        trained = stored(train(table[known.training], known.targets, known.settings, rng))
        clock.begin("evaluate")
        proba = trained.champion.proba(table[known.holdout])
        figures = evaluate(proba, known.truth, known.settings.task)
    if not len(known.pool):
        return Outcome(trained, figures, None, _EMPTY, _EMPTY, clock.end())
    clock.begin("score")
    turn = Turn(trained, known.size, known.settings)
    job = Job(known, turn, prepared(pool_of(known, table), turn, rng))
    scores = [Scores.joined(of_lane) for of_lane in zip(*scorer(job), strict=True)]
    clock.begin("select")
    batch = select(scores, job.pools, turn, rng)
    left = np.setdiff1d(np.arange(len(known.pool)), batch.rows)
    best = left[np.argsort(-batch.pool_scores[left], kind="stable")][: reserve_size(known.size)]
    return Outcome(trained, figures, batch, known.pool[batch.rows], known.pool[best], clock.end())


def stored(trained: Trained) -> Trained:
    """The models as they come back from a file: whoever reads them there gets the same to the last bit."""
    state = {name: np.array(value, order="C") for name, value in trained.state().items()}
    return replace(Trained.from_state(state), held_out=trained.held_out)


def reserve_size(size: int) -> int:
    """How many next best items stand by, for when people are faster than the next round."""
    return min(2000, max(200, 4 * size))


def pool_of(known: Snapshot, table: shards.Table) -> Pool:
    """The pool as strategies see it, before it has models and centres."""
    asked = np.concatenate([known.training, known.waiting])
    return Pool(
        features=table.only(known.pool),
        labelled=table[asked] if len(asked) else None,
        centres=known.centres,
        targets=known.targets,
    )


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
    return shards.save(path, {**packed(known), "picked": picked, "reserve": reserve}, small=True)


def load(path: str) -> tuple[Snapshot, IntArray, IntArray]:
    """Read a snapshot back, with the item ids that were picked and those of the reserve."""
    arrays = shards.load(path)
    return unpacked(arrays), arrays["picked"], arrays["reserve"]


def packed(known: Snapshot) -> State:
    """A snapshot as arrays."""
    facts = {
        "settings": asdict(known.settings),
        "size": known.size,
        "seed": known.seed,
        "model": known.model,
        "shard_rows": known.shard_rows,
    }
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
    }
    if known.centres is not None:
        arrays["centres"] = known.centres
    return arrays


def unpacked(arrays: State) -> Snapshot:
    """Give back what ``packed`` was given."""
    facts = json.loads(str(arrays["facts"]))
    return Snapshot(
        settings=Settings.from_dict(facts["settings"]),
        size=facts["size"],
        seed=tuple(facts["seed"]),
        model=facts["model"],
        shard_rows=facts["shard_rows"],
        shards=arrays["shards"],
        pool=np.flatnonzero(np.unpackbits(arrays["pool"])),
        training=arrays["training"],
        targets=arrays["targets"].astype(np.float32),
        holdout=arrays["holdout"],
        truth=arrays["truth"].astype(np.float32),
        waiting=arrays["waiting"],
        centres=arrays.get("centres"),
    )
