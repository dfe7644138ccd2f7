"""`manage.py predict`: a row out for each row in, the same answer as inside, and plain refusals."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
import zipfile
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils.timezone import now
from PIL import Image

from projects.files.images import clean
from sampling import features, opinion, predicting, versions
from sampling.models import FeatureSet
from tests.factories import make_items, make_project
from tests.loops import with_model
from tests.versions import make_version

pytestmark = pytest.mark.django_db


def predict(project, file, out, *options):
    said = io.StringIO()
    call_command("predict", str(project.pk), str(file), "--out", str(out), *options, stderr=said)
    return said.getvalue()


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def written(folder, rows, name="in.csv"):
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_table_of_texts_gets_labels_and_probabilities(tmp_path):
    project = with_model()
    texts = ["red apple 900 and cherry", "blue sky 901 over the sea", "red cherry"]
    file = written(tmp_path, [{"id": f"a{n}", "text": text} for n, text in enumerate(texts)])
    said = predict(project, file, tmp_path / "out.jsonl")
    rows = lines(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == ["a0", "a1", "a2"]
    assert [row["label"] for row in rows] == ["red", "blue", "red"]
    for row in rows:
        assert set(row) == {"id", "row", "label", "confidence", "probabilities", "problem"}
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert row["confidence"] == row["probabilities"][row["label"]]
    assert "Model 1 predicted 3 rows" in said


def test_an_item_gets_the_very_probabilities_that_the_pages_show(tmp_path):
    project = with_model()
    item = project.items.get(number=40)
    predict(project, written(tmp_path, [{"text": item.text}]), tmp_path / "out.jsonl")
    (row,) = lines(tmp_path / "out.jsonl")
    for label, share, _ in opinion.opinion(item).top:
        assert row["probabilities"][label.name] == pytest.approx(share, abs=2e-6)


def test_csv_has_a_column_for_each_label(tmp_path):
    project = with_model()
    file = written(tmp_path, [{"text": "red apple", "id": "=x"}])
    predict(project, file, tmp_path / "out.csv", "--with-text")
    (row,) = table(tmp_path / "out.csv")
    assert list(row) == ["id", "row", "text", "label", "confidence", "p: red", "p: blue", "problem"]
    assert (row["id"], row["text"], row["label"]) == ("=x", "red apple", "red")
    predict(project, file, tmp_path / "sheet.csv", "--spreadsheet")
    assert table(tmp_path / "sheet.csv")[0]["id"] == "'=x"


def test_a_row_that_cannot_be_read_keeps_its_place_and_says_why(tmp_path):
    project = with_model()
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": "red apple"}\n{"text": ""}\nnonsense\n{"text": "blue sky"}\n')
    said = predict(project, file, tmp_path / "out.jsonl")
    rows = lines(tmp_path / "out.jsonl")
    assert [(row["row"], row["label"]) for row in rows] == [(1, "red"), (2, None), (3, None), (4, "blue")]
    assert rows[1]["problem"] == "text: The text is empty. Give every row a text, or remove the row."
    assert rows[2]["problem"].startswith("This is not JSON")
    assert rows[0]["problem"] is None
    assert "2 rows could not be read" in said


def test_a_row_that_cannot_be_read_has_its_own_id_or_none(tmp_path):
    project = with_model()
    file = tmp_path / "in.csv"
    file.write_text('id,text\n4,red apple\n3,\n,red cherry\n"a, blue sky\n')
    predict(project, file, tmp_path / "out.csv")
    found = [(row["id"], row["row"], row["label"]) for row in table(tmp_path / "out.csv")]
    assert found[:3] == [("4", "2", "red"), ("3", "3", ""), ("", "4", "")]
    file = tmp_path / "in.jsonl"
    file.write_text('{"id": 2, "text": "red apple"}\nnonsense\n{"id": [1], "text": "blue sky"}\n')
    predict(project, file, tmp_path / "out.jsonl")
    assert [(row["id"], row["label"]) for row in lines(tmp_path / "out.jsonl")] == [
        ("2", "red"), (None, None), (None, None)
    ]  # fmt: skip


def test_rows_without_an_id_column_are_called_by_their_number(tmp_path):
    project = with_model()
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": "red apple"}\nnonsense\n{"text": ""}\n')
    predict(project, file, tmp_path / "out.jsonl")
    assert [row["id"] for row in lines(tmp_path / "out.jsonl")] == ["1", "2", "3"]


def test_the_columns_that_were_taken_are_named(tmp_path):
    project = with_model()
    file = written(tmp_path, [{"a": "x", "b": "a longer red apple", "uid": "7"}])
    said = predict(project, file, tmp_path / "out.csv")
    assert "Texts: column “b”. Ids: column “uid”.\n" in said
    assert "Model 1 predicted 1 row: " in said
    file = written(tmp_path, [{"text": "red apple"}])
    assert "Texts: column “text”. Ids: numbers of rows.\n" in predict(project, file, tmp_path / "out.csv")


def test_several_labels_are_a_list_and_one_cell_in_csv(tmp_path):
    project = ready(make_project(labels=["even", "odd"], task="multi"))
    file = written(tmp_path, [{"text": "both"}, {"text": "none"}])
    predictor = predicting.Predictor.of(project)
    assert predictor.labels == [(0, "even"), (1, "odd")]
    predict(project, file, tmp_path / "out.jsonl")
    first = lines(tmp_path / "out.jsonl")[0]
    shares = first["probabilities"]
    assert first["label"] == [name for name, share in shares.items() if share >= 0.5]
    assert first["confidence"] == pytest.approx(min(max(share, 1 - share) for share in shares.values()))
    predict(project, file, tmp_path / "out.csv")
    assert table(tmp_path / "out.csv")[0]["label"] == " | ".join(first["label"])


def ready(project, weights=None):
    """A project whose model 1 knows word vectors of its items' texts."""
    make_items(project, [f"a text of many words {n}" for n in range(40)])
    project.featurizer = "lsa"
    project.save()
    while features.advance(project, now()):
        pass
    feature_set = project.feature_sets.get()
    weights = np.random.default_rng(0).standard_normal((256, project.labels.count())).astype(np.float32)
    make_version(project, 1, feature_set=feature_set, weights=weights)
    return project


def test_a_label_that_was_retired_is_predicted_no_more(tmp_path):
    project = with_model()
    project.labels.filter(name="red").update(retired_at=now())
    predict(project, written(tmp_path, [{"text": "red apple"}]), tmp_path / "out.jsonl")
    (row,) = lines(tmp_path / "out.jsonl")
    assert row["label"] == "blue"
    assert list(row["probabilities"]) == ["blue"]
    project.labels.update(retired_at=now())
    with pytest.raises(CommandError, match="knows none of the labels that are in use"):
        predict(project, written(tmp_path, [{"text": "red apple"}]), tmp_path / "out.jsonl")


def test_an_older_model_is_asked_by_its_number(tmp_path):
    project = ready(make_project(labels=["a", "b"]))
    feature_set = project.feature_sets.get()
    versions.listed(project).update(state="retired")
    model: Any = predicting.Predictor.of(project, 1).model
    other = -model.weights
    make_version(project, 2, feature_set=feature_set, weights=other)
    file = written(tmp_path, [{"text": f"a text of {n}"} for n in range(5)])
    predict(project, file, tmp_path / "one.jsonl", "--model", "1")
    predict(project, file, tmp_path / "two.jsonl")
    one, two = lines(tmp_path / "one.jsonl"), lines(tmp_path / "two.jsonl")
    assert {row["label"] for row in one + two} == {"a", "b"}
    assert all(a["label"] != b["label"] for a, b in zip(one, two, strict=True))


# --- pictures ----------------------------------------------------------------------------------------------


def picture(shade, kind="PNG"):
    into = io.BytesIO()
    noise = np.random.default_rng(shade).integers(0, 60, (40, 50, 3))
    Image.fromarray((noise + shade).astype(np.uint8)).save(into, kind)
    return into.getvalue()


def of_pictures():
    """A project of pictures with a model, and one item made of a picture."""
    project = make_project(labels=["dark", "light"], media="image", featurizer="hog-colour")
    feature_set = FeatureSet.objects.create(
        project=project, generation=1, featurizer="hog-colour", state="ready", fitted_items=1
    )
    weights = np.random.default_rng(0).standard_normal((960, 2)).astype(np.float32)
    return make_version(project, 1, feature_set=feature_set, weights=weights).project


def test_a_folder_of_pictures_gets_labels_by_path(tmp_path):
    project = of_pictures()
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "b.jpg").write_bytes(picture(20, "JPEG"))
    (tmp_path / "in" / "sub" / "a.png").write_bytes(picture(150))
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nIEND")
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    predict(project, tmp_path / "in", tmp_path / "out.jsonl")
    rows = lines(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == ["b.jpg", "broken.png", "sub/a.png"]
    assert rows[1]["label"] is None
    assert "damaged" in rows[1]["problem"]
    assert {rows[0]["label"], rows[2]["label"]} <= {"dark", "light"}


def test_a_picture_gets_the_features_of_the_item_that_it_would_become(tmp_path):
    project = of_pictures()
    data = picture(90, "JPEG")
    path = default_storage.save("items/x.jpg", ContentFile(clean(data, "x.jpg").data))
    make_items(project, [""], image=path)
    while features.advance(project, now()):
        pass
    (tmp_path / "x.jpg").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("x.jpg", data)
    predict(project, tmp_path / "in.zip", tmp_path / "out.jsonl")
    (row,) = lines(tmp_path / "out.jsonl")
    assert row["id"] == "x.jpg"
    for label, share, _ in opinion.opinion(project.items.get()).top:
        assert row["probabilities"][label.name] == pytest.approx(share, abs=2e-6)


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("out", "options", "words"),
    [
        ("out.xlsx", [], r"must end in \.csv or \.jsonl"),
        ("in.csv", [], "cannot be written over the file that is read"),
        ("none/out.csv", [], "There is no folder"),
        ("out.csv", ["--text", "body"], "no column “body”. It has “text”"),
        ("out.csv", ["--model", "9"], "has no model 9. It has: 1."),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(tmp_path, out, options, words):
    project = ready(make_project(labels=2))
    file = written(tmp_path, [{"text": "x"}])
    before = file.read_bytes()
    with pytest.raises(CommandError, match=words):
        predict(project, file, tmp_path / out, *options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
    assert file.read_bytes() == before


def test_projects_without_a_model_and_files_that_are_not_there_are_refused(tmp_path):
    project = make_project(labels=2)
    file = written(tmp_path, [{"text": "x"}])
    with pytest.raises(CommandError, match="“Post” has no model yet"):
        predict(project, file, tmp_path / "out.csv")
    with pytest.raises(CommandError, match="There is no project “nothing”"):
        call_command("predict", "nothing", str(file), "--out", str(tmp_path / "out.csv"))
    ready(project)
    with pytest.raises(CommandError, match="There is no file"):
        predict(project, tmp_path / "nothing.csv", tmp_path / "out.csv")
    (tmp_path / "old.csv").write_text("old")
    with pytest.raises(CommandError, match="There is no file"):
        predict(project, tmp_path / "nothing.csv", tmp_path / "old.csv")
    (tmp_path / "old.csv").unlink()
    with pytest.raises(CommandError, match="holds no PNG, JPEG, WebP or GIF"):
        predict(project, tmp_path, tmp_path / "out.csv")
    (tmp_path / "a.png").write_bytes(picture(3))
    with pytest.raises(CommandError, match="The file holds pictures, but the project is about texts"):
        predict(project, tmp_path, tmp_path / "out.csv")


def test_a_predict_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    project = ready(make_project(labels=2))
    (tmp_path / "out.csv").write_text("old")
    file = written(tmp_path, [{"text": f"text {n}"} for n in range(5)])

    def broken(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr(predicting.Predictor, "proba", broken)
    with pytest.raises(OSError, match="disk"):
        predict(project, file, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    project = ready(make_project(labels=2))
    monkeypatch.setattr(
        predicting.Predictor, "proba", lambda self, texts, _: np.full((len(texts), 2), 0.5, np.float32)
    )
    peaks = []
    for rows in (6_000, 18_000):
        file = tmp_path / f"{rows}.jsonl"
        file.write_text("".join(f'{{"text": "{"word " * 40}{n}"}}\n' for n in range(rows)))
        tracemalloc.start()
        predict(project, file, tmp_path / "out.csv")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
