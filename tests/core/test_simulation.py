"""Simulation: curves by hand, one test part for all, files read with care, and the command itself."""

import csv
import gzip
import io
import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from sampling.core import known, simulation
from sampling.core.arrays import unit_rows
from sampling.core.evaluation import evaluate
from sampling.core.simulation import Plan, Run


def rng(seed=0):
    return np.random.default_rng(seed)


def data(n=160, k=3):
    positions = rng().integers(k, size=n)
    return unit_rows((np.eye(8)[positions] + rng(1).normal(0, 0.3, (n, 8))).astype(np.float32)), positions


def curve(strategy, accuracy, seed=0):
    return Run(strategy, seed, [10, 20, 30], accuracy, accuracy)


# --- the loop ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["random", "default"])
def test_a_run_spends_its_budget_batch_by_batch_and_repeats_itself(strategy):
    x, positions = data()
    plan = Plan(initial=10, batch=15, budget=50)
    run = simulation.run(x, positions, plan, strategy, seed=3)
    assert run.labels == [10, 25, 40, 50]
    assert len(run.accuracy) == len(run.macro_f1) == 4
    assert run.accuracy[-1] > 0.8
    assert simulation.run(x, positions, plan, strategy, seed=3) == run


def test_a_small_pool_ends_the_run_early():
    x, positions = data(30)
    assert simulation.run(x, positions, Plan(), "default", seed=0).labels == [20, 21]


def test_the_test_part_is_the_same_for_every_strategy_and_never_learned_from(monkeypatch):
    seen = []

    def watched(proba, targets, task):
        seen.append(targets)
        return evaluate(proba, targets, task)

    monkeypatch.setattr("sampling.core.simulation.evaluate", watched)
    x, positions = data()
    for strategy in ("random", "default", "margin"):
        simulation.run(x, positions, Plan(initial=10, budget=10), strategy, seed=5)
    assert len(seen) == 3
    assert (seen[0] == seen[1]).all()
    assert (seen[0] == seen[2]).all()
    learn, test = simulation.parts(160, 0.3, 5)
    assert len(test) == 48
    assert sorted([*learn, *test]) == list(range(160))


# --- the summary -------------------------------------------------------------------------------------------


def test_the_summary_by_hand():
    runs = [
        curve("random", [0.2, 0.4, 0.6]),
        curve("random", [0.4, 0.6, 0.8], 1),
        curve("default", [0.4, 0.8, 0.9]),
    ]
    found = simulation.summary(runs)
    # Random's mean curve is .3, .5, .7; the default passes .7 three quarters of the way from 10 to 20.
    assert found["random"] == {"area": 0.5, "labels_for_random_at_budget": 30.0, "ratio": 1.0}
    assert found["default"] == {"area": 0.725, "labels_for_random_at_budget": 17.5, "ratio": 0.583}


def test_what_never_reaches_random_has_no_ratio():
    found = simulation.summary([curve("random", [0.2, 0.4, 0.6]), curve("margin", [0.2, 0.4, 0.5])])
    assert found["margin"]["ratio"] is found["margin"]["labels_for_random_at_budget"] is None


def test_without_random_there_is_nothing_to_compare_with():
    assert simulation.summary([curve("margin", [0.2, 0.4, 0.5])])["margin"]["ratio"] is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strategies": ("random", "luck")}, r"strategies has \['luck'\]; known: default, random"),
        ({"initial": 0}, "initial is 0"),
        ({"budget": 5}, "budget 5"),
        ({"test": 1.0}, r"test is 1\.0, but must lie between 0 and 1"),
    ],
)
def test_plans_that_make_no_sense_are_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        Plan(**wrong)


# --- files -------------------------------------------------------------------------------------------------

ROWS = [{"text": "NA", "label": "b"}, {"text": "two\nlines", "label": "a"}, {"text": "three", "label": ""}]


def written(tmp_path, name, rows=ROWS, columns=("text", "label")):
    path = tmp_path / name
    file = io.StringIO()
    if ".csv" in name:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    else:
        file.write("\n".join(json.dumps(row) for row in rows))
    raw = file.getvalue().encode("utf-8-sig")
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.csv.gz"])
def test_texts_and_labels_are_read_from_every_kind_of_file(tmp_path, name):
    found = known.texts(written(tmp_path, name), "text", "label")
    assert list(found.contents) == ["NA", "two\nlines"]
    assert found.labels == ["a", "b"]
    assert found.positions.tolist() == [1, 0]
    assert found.skipped == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.jsonl", None, r"none\.jsonl is not there"),
        ("a.xlsx", b"", r"a\.xlsx is neither \.jsonl nor \.csv"),
        ("a.jsonl", b'{"text": "a"}', "row 1 has no 'label'; it has: text"),
        ("a.jsonl", b'{"text": "a", "label": "b"}\n{"text"', "row 2 is not JSON"),
        ("a.jsonl", b"[1]", "row 1 is not an object"),
        ("a.jsonl", b'{"text": "a", "label": ["b", "c"]}', "row 1: 'label' holds several values"),
        ("a.csv", b"Text,label\na,b", "there is no column 'text'; there are: Text, label"),
        ("a.csv", b"", "there is no column 'text'; there are: none"),
        ("a.csv", b"text,label\na,b", "has 1 different labels in 1 rows; 2 at least"),
        ("a.csv", "text,label\né,b".encode("latin-1"), "must be UTF-8"),
        ("a.csv.gz", b"not packed", "cannot be read"),
    ],
)
def test_a_bad_file_is_refused_with_the_row_and_the_column(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        known.texts(tmp_path / name, "text", "label")


def pictures(folder, n=24):
    folder.mkdir()
    for i in range(n):
        colour = [(200, 40, 40), (40, 40, 200)][i % 2]
        noise = rng(i).integers(-30, 30, (20, 20, 3)) + np.array(colour)
        Image.fromarray(noise.astype(np.uint8)).save(folder / f"{i}.png")
    return [{"file": f"{i}.png", "label": ["red", "blue"][i % 2]} for i in range(n)]


def test_pictures_are_found_and_the_missing_ones_are_named(tmp_path):
    rows = pictures(tmp_path / "images")
    path = written(tmp_path, "labels.csv", rows, ("file", "label"))
    found = known.pictures(tmp_path / "images", path)
    assert len(found.contents) == 24
    assert found.contents[0].size == (20, 20)
    (tmp_path / "images" / "3.png").write_bytes(b"broken")
    assert found.contents[2:5][1] is None
    (tmp_path / "images" / "5.png").unlink()
    with pytest.raises(ValueError, match=r"1 files of .* are not in .*: 5\.png"):
        known.pictures(tmp_path / "images", path)
    with pytest.raises(ValueError, match="is not a folder"):
        known.pictures(tmp_path / "nowhere", path)


# --- the command -------------------------------------------------------------------------------------------


def simulate(*arguments, **options):
    out, error = io.StringIO(), io.StringIO()
    call_command("simulate", *map(str, arguments), stdout=out, stderr=error, **options)
    return out.getvalue(), error.getvalue()


def test_the_command_writes_all_curves_and_a_table(tmp_path):
    words = [["red", "rose", "wine"], ["blue", "sea", "sky"]]
    rows = [{"text": " ".join(rng(i).choice(words[i % 2], 4)), "label": "rb"[i % 2]} for i in range(60)]
    path = written(tmp_path, "items.jsonl.gz", rows)
    small = ["--initial", 5, "--batch", 5, "--budget", 15, "--seeds", 2, "--limit", 50]
    out, error = simulate("--data", path, *small, "--featurizer", "lsa", "--json", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert [(run["strategy"], run["seed"]) for run in found["runs"]] == [
        ("random", 0), ("random", 1), ("default", 0), ("default", 1)
    ]  # fmt: skip
    assert found["runs"][0].keys() == {"strategy", "seed", "labels", "accuracy", "macro_f1"}
    assert found["runs"][0]["labels"] == [5, 10, 15]
    assert found["summary"]["default"].keys() == {"area", "labels_for_random_at_budget", "ratio"}
    assert "50 items, 2 labels" in error
    assert "4 of 4" in error
    assert "labels for random at 15" in out


def test_the_command_replays_pictures(tmp_path):
    rows = pictures(tmp_path / "images")
    path = written(tmp_path, "labels.csv", rows, ("file", "label"))
    small = ["--initial", 4, "--budget", 4, "--seeds", 1, "--strategies", "margin"]
    out, _ = simulate("--images", tmp_path / "images", "--data", path, *small, "--featurizer", "hog-colour")
    assert "margin" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "none.jsonl"], "none.jsonl is not there."),
        (["--data", "none.jsonl", "--seeds", 0], "seeds and jobs must be at least 1."),
        (["--data", "none.jsonl", "--strategies", "luck"], "strategies has"),
        (["--data", "none.jsonl", "--limit", 1], "limit must be at least 4."),
        (["--data", "none.jsonl", "--json", "nowhere/out.json"], "nowhere is not a folder to write to."),
    ],
)
def test_the_command_explains_what_is_wrong(options, message):
    with pytest.raises(CommandError, match=message):
        simulate(*options)
