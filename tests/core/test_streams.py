"""Streams side by side: each has its share, and what one cannot fill goes to the main one."""

from __future__ import annotations

import numpy as np
import pytest

from sampling.core.loop import next_batch
from sampling.core.pool import Pool
from sampling.core.settings import Settings, Stream


def pool(new: list[int] | None = None, n: int = 60) -> Pool:
    x = np.random.default_rng(3).normal(size=(n, 4)).astype(np.float32)
    return Pool(x, new=None if new is None else np.array(new, np.int64))


def picked(of: Pool, *streams: Stream, size: int = 20) -> dict[str, list[int]]:
    batch = next_batch(of, None, size, Settings(streams=streams), np.random.default_rng(1))
    rows: dict[str, list[int]] = {lane.name: [] for lane in batch.lanes}
    for row, lane in zip(batch.rows.tolist(), batch.lane.tolist(), strict=True):
        rows[batch.lanes[lane].name].append(row)
    return rows


@pytest.mark.parametrize("strategy", ["first-batch", "herding", "k-center", "random", "default"])
def test_the_stream_new_picks_among_new_rows_alone(strategy: str):
    found = picked(pool(list(range(40, 60))), Stream("new", strategy, 0.25))
    assert len(found["new"]) == 5
    assert min(found["new"]) >= 40
    assert len(found["main"]) == 15
    assert len({*found["new"], *found["main"]}) == 20


@pytest.mark.parametrize("new", [None, [], [7]])
def test_what_the_stream_new_cannot_fill_goes_to_the_main_stream(new: list[int] | None):
    found = picked(pool(new), Stream("new", "first-batch", 0.25))
    assert found["new"] == (new or [])
    assert len(found["main"]) == 20 - len(new or [])


def test_shares_are_kept_and_no_row_comes_twice():
    found = picked(pool(), Stream("rare", "rare", 0.15), Stream("control", "random", 0.15))
    assert {name: len(rows) for name, rows in found.items()} == {"control": 3, "rare": 3, "main": 14}
    assert len({row for rows in found.values() for row in rows}) == 20
