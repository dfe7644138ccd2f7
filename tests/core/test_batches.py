"""What must hold for a batch of every strategy: on odd pools, in pieces, and in memory that does not grow."""

import numpy as np
import pytest

from sampling.core.arrays import CHUNK, unit_rows
from sampling.core.loop import next_batch, train
from sampling.core.pool import Pool
from sampling.core.settings import Settings
from sampling.core.strategies import STRATEGIES


def rng(seed=0):
    return np.random.default_rng(seed)


def trained(x, targets, name, task="single"):
    """Models as a round has them."""
    return train(x, targets, Settings.from_dict({"strategy": name, "task": task}), rng(1))


SPREAD = unit_rows(rng(2).normal(size=(400, 6)).astype(np.float32))
KNOWN = unit_rows(rng(3).normal(size=(24, 6)).astype(np.float32))
THREE = np.eye(3, dtype=np.float32)[np.arange(24) % 3]
ODD = {
    "all rows the same": (np.repeat(SPREAD[:1], 40, axis=0), KNOWN, THREE, "single"),
    "all rows labelled already": (np.repeat(KNOWN, 2, axis=0), KNOWN, THREE, "single"),
    "fewer rows than places": (SPREAD[:5], KNOWN, THREE, "single"),
    "one row": (SPREAD[:1], KNOWN, THREE, "single"),
    "no rows": (SPREAD[:0], KNOWN, THREE, "single"),
    "one label alone": (SPREAD, KNOWN, np.eye(1, 3, dtype=np.float32).repeat(24, axis=0), "single"),
    "rows of zeros": (np.zeros((30, 6), np.float32), np.zeros((24, 6), np.float32), THREE, "single"),
    "nothing labelled": (SPREAD, None, None, "single"),
    "several labels an item": (SPREAD, KNOWN, (rng(4).random((24, 3)) < 0.4).astype(np.float32), "multi"),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_fills_a_batch_from_an_odd_pool(name, odd):
    x, known, targets, task = ODD[odd]
    models = None if targets is None else trained(known, targets, name, task)
    settings = Settings.from_dict({"strategy": name, "task": task})
    batch = next_batch(Pool(x, known, targets=targets), models, 12, settings, rng(5))
    assert len(set(batch.rows.tolist())) == len(batch.rows) == min(12, len(x))
    assert np.isfinite(batch.scores).all()


class Pieces:
    """Rows that lie in several arrays."""

    def __init__(self, x, size):
        self._parts = [x[start : start + size] for start in range(0, len(x), size)]
        self._size, self.shape = size, x.shape

    def __getitem__(self, rows):
        wanted = np.arange(self.shape[0])[rows]
        if not len(wanted):
            return np.empty((0, self.shape[1]), np.float32)
        return np.stack([self._parts[row // self._size][row % self._size] for row in wanted])


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_batch_does_not_depend_on_how_the_pool_is_cut(name):
    models, settings = trained(KNOWN, THREE, name), Settings(strategy=name)
    batches = [
        next_batch(Pool(x, KNOWN, targets=THREE), models, 15, settings, rng(6)).rows.tolist()
        for x in (SPREAD, Pieces(SPREAD, 7), Pieces(SPREAD, 399))
    ]
    assert batches[0] == batches[1] == batches[2]


class Watched:
    """Rows that remember the largest piece anybody asked for."""

    def __init__(self, x):
        self._x, self.shape, self.most = x, x.shape, 0

    def __getitem__(self, rows):
        found = self._x[rows]
        self.most = max(self.most, len(found))
        return found


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_strategy_reads_more_than_a_shard_at_once(name):
    x = Watched(unit_rows(rng(7).normal(size=(2 * CHUNK + 900, 3)).astype(np.float32)))
    targets = np.eye(3, dtype=np.float32)[np.arange(60) % 3]
    models, settings = trained(x[:60], targets, name), Settings(strategy=name)
    batch = next_batch(Pool(x, x[:60], targets=targets), models, 20, settings, rng(8))
    assert len(batch.rows) == 20
    assert x.most <= CHUNK
