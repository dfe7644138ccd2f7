"""The simulate command: files read with care, runs kept and gone on with, tables, and the plot."""

import csv
import gzip
import io
import json
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from sampling import kept, meter, plots, tables, trials
from sampling.core import known
from sampling.core.featurizers import FEATURIZERS
from sampling.core.known import Columns


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, settings):
    settings.DATA_DIR = tmp_path / "data"


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
    found = known.texts(written(tmp_path, name), Columns())
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
        ("a.jsonl", b'{"text": ["a"], "label": "b"}', "row 1: 'text' holds several values"),
        ("a.jsonl", b'{"text": "a", "label": [["b"]]}', "row 1: 'label' must be a list of names"),
        ("a.jsonl", b'{"text": "a", "label": {"b": 1}}', "row 1: 'label' must be a name or a list"),
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
        known.texts(tmp_path / name, Columns())


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
    found = known.pictures(tmp_path / "images", path, Columns())
    assert len(found.contents) == 24
    assert found.contents[0].size == (20, 20)
    (tmp_path / "images" / "3.png").write_bytes(b"broken")
    assert found.contents[2:5][1] is None
    (tmp_path / "images" / "5.png").unlink()
    with pytest.raises(ValueError, match=r"1 files of .* are not in .*: 5\.png"):
        known.pictures(tmp_path / "images", path, Columns())
    with pytest.raises(ValueError, match="is not a folder"):
        known.pictures(tmp_path / "nowhere", path, Columns())


# --- the command -------------------------------------------------------------------------------------------


def simulate(*arguments, **options):
    out, error = io.StringIO(), io.StringIO()
    call_command("simulate", *map(str, arguments), stdout=out, stderr=error, **options)
    return out.getvalue(), error.getvalue()


WORDS = [["red", "rose", "wine"], ["blue", "sea", "sky"]]
SMALL = [
    "--initial",
    5,
    "--batch",
    5,
    "--budget",
    15,
    "--seeds",
    2,
    "--limit",
    50,
    "--jobs",
    1,
    "--featurizers",
    "lsa",
]


def items(tmp_path, name="items.jsonl.gz", n=60, **more):
    """A file of two kinds of texts."""
    rows = [
        {"text": " ".join(rng(i).choice(WORDS[i % 2], 4)), "label": "rb"[i % 2], **more} for i in range(n)
    ]
    (tmp_path / "colours").mkdir(exist_ok=True)
    return written(tmp_path / "colours", name, rows)


def test_the_command_writes_all_curves_and_a_table(tmp_path):
    path = items(tmp_path)
    out, error = simulate("--data", path, *SMALL, "--json", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert [(run["strategy"], run["seed"]) for run in found["runs"]] == [
        ("random", 0), ("default", 0), ("random", 1), ("default", 1)
    ]  # fmt: skip
    run = found["runs"][0]
    assert (run["labels"], run["data"], run["featurizer"]) == ([5, 10, 15], "colours", "lsa")
    assert found["summary"]["colours"]["default"].keys() >= {"area", "over_random", "over_random_se", "ratio"}
    assert found["found"]["colours"]["random"].keys() == {"b", "r"}
    assert found["sets"]["colours"]["labels"] == {"b": 25, "r": 25} or found["sets"]["colours"]["items"] == 50
    assert "colours: 50 items, 2 labels; features (lsa) computed." in error
    assert "4 of 4: colours · default, logistic, seed 1" in error
    assert "labels for random at 15" in out


def test_a_second_call_finds_the_features_and_gives_the_same_curves(tmp_path):
    path = items(tmp_path)
    simulate("--data", path, *SMALL, "--json", tmp_path / "a.json")
    _, error = simulate("--data", path, *SMALL, "--json", tmp_path / "b.json")
    assert "features (lsa) were there" in error
    first, second = (json.loads((tmp_path / name).read_text())["runs"] for name in ("a.json", "b.json"))
    assert first == second


def test_features_are_kept_by_content_and_featurizer():
    texts = ["red rose", "blue sea", "grey wolf"]
    x, there = kept.features(FEATURIZERS["lsa"], texts)
    again, then = kept.features(FEATURIZERS["lsa"], list(texts))
    assert (there, then) == (False, True)
    assert (x == again).all()
    assert not kept.features(FEATURIZERS["lsa"], texts[::-1])[1]
    assert kept.digest(["ab", "c"]) != kept.digest(["a", "bc"])


def test_resuming_makes_only_the_runs_that_are_missing(tmp_path, monkeypatch):
    path, kept_at = items(tmp_path), tmp_path / "out.json"
    simulate("--data", path, *SMALL, "--json", kept_at, seeds=1)
    made, real = [], trials.one

    def one(task):
        made.append(task.key[3:])
        return real(task)

    monkeypatch.setattr(trials, "one", one)
    more = ["--strategies", "random,default,margin"]
    out, error = simulate("--data", path, *SMALL, "--json", kept_at, "--resume", *more)
    assert "2 of 6 runs are there already." in error
    assert made == [("margin", 0), ("random", 1), ("default", 1), ("margin", 1)]
    assert out.count("margin") == 1
    assert len(json.loads(kept_at.read_text())["runs"]) == 6


def test_ctrl_c_keeps_the_finished_runs_and_says_how_to_go_on(tmp_path, monkeypatch):
    path, kept_at = items(tmp_path), tmp_path / "out.json"
    real = trials.one

    def interrupted(task):
        if task.seed:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr(trials, "one", interrupted)
    with pytest.raises(CommandError, match="Stopped: 2 runs are kept; go on with --resume") as stopped:
        simulate("--data", path, *SMALL, "--json", kept_at)
    assert stopped.value.returncode == 130
    assert len(json.loads(kept_at.read_text())["runs"]) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--batch", 4], "was made with batch 5, not 4"),
        (["--noise", 0.1], "was made with crowd"),
        (["--limit", 40], "was made with limit 50, not 40"),
    ],
)
def test_runs_of_another_plan_are_not_mixed_in(tmp_path, change, message):
    path, kept_at = items(tmp_path), tmp_path / "out.json"
    simulate("--data", path, *SMALL, "--json", kept_at, "--strategies", "random")
    with pytest.raises(CommandError, match=message):
        simulate("--data", path, *SMALL, "--json", kept_at, "--resume", *change)


def test_runs_on_other_items_are_not_mixed_in(tmp_path):
    kept_at = tmp_path / "out.json"
    simulate("--data", items(tmp_path), *SMALL, "--json", kept_at, "--strategies", "random")
    with pytest.raises(CommandError, match="was made with other items of colours"):
        simulate("--data", items(tmp_path, n=55), *SMALL, "--json", kept_at, "--resume")
    kept_at.write_text("{}")
    with pytest.raises(CommandError, match="does not hold runs of this version"):
        simulate("--data", items(tmp_path), *SMALL, "--json", kept_at, "--resume")


def test_runs_side_by_side_are_those_one_after_the_other(tmp_path):
    path = items(tmp_path)
    simulate("--data", path, *SMALL, "--json", tmp_path / "a.json")
    simulate("--data", path, *SMALL, "--json", tmp_path / "b.json", "--jobs", 2)
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()


def test_several_sets_have_a_table_each_one_over_all_and_a_verdict(tmp_path):
    first, second = items(tmp_path), items(tmp_path, "more.csv", n=50)
    plot = tmp_path / "plot.svg"
    out, error = simulate("--data", first, second, *SMALL, "--judge", "default", "--plot", plot)
    assert f"Plot: {plot}\n" in error
    assert "the budget is" not in error
    assert "colours: lsa" in out
    assert "more: lsa" in out
    assert "Over 2 sets" in out
    assert re.search(
        r"Is default at least the best other strategy minus one standard error\? On \d of 2", out
    )
    drawn = ET.parse(tmp_path / "plot.svg").getroot()
    words = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"colours", "more", "default", "random"} <= set(words)


def test_a_budget_that_the_data_cannot_fill_is_said_to_be_shorter(tmp_path):
    options = ["--strategies", "random", "--limit", 30, "--budget", 80]
    out, error = simulate("--data", items(tmp_path), *SMALL, *options, seeds=1)
    assert "colours: the budget is 21 labels instead of 80" in error
    assert "at 21" in out


def test_sets_of_the_same_name_are_told_apart(tmp_path):
    path = items(tmp_path)
    out, _ = simulate("--data", path, path, *SMALL, "--strategies", "random")
    assert "colours-2: lsa" in out


def test_learners_featurizers_noise_quotas_and_rare_labels_in_one_call(tmp_path):
    path = items(tmp_path, n=200)
    options = [
        "--strategies", "random,margin/diverse+random:0.2", "--rare", "b:0.2", "--quota", "b:0.2-0.5",
        "--seek", "b", "--noise", 0.1, "--overlap", 3, "--mistakes", "alike", "--class-weights", "balanced",
    ]  # fmt: skip
    out, error = simulate("--data", path, *SMALL, *options, limit=None)
    assert "colours: 125 items, 2 labels" in error
    assert "b found" in out
    assert "margin/diverse+random:0.2" in out


def test_lists_of_labels_are_simulated_as_sets(tmp_path):
    rows = [
        {"text": " ".join(w[i % 3] for w in WORDS), "label": [["r", "b"], ["r"], []][i % 3]}
        for i in range(60)
    ]
    path = written(tmp_path, "several.jsonl", rows)
    _, error = simulate("--data", path, *SMALL)
    assert "several: 50 items, 2 labels, several an item" in error
    cells = [{"text": row["text"], "label": "|".join(row["label"])} for row in rows]
    _, error = simulate("--data", written(tmp_path, "cells.csv", cells), *SMALL, "--label-separator", "|")
    assert "cells: 40 items, 2 labels, several an item, 20 rows without a label left out" in error


def test_the_command_replays_pictures(tmp_path):
    rows = pictures(tmp_path / "images")
    path = written(tmp_path, "labels.csv", rows, ("file", "label"))
    small = [
        "--initial",
        4,
        "--budget",
        4,
        "--seeds",
        1,
        "--strategies",
        "margin",
        "--featurizers",
        "hog-colour",
    ]
    assert "margin" in simulate("--images", tmp_path / "images", "--data", path, *small)[0]
    beside = [{**row, "file": f"images/{row['file']}"} for row in rows]
    path = written(tmp_path, "beside.csv", beside, ("file", "label"))
    assert "beside: hog-colour" in simulate("--data", path, *small)[0]


def test_arrays_of_pictures_are_read(tmp_path):
    images = rng().integers(255, size=(24, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "tiny.npz", images=images, labels=np.arange(24) % 2, classes=np.array(["cat", "dog"]))
    found = known.arrays(tmp_path / "tiny.npz")
    assert found.labels == ["cat", "dog"]
    assert (np.asarray(found.contents[3]) == images[3]).all()
    np.savez(tmp_path / "tiny.npz", images=images)
    with pytest.raises(ValueError, match="needs arrays named images and labels"):
        known.arrays(tmp_path / "tiny.npz")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "none.jsonl"], "none.jsonl is not there."),
        (["--data", "none.jsonl", "--seeds", 0], "seeds must be at least 1"),
        (["--data", "none.jsonl", "--strategies", "luck"], "strategies has 'luck'"),
        (["--data", "none.jsonl", "--learners", "luck"], "learner is 'luck'"),
        (["--data", "none.jsonl", "--featurizers", "luck"], "featurizer is 'luck'; known: "),
        (
            ["--data", "none.jsonl", "--judge", "margin"],
            "judge is 'margin', but strategies are: random, default",
        ),
        (["--data", "none.jsonl", "--limit", 1], "limit must be at least 4."),
        (["--data", "none.jsonl", "--rare", "a"], "rare 'a' has no share"),
        (["--data", "none.jsonl", "--noise", 1.5], "noise is 1.5"),
        (["--data", "none.jsonl", "--resume"], "resume needs --json"),
        (["--data", "none.jsonl", "--json", "nowhere/out.json"], "nowhere is not a folder to write to."),
        (["--data", "none.jsonl", "--plot", "nowhere/out.svg"], "nowhere is not a folder to write to."),
        (["--data", "none.jsonl", "--plot", "out.png"], r"plot is out\.png, .* ends in \.svg"),
        (["--data", "a.csv", "b.csv", "--images", "x"], "images is for one --data file"),
    ],
)
def test_the_command_explains_what_is_wrong(options, message):
    with pytest.raises(CommandError, match=message):
        simulate(*options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--quota", "z:0.5"], "quota 'z:0.5': there is no label 'z'; there are: b, r"),
        (["--quota", "b:0.5-0.2"], "at_least is 0.5"),
        (["--seek", "z"], "seek: there is no label 'z'"),
        (["--rare", "z:0.5"], "there is no label 'z'"),
        (["--only-labels", "r,z"], "there is no label 'z'"),
        (["--featurizers", "hog-colour"], "has texts, and none of hog-colour is for them"),
    ],
)
def test_labels_and_featurizers_that_the_data_does_not_have_are_refused(tmp_path, options, message):
    with pytest.raises(CommandError, match=message):
        simulate("--data", items(tmp_path), *SMALL, *options)


# --- what is shown -----------------------------------------------------------------------------------------


def test_tables_are_aligned_and_leave_out_columns_of_nothing():
    shown = tables.aligned(["name", "empty", "n"], [["long name", "", "5"], ["b", "", "100"]])
    assert shown.splitlines() == ["name         n", "---------  ---", "long name    5", "b          100"]


def test_a_meter_tells_the_time_that_is_left(monkeypatch):
    clock = iter([0.0, 60.0, 60.0])
    said: list[str] = []
    monkeypatch.setattr("sampling.meter.time.monotonic", lambda: next(clock))
    bar = meter.Meter(said.append, 10, 7, live=True)
    bar.step("a")
    # One of three in a minute: two more minutes.
    assert "8/10  2 min 0 s left  a" in said[0]
    assert said[0].count("█") == 24 * 8 // 10
    assert [meter.span(seconds) for seconds in (45, 200, 7500)] == ["45 s", "3 min 20 s", "2 h 5 min"]


def contrast(one, other):
    """Of two colours, as WCAG 2 defines it."""
    light = []
    for colour in (one, other):
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        light.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(light) + 0.05) / (min(light) + 0.05)


@pytest.mark.parametrize("colour", [*plots.COLOURS, plots.QUIET])
@pytest.mark.parametrize("paper", ["#ffffff", "#16181d"])
def test_curves_can_be_seen_on_light_and_dark(colour, paper):
    assert contrast(colour, paper) >= 3


def test_a_plot_has_a_band_a_curve_and_a_name_for_each_strategy_and_runs_no_script():
    curves = {
        "a<b": plots.Curve([10, 20], [0.5, 0.7], [0.1, 0.05]),
        "random": plots.Curve([10, 20], [0.4, 0.69], quiet=True),
    }
    text = plots.figure([plots.Panel("set & more", curves)], "title", "note")
    drawn = ET.fromstring(text)
    tags = [one.tag.split("}")[1] for one in drawn.iter()]
    assert tags.count("polygon") == 1
    assert tags.count("polyline") == 2
    assert "script" not in tags
    words = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a<b", "random", "set & more", "note"} <= set(words)


def test_names_of_close_curves_are_moved_apart_as_little_as_can_be():
    assert plots.spread([50, 52, 100], 10, 0, 200) == [46, 56, 100]
    assert plots.spread([195, 200], 10, 0, 200) == [190, 200]
    assert plots.spread([10], 10, 0, 200) == [10]
    with pytest.raises(ValueError, match="at least one"):
        plots.figure([], "", "")
