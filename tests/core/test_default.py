"""The default: when it begins to listen to the model."""

import numpy as np
import pytest

from sampling.core.pool import Pool
from sampling.core.strategies import STRATEGIES
from sampling.core.strategies.default import COVER_EACH, COVER_UNTIL, listens


def known(rows, labels, right, task="single"):
    """A pool with so many settled rows, of which the model had a share right without having seen them."""
    truth = np.arange(rows) % labels
    said = np.where(np.random.default_rng(0).random(rows) < right, truth, (truth + 1) % labels)
    targets, held_out = (np.eye(labels, dtype=np.float32)[positions] for positions in (truth, said))
    x = np.ones((rows, 2), np.float32)
    return Pool(x[:5], x, targets=targets, held_out=held_out, task=task)


def test_it_covers_until_enough_is_labelled():
    assert not listens(known(COVER_UNTIL - 1, 3, 1.0))
    assert listens(known(COVER_UNTIL, 3, 1.0))


def test_many_labels_are_covered_for_longer():
    labels = COVER_UNTIL // COVER_EACH * 2
    assert not listens(known(COVER_EACH * labels - 1, labels, 1.0))
    assert listens(known(COVER_EACH * labels, labels, 1.0))


@pytest.mark.parametrize(("right", "heard"), [(0.5, False), (0.55, False), (0.8, True)])
def test_a_model_that_knows_no_better_than_the_commonest_label_is_not_asked(right, heard):
    assert listens(known(400, 2, right)) is heard


def test_where_nothing_could_be_judged_the_model_is_asked():
    pool = known(300, 3, 1.0)
    pool.held_out[:] = np.nan
    assert listens(pool)
    assert listens(known(300, 3, 0.0, task="multi"))
    assert not listens(Pool(np.ones((5, 2), np.float32)))


def test_copies_of_what_is_labelled_are_not_asked_for_while_others_are_left():
    labelled = np.eye(6, dtype=np.float32)
    others = labelled[:, ::-1][:3] * 0.8 + 0.3
    x = np.concatenate(
        [np.repeat(labelled, 20, axis=0), others / np.linalg.norm(others, axis=1, keepdims=True)]
    )
    pool = Pool(x, labelled, labelled[:2], proba=np.full((123, 2), 0.5, np.float32), alike=0.99)
    rows = STRATEGIES["default"](pool, 3, np.random.default_rng(0))
    assert sorted(rows.tolist()) == [120, 121, 122]
