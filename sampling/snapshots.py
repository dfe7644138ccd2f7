"""What a round knew, as one file, and what follows from it: the same snapshot always gives the same batch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

from sampling import shards
from sampling.core.arrays import CHUNK, BoolArray, FloatArray, IntArray, State, chunks
from sampling.core.clusters import nearest
from sampling.core.evaluation import Evaluation
from sampling.core.loop import Batch, Trained, Turn, prepared, score_shard, select
from sampling.core.noise import suspects
from sampling.core.pool import Pool
from sampling.core.settings import Settings
from sampling.core.strategies import Scores
from sampling.training import Learnt, learn

_EMPTY = np.empty(0, np.int64)
# Sets the random numbers of shards apart from all others of a round.
SCORING: Final = 1
# The same for what decides between streams.
LOT: Final = 2


@dataclass(frozen=True)
class Snapshot:
    """What a round knew. Rows are rows of the table of its ``shards``, in their order."""

    settings: Settings
    size: int  # items to pick
    seed: tuple[int, ...]
    shards: IntArray  # ids of FeatureShards
    pool: IntArray  # rows that a strategy may pick, rising
    training: IntArray  # rows with a settled label
    targets: FloatArray  # (m, k)
    holdout: IntArray  # rows of the settled hold-out
    truth: FloatArray  # (h, k)
    waiting: IntArray = field(default_factory=_EMPTY.copy)  # rows that somebody is asked about already
    centres: FloatArray | None = None  # clusters of the round before
    fitted_on: int = 0  # rows of the table when they were found
    model: bool = True  # False: too few labels are known to learn from
    shard_rows: int = CHUNK  # rows of the pool that are scored at a time
    weights: FloatArray | None = None  # (m,): how much each label counts; None: all the same
    examples: IntArray = field(default_factory=_EMPTY.copy)  # rows that the admin named
    wanted: IntArray = field(default_factory=_EMPTY.copy)  # positions of the labels that the admin named
    groups: BoolArray | None = None  # (n, q): which of the pool each quota about a field is about
    new: IntArray = field(default_factory=_EMPTY.copy)  # rows of the pool that came in lately
    # Settled items that are asked about again: at most so many, and which of ``training`` they may be.
    checks: int = 0
    checkable: IntArray = field(default_factory=_EMPTY.copy)
    reported: IntArray = field(default_factory=_EMPTY.copy)  # items (ids) that production says were wrong
    champion: str = ""  # file of the model in use, where a new one can be compared with it
    gate: bool = True  # whether a worse model is held back
    slices: dict[str, BoolArray] = field(default_factory=dict)  # of the hold-out, (h,) each


@dataclass(frozen=True)
class Outcome:
    """What follows from a snapshot. ``rows``, ``reserve`` and ``suspects`` are rows of the table."""

    learnt: Learnt | None
    batch: Batch | None  # None: nothing is left to pick
    rows: IntArray
    reserve: IntArray
    seconds: dict[str, float]
    suspects: IntArray = field(default_factory=_EMPTY.copy)  # settled, but likely with a wrong label
    cluster_labelled: IntArray | None = None  # labelled rows in each cluster

    @property
    def trained(self) -> Trained | None:
        """The models that this round trained."""
        return self.learnt.trained if self.learnt else None

    @property
    def figures(self) -> Evaluation | None:
        """How good they are on the hold-out."""
        return self.learnt.figures if self.learnt else None


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
    learnt = learn(known, table, rng, clock.begin)
    doubted = _suspects(known, learnt)
    if not len(known.pool):
        return Outcome(learnt, None, _EMPTY, _EMPTY, clock.end(), doubted)
    clock.begin("score")
    size = max(0, known.size - len(doubted) - len(known.reported))
    lot = float(np.random.default_rng([*known.seed, LOT]).random())
    turn = Turn(learnt.serving if learnt else None, size, known.settings, lot)
    job = Job(known, turn, prepared(pool_of(known, table), turn, rng))
    scores = [Scores.joined(of_lane) for of_lane in zip(*scorer(job), strict=True)]
    clock.begin("select")
    batch = select(scores, job.pools, turn, rng)
    left = np.setdiff1d(np.arange(len(known.pool)), batch.rows)
    best = left[np.argsort(-batch.pool_scores[left], kind="stable")][: reserve_size(known.size)]
    counts = _labelled_by_cluster(job.pools[-1])
    rows = known.pool[batch.rows]
    return Outcome(learnt, batch, rows, known.pool[best], clock.end(), doubted, counts)


def _labelled_by_cluster(pool: Pool) -> IntArray | None:
    """How many rows in each cluster are labelled, or waiting to be."""
    if pool.centres is None or pool.labelled is None:
        return None
    return np.bincount(nearest(pool.labelled, pool.centres)[0], minlength=len(pool.centres))


def _suspects(known: Snapshot, learnt: Learnt | None) -> IntArray:
    """Rows of the table whose settled label is likely wrong, out of those that may be asked about again."""
    most = known.checks - len(known.reported)
    if learnt is None or learnt.trained.held_out is None or most <= 0:
        return _EMPTY
    found = suspects(learnt.trained.held_out, known.targets, known.settings.task, len(known.training))
    return known.training[found[np.isin(found, known.checkable)][:most]]


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
        examples=table[known.examples] if len(known.examples) else None,
        wanted=known.wanted if len(known.wanted) else None,
        groups=known.groups,
        new=np.flatnonzero(np.isin(known.pool, known.new)),
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


def save(path: str, known: Snapshot, items: IntArray, outcome: Outcome) -> str:
    """Store a snapshot with the item ids that followed from it, and return the path that it got.

    ``items`` gives each row of the table its item's id.
    """
    followed = {name: items[getattr(outcome, name)] for name in ("rows", "reserve", "suspects")}
    followed["picked"] = followed.pop("rows")
    return shards.save(path, {**packed(known), **followed}, small=True)


def load(path: str) -> tuple[Snapshot, IntArray, IntArray]:
    """Read a snapshot back, with the item ids that were picked and those of the reserve."""
    arrays = shards.load(path)
    return unpacked(arrays), arrays["picked"], arrays["reserve"]


def suspected(path: str) -> IntArray:
    """The item ids of a snapshot that were asked about again."""
    return shards.load(path)["suspects"]


# What is kept of a snapshot as it is, and what only where it is not empty.
_ARRAYS: Final = ("shards", "training", "holdout", "waiting")
_OPTIONAL: Final = ("centres", "weights", "examples", "wanted", "groups", "new", "checkable", "reported")
_FACTS: Final = ("size", "model", "shard_rows", "checks", "champion", "gate", "fitted_on")


def packed(known: Snapshot) -> State:
    """A snapshot as arrays."""
    facts = {name: getattr(known, name) for name in _FACTS}
    facts |= {"settings": asdict(known.settings), "seed": known.seed, "slices": list(known.slices)}
    arrays = {
        "facts": np.array(json.dumps(facts)),
        # A bit a row: a pool of a million items takes 125 kB.
        "pool": np.packbits(np.bincount(known.pool, minlength=1).astype(np.bool_)),
        "targets": known.targets.astype(np.uint8),
        "truth": known.truth.astype(np.uint8),
        **{name: getattr(known, name) for name in _ARRAYS},
        **{f"slice{i}": rows for i, rows in enumerate(known.slices.values())},
    }
    found = {name: getattr(known, name) for name in _OPTIONAL}
    return arrays | {name: value for name, value in found.items() if value is not None and value.size}


def unpacked(arrays: State) -> Snapshot:
    """Give back what ``packed`` was given."""
    facts: dict[str, Any] = json.loads(str(arrays["facts"]))
    names = facts.pop("slices")
    facts |= {name: arrays[name] for name in (*_ARRAYS, *_OPTIONAL) if name in arrays}
    return Snapshot(
        settings=Settings.from_dict(facts.pop("settings")),
        seed=tuple(facts.pop("seed")),
        pool=np.flatnonzero(np.unpackbits(arrays["pool"])),
        targets=arrays["targets"].astype(np.float32),
        truth=arrays["truth"].astype(np.float32),
        slices={name: arrays[f"slice{i}"] for i, name in enumerate(names)},
        **facts,
    )
