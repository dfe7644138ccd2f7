"""The replay of real votes that we claim figures from, on made-up votes."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from benchmarks import quality
from tests.crowds import coins, people_of


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 250)
    votes = people_of(rng, coins(rng.uniform(0.55, 0.9, 20), 3), truth, 8)
    write(
        tmp_path / "labels.csv",
        ["worker", "item", "label"],
        [(f"w{p}", f"i{i}", a) for i, p, a in zip(*votes, strict=True)],
    )
    write(tmp_path / "gold.csv", ["item", "gold"], [(f"i{i}", one) for i, one in enumerate(truth)])
    return tmp_path


def write(path, columns, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def read(folder):
    return quality.read("made-up", folder / "labels.csv", folder / "gold.csv")


def test_the_default_is_as_right_as_five_labels_for_four_fifths_of_them(folder):
    rows = {row["policy"]: row for row in quality.figures(read(folder), orders=2)}
    five, default = rows["fixed 5"], rows["default"]
    assert default["labels_per_item"] <= 0.8 * five["labels_per_item"]
    assert default["accuracy"] >= five["accuracy"] - 0.005
    assert rows["fixed 1"]["labels_per_item"] == 1
    assert rows["two, then lead"]["accuracy_with_lead"] > rows["two, then lead"]["accuracy"]


def test_what_the_default_asks_does_not_depend_on_gold(folder):
    votes = read(folder)
    first = votes.shuffled(np.random.default_rng(1))
    blind = quality.Replay(first.people, first.answers, np.full_like(first.gold, -1), first.n_labels)
    assert np.array_equal(quality.default(first).have, quality.default(blind).have)


def test_a_file_without_a_column_is_refused_by_its_name(tmp_path):
    write(tmp_path / "labels.csv", ["worker", "item"], [("a", "b")])
    with pytest.raises(SystemExit, match=r"labels.csv: has no column label"):
        quality.table(tmp_path / "labels.csv", "worker", "item", "label")
