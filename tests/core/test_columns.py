"""Columns of metadata beside the features."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.columns import Columns

LISTS = st.lists(st.text(max_size=3), max_size=3)
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), LISTS)


def rows_of(**columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def block(columns, known, dimension=3):
    """What a column gives beside features that are the first axis."""
    x = np.zeros((len(known), dimension), np.float32)
    x[:, 0] = 1
    return columns.beside(x, known)


def test_numbers_lie_on_a_half_circle_and_a_missing_one_says_nothing():
    known = rows_of(age=[10, "20", 30.0, 40, 50, 60, 70, 80, 90, None, 1e9])
    columns = Columns.fit(["age"], known[:10])
    assert columns.dimension == 2
    out = block(columns, known)
    assert np.linalg.norm(out, axis=1) == pytest.approx(1)
    # The mean, 50, is at the top; a column weighs a tenth of the squared length.
    assert out[4] == pytest.approx([np.sqrt(0.9), 0, 0, 0, np.sqrt(0.1)], abs=1e-6)
    assert out[9].tolist() == [1, 0, 0, 0, 0]
    assert out[0, 3] == pytest.approx(-out[8, 3])
    assert (np.diff(out[:9, 3]) > 0).all()
    assert out[10] == pytest.approx([np.sqrt(0.9), 0, 0, np.sqrt(0.1), 0], abs=1e-6)


def test_categories_have_places_of_their_own_and_new_ones_share_some():
    known = rows_of(source=["web", "mail", "Web ", "", "phone"])
    columns = Columns.fit(["source"], known[:4])
    out = block(columns, known)
    assert columns.dimension == 32
    assert (out[0] == out[2]).all()
    assert out[0] @ out[1] == pytest.approx(0.9)
    assert out[3].tolist() == [1] + [0] * 34
    assert out[4, -8:].max() == pytest.approx(np.sqrt(0.1))


def test_few_different_numbers_are_categories_and_lists_name_several():
    known = rows_of(stars=[1, 2, 3, 1], tags=[["a", "b"], ["a"], [], ["c"]])
    columns = Columns.fit(["stars", "tags"], known)
    assert columns.dimension == 64
    out = block(columns, known)
    assert out[0] @ out[1] == pytest.approx(0.8 + 0.1 * np.sqrt(0.5))
    assert np.linalg.norm(out[2]) == pytest.approx(1)


@settings(deadline=None)
@given(st.lists(ANYTHING, min_size=1, max_size=12), st.integers(1, 12))
def test_any_values_give_rows_of_length_1_that_survive_a_file(values, many):
    names = [f"c{number}" for number in range(many)]
    known = [dict.fromkeys(names, value) for value in values]
    columns = Columns.fit(names, known)
    out = block(columns, known)
    assert np.linalg.norm(out, axis=1) == pytest.approx(1, abs=1e-4)
    # The features are never less than half of a row.
    assert (out[:, 0] ** 2 >= 0.5 - 1e-4).all()
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **columns.state())
    file.seek(0)
    with np.load(file, allow_pickle=False) as state:
        assert (block(Columns.from_state(dict(state)), known) == out).all()


def test_without_columns_features_stay_as_they_are():
    x = np.eye(2, dtype=np.float32)
    assert Columns.from_state({}).beside(x, [{}, {}]) is x
    with pytest.raises(ValueError, match="x has 2 rows, but there are metadata of 1"):
        Columns.from_state({}).beside(x, [{}])
