"""Model files of a site: what they give, and what is refused with a sentence."""

import json

import numpy as np
import pytest
from PIL import Image

from sampling.core.featurizers import featurizer
from sampling.core.modelfiles import Unusable, offered
from tests.onnxes import colours, pooling, sentences

THIRD = 1 / np.sqrt(3)


def made(name, folder):
    return featurizer(f"onnx:{name}", folder)()


def test_a_folder_of_sentence_embeddings_gives_the_mean_of_its_tokens(tmp_path):
    sentences(tmp_path / "words")
    found = made("words", tmp_path)
    assert (found.media, found.dimension) == ("text", 3)
    rows = found.transform(["red", "red BLUE red blue", "red green blue red green blue", "", "unknown"])
    half = np.sqrt(0.5)
    wanted = [[1, 0, 0], [half, 0, half], [THIRD] * 3, [THIRD] * 3, [THIRD] * 3]
    assert rows == pytest.approx(np.array(wanted), abs=1e-6)


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [("mean_tokens", [2, 1, 0]), ("max_tokens", [1, 1, 0]), ("cls_token", [1, 0, 0])],
)
def test_tokens_are_pooled_as_the_folder_says(tmp_path, mode, wanted):
    pooling(sentences(tmp_path / "words"), mode)
    # The long text has the short one padded, and padding counts for nothing.
    row, _ = made("words", tmp_path).transform(["red red green", "blue blue blue blue blue"])
    assert row == pytest.approx(np.array(wanted) / np.linalg.norm(wanted), abs=1e-6)


def test_of_a_text_as_many_tokens_are_read_as_the_folder_says(tmp_path):
    folder = sentences(tmp_path / "words")
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 2}))
    assert made("words", tmp_path).transform(["red red blue blue"])[0].tolist() == [1, 0, 0]


def test_a_network_for_pictures_sees_them_as_the_json_beside_it_says(tmp_path):
    colours(tmp_path / "colours.onnx", ("n", 3, "h", "w"))
    (tmp_path / "colours.json").write_text(
        json.dumps({"size": 4, "mean": [0, 0, 0], "std": [1, 1, 2], "scale": 1})
    )
    found = made("colours.onnx", tmp_path)
    assert (found.media, found.dimension) == ("image", 3)
    rows = found.transform([Image.new("RGB", (9, 7), (10, 20, 40)), None])
    assert rows == pytest.approx(np.array([[THIRD] * 3, [THIRD] * 3]), abs=1e-6)


def test_without_a_json_pictures_are_scaled_like_photographs(tmp_path):
    colours(tmp_path / "colours.onnx", (1, 3, 4, 4))
    rows = made("colours.onnx", tmp_path).transform([Image.new("RGB", (9, 7), (255, 0, 0))] * 3)
    seen = (np.array([1, 0, 0]) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225] * [2, 1, 1]
    assert rows == pytest.approx(np.tile(seen / np.linalg.norm(seen), (3, 1)), abs=1e-6)


def test_only_models_of_the_media_are_offered_and_each_with_its_digest(tmp_path):
    colours(tmp_path / "colours.onnx")
    sentences(tmp_path / "words")
    (tmp_path / "readme.txt").write_text("not a model")
    (tmp_path / "empty").mkdir()
    (text,), (image,) = offered(tmp_path, "text"), offered(tmp_path, "image")
    assert text.startswith("onnx:words#")
    assert image.startswith("onnx:colours.onnx#")
    assert featurizer(text, tmp_path)().transform(["red"]).shape == (1, 3)
    assert offered(tmp_path / "nowhere", "text") == []


def test_a_file_that_has_changed_is_refused(tmp_path):
    sentences(tmp_path / "words")
    (name,) = offered(tmp_path, "text")
    featurizer(name, tmp_path)
    sentences(tmp_path / "words", ("input_ids", "token_type_ids", "attention_mask"))
    with pytest.raises(Unusable, match=r"The file of words has changed\. Choose it again"):
        featurizer(name, tmp_path)


def test_nothing_outside_the_folder_can_be_named(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    colours(tmp_path / "secret.onnx")
    (inside / "link.onnx").symlink_to(tmp_path / "secret.onnx")
    for name in ("../secret.onnx", str(tmp_path / "secret.onnx"), "..", "", "."):
        with pytest.raises(Unusable, match="There is no model"):
            made(name, inside)
    with pytest.raises(Unusable, match="points outside the models folder"):
        made("link.onnx", inside)
    assert offered(inside, "image") == []


def test_what_cannot_be_read_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"nonsense")
    sentences(tmp_path / "pixels", ("pixel_values",))
    colours(tmp_path / "grey.onnx", ("n", 1, 4, 4))
    pooling(sentences(tmp_path / "odd"), "weightedmean_tokens")
    (sentences(tmp_path / "dense") / "modules.json").write_text(
        json.dumps([{"type": "sentence_transformers.models.Dense"}])
    )
    (sentences(tmp_path / "torn") / "tokenizer.json").write_text("{")
    colours(tmp_path / "json.onnx")
    (tmp_path / "json.json").write_text('{"mean": "grey"}')
    for name, sentence in [
        ("broken.onnx", "broken.onnx is no ONNX file that can be read here"),
        ("pixels", "pixels wants pixel_values; a model for texts must take input_ids"),
        ("grey.onnx", "a model for pictures takes rows of 3 channels"),
        ("odd", "odd pools its tokens by weightedmean_tokens; known"),
        ("dense", "dense has a layer “Dense” after its network"),
        ("torn", "The tokenizer.json of torn cannot be read"),
        ("json.onnx", "must give size, and three numbers for mean and std"),
    ]:
        with pytest.raises(Unusable, match=sentence):
            made(name, tmp_path)


def test_a_name_that_is_neither_is_refused():
    with pytest.raises(ValueError, match="featurizer is 'word2vec'; known: lsa-wordllama"):
        featurizer("word2vec")
