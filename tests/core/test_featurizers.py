"""Featurizers: rows of length 1 for anything, the same after a file, and near for what is alike."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sampling.core import defaults, ngrams, text
from sampling.core.featurizers import DEFAULT, FEATURIZERS, default_for

ODD_TEXTS = [
    "",
    " ",
    "\x00",
    "a\ud800b",
    "日本語のテキスト",
    "नमस्ते दुनिया",
    "🙂" * 50,
    "x" * 100_000,
    "NA",
    "\n\t",
]
TEXTS = [
    "the cat sat on the mat", "a cat and a dog", "dogs and cats are pets", "my card was declined",
    "the bank declined my card", "how do I top up my card", "吾輩は猫である", "名前はまだ無い",
]  # fmt: skip


def rng(seed=0):
    return np.random.default_rng(seed)


def picture(mode="RGB", size=(40, 30), seed=0):
    shape = (size[1], size[0], len(mode)) if len(mode) > 1 else (size[1], size[0])
    return Image.fromarray(rng(seed).integers(0, 256, shape, dtype=np.uint8), mode if len(mode) > 1 else "L")


def broken():
    file = io.BytesIO()
    picture().save(file, "PNG")
    return Image.open(io.BytesIO(file.getvalue()[:400]))


def contents(media):
    if media == "text":
        return TEXTS + ODD_TEXTS
    pictures = [picture(mode) for mode in ("RGB", "RGBA", "L", "LA")]
    return [*pictures, picture().convert("P"), picture(size=(1, 700)), broken(), None]


@pytest.fixture(scope="module", params=FEATURIZERS)
def fitted(request):
    return FEATURIZERS[request.param]().fit(contents(FEATURIZERS[request.param].media), rng())


def test_every_content_gives_a_row_of_length_1(fitted):
    rows = fitted.transform(contents(fitted.media))
    assert rows.dtype == np.float32
    assert rows.shape == (len(contents(fitted.media)), fitted.dimension)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-4)


def test_a_row_does_not_depend_on_the_rows_beside_it(fitted):
    every = contents(fitted.media)
    alone = np.concatenate([fitted.transform([one]) for one in every])
    assert fitted.transform(every) == pytest.approx(alone, abs=1e-5)


def test_nothing_gives_no_rows(fitted):
    assert fitted.transform([]).shape == (0, fitted.dimension)


def test_a_featurizer_survives_a_file_without_pickle(fitted):
    file = io.BytesIO()
    np.savez(file, **fitted.state())
    file.seek(0)
    with np.load(file, allow_pickle=False) as state:
        again = type(fitted).from_state(dict(state))
    every = contents(fitted.media)
    assert (again.transform(every) == fitted.transform(every)).all()


def test_the_same_contents_and_seed_give_the_same_fit(fitted):
    every = contents(fitted.media)
    again = type(fitted)().fit(every, rng())
    assert (again.transform(every) == fitted.transform(every)).all()


@pytest.mark.parametrize("name", ["lsa", "lsa-wordllama"])
def test_texts_that_share_words_are_nearer(name):
    rows = FEATURIZERS[name]().fit(TEXTS, rng()).transform(TEXTS)
    near = rows @ rows.T
    assert near[3, 4] > near[3, 0]
    assert near[0, 1] > near[0, 5]


@settings(max_examples=50)
@given(st.lists(st.text(max_size=30), max_size=6))
def test_no_text_breaks_the_counting(texts):
    words, characters = ngrams.counts(texts)
    assert words.shape[0] == characters.shape[0] == len(texts)
    assert (words.data > 0).all()


def test_words_and_pairs_are_counted_wherever_they_stand():
    words, _ = ngrams.counts(["Red red wine!", "white wine, red wine", "wine"])
    assert words.sum(axis=1).tolist() == [5, 7, 1]
    wine = words[[2]].indices[0]
    assert words[:, [wine]].toarray().ravel().tolist() == [1, 2, 1]
    # red, wine and "red wine" are in both
    assert len(np.intersect1d(words[[0]].indices, words[[1]].indices)) == 3


def test_character_grams_never_cross_texts():
    _, together = ngrams.counts(["ab", "cd"])
    _, alone = ngrams.counts(["ab"])
    assert (together[[0]].indices == alone.indices).all()
    # " a", "ab", "b ", " ab", "ab ", " ab "
    assert alone.sum() == 6


def test_a_big_pool_is_fitted_on_a_sample(monkeypatch):
    monkeypatch.setattr(text, "FIT_TEXTS", 5)
    few = FEATURIZERS["lsa"]().fit([f"number {i} of many" for i in range(50)], rng())
    assert np.isfinite(few.transform(["number 7"])).all()


@pytest.mark.parametrize("name", ["efficientnet-lite0", "hog-colour"])
def test_a_picture_and_its_larger_copy_are_alike(name):
    small = Image.linear_gradient("L").resize((64, 64))
    rows = FEATURIZERS[name]().transform([small, small.resize((256, 256)), picture(size=(64, 64))])
    assert rows[0] @ rows[1] > 0.95 > rows[0] @ rows[2]


def test_the_network_agrees_with_a_plain_pass_in_full_precision():
    # The figures are from `forward` in tools/convert_efficientnet.py, for this very picture.
    sides = [Image.linear_gradient("L"), Image.radial_gradient("L"), Image.new("L", (256, 256), 90)]
    row = FEATURIZERS["efficientnet-lite0"]().transform([Image.merge("RGB", sides)])[0]
    assert row[[423, 113, 1054]] == pytest.approx([0.22565, 0.21866, 0.21851], abs=2e-3)


def test_pictures_fall_back_to_shapes_and_colours_without_onnxruntime(monkeypatch):
    assert {media: default_for(media) for media in DEFAULT} == DEFAULT
    monkeypatch.setattr(defaults, "find_spec", lambda name: None)
    assert default_for("image") == "hog-colour"
    with pytest.raises(ValueError, match="media is 'sound'; known: text, image"):
        default_for("sound")


def test_the_core_starts_without_django_or_heavy_libraries_and_leaves_logging_alone():
    code = """
import logging, sys
import sampling.core.featurizers, sampling.core.simulation
print([name for name in ("django", "onnxruntime", "wordllama", "PIL", "projects") if name in sys.modules])
sampling.core.featurizers.FEATURIZERS["lsa-wordllama"]().fit(["a"], __import__("numpy").random.default_rng(0))
sampling.core.text.word_means(["a"])
print(logging.getLogger().handlers, logging.getLogger().level)
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert run.stdout.splitlines() == ["[]", "[] 30"]


@given(st.lists(st.integers(0, 12_000), max_size=40))
def test_texts_are_counted_in_portions_that_leave_none_out(lengths):
    cuts = ngrams.portions(["x" * length for length in lengths])
    assert [row for cut in cuts for row in range(cut.start, cut.stop)] == list(range(len(lengths)))
    for cut in cuts:
        read = sum(min(length, ngrams.LONGEST) for length in lengths[cut])
        assert read <= ngrams.CHARACTERS_AT_ONCE or cut.stop - cut.start == 1
