"""Models as ONNX, read back by onnxruntime."""

from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.export import to_onnx
from sampling.core.learners import LEARNERS, LinearModel
from sampling.core.learners.forest import Forest


def session(state, facts=None):
    return onnxruntime.InferenceSession(to_onnx(state, facts), providers=["CPUExecutionProvider"])


def run(state, x):
    return session(state).run(None, {"features": x})[0]


def examples(task, labels=4, rows=80, columns=12):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((rows, columns)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    # The last label is never seen.
    scores = x[:, : labels - 1]
    targets = np.zeros((rows, labels), np.float32)
    if task == "single":
        targets[np.arange(rows), scores.argmax(axis=1)] = 1
    else:
        targets[:, : labels - 1] = scores > 0.2
    return x, targets


@pytest.mark.parametrize("task", ["single", "multi"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_every_learner_s_model_gives_the_same_probabilities_as_onnx(learner, task):
    x, targets = examples(task)
    # Without folds it is quick; the temperature that they would fit is given.
    recipe: Any = LEARNERS[learner]
    fitted: Any = replace(recipe, folds=0).fit(x, targets, task, np.random.default_rng(0)).model
    model = replace(fitted, temperature=0.6)
    wide = np.concatenate([x, 20 * x[:10], np.zeros_like(x[:1])])
    opened = session(model.state())
    for rows in (wide, wide[:1], wide[:0]):
        found = opened.run(None, {"features": rows})[0]
        np.testing.assert_allclose(found, model.proba(rows), atol=5e-6)


def test_a_forest_of_deep_trees_over_many_labels_falls_the_same_way():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((900, 6)).astype(np.float32)
    targets = np.eye(40, dtype=np.float32)[rng.integers(0, 40, 900)]
    model: Any = Forest(trees=7, folds=0).fit(x, targets, "single", rng).model
    assert len(model.columns) > 7 * 300
    # Rows that lie on the limits themselves are where rounding would show.
    edge = np.tile(x[:1], (len(model.limits), 1))
    inner = np.flatnonzero(model.columns >= 0)
    edge[inner, model.columns[inner]] = model.limits[inner].astype(np.float32)
    np.testing.assert_allclose(run(model.state(), edge), model.proba(edge), atol=5e-6)


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(1, 5), st.sampled_from(["single", "multi"]), st.data())
def test_linear_models_of_any_shape_give_the_same_probabilities_as_onnx(columns, labels, task, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    seen = np.array(data.draw(st.lists(st.booleans(), min_size=labels, max_size=labels)))
    seen[0] = True
    weights = 5 * rng.standard_normal((columns, labels)).astype(np.float32)
    bias = rng.standard_normal(labels).astype(np.float32)
    model = LinearModel(task, weights, bias, seen, data.draw(st.floats(0.2, 5)))
    x = rng.standard_normal((7, columns)).astype(np.float32)
    found = run(model.state(), x)
    np.testing.assert_allclose(found, model.proba(x), atol=2e-6)
    assert not found[:, ~seen].any()


def test_the_file_says_what_goes_in_and_out_and_what_it_is():
    model = LinearModel("single", np.ones((3, 2), np.float32), np.zeros(2, np.float32), np.ones(2, np.bool_))
    opened = session(model.state(), {"labels": '["ja", "nein"]'})
    (given_,), (out,) = opened.get_inputs(), opened.get_outputs()
    assert (given_.name, given_.shape, given_.type) == ("features", ["n", 3], "tensor(float)")
    assert (out.name, out.shape, out.type) == ("probabilities", ["n", 2], "tensor(float)")
    assert opened.get_modelmeta().custom_metadata_map == {"labels": '["ja", "nein"]'}


def test_any_number_of_rows_goes_in():
    model = LinearModel("multi", np.ones((3, 2), np.float32), np.zeros(2, np.float32), np.ones(2, np.bool_))
    opened = session(model.state())
    for rows in (0, 1, 5000):
        assert opened.run(None, {"features": np.zeros((rows, 3), np.float32)})[0].shape == (rows, 2)


def test_a_kind_of_model_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="of kind oracle; as ONNX go: linear"):
        to_onnx({"kind": np.array("oracle")})
