"""Looking for rare labels: what counts as rare, by hand, and far more of them found than by chance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.arrays import unit_rows
from sampling.core.loop import next_batch, train
from sampling.core.pool import Pool
from sampling.core.settings import Settings, Stream
from sampling.core.strategies.rare import near_rare, sought


def rng(seed=0):
    return np.random.default_rng(seed)


def floats(rows):
    return np.array(rows, np.float32)


def counted(*counts):
    """Targets with so many rows of each label."""
    return np.repeat(np.eye(len(counts), dtype=np.float32), counts, axis=0)


def plain_score(pool):
    """One row after another, one seed after another."""
    wanted = sought(pool).tolist()
    seeds = [] if pool.examples is None else list(pool.examples)
    others: list[np.ndarray] = []
    if pool.targets is not None and wanted:
        for x, target in zip(pool.labelled[: len(pool.targets)], pool.targets, strict=True):
            (seeds if any(target[label] > 0.5 for label in wanted) else others).append(x)

    def nearness(x, rows):
        return (1 + max(x @ row / np.linalg.norm(x) / np.linalg.norm(row) for row in rows)) / 2

    found = []
    for row, x in enumerate(pool.features):
        parts = []
        if seeds and others:
            parts.append((1 + nearness(x, seeds) - nearness(x, others)) / 2)
        elif seeds:
            parts.append(nearness(x, seeds))
        if wanted and pool.proba is not None:
            parts.append(max(pool.proba[row, label] for label in wanted))
        found.append(np.mean(parts) if parts else 0.0)
    return found


@st.composite
def pools(draw):
    """With and without examples, wanted labels, settled rows and a model."""
    n, k, seed = draw(st.integers(1, 20)), draw(st.integers(1, 6)), draw(st.integers(0, 999))
    random = rng(seed)
    targets = random.integers(0, 2, (draw(st.integers(0, 12)), k)).astype(np.float32)
    return Pool(
        random.normal(size=(n, 3)).astype(np.float32),
        # Two rows wait in the queue: nobody knows what they are.
        random.normal(size=(len(targets) + 2, 3)).astype(np.float32),
        proba=draw(st.sampled_from([None, random.random((n, k)).astype(np.float32)])),
        task="multi",
        targets=draw(st.sampled_from([None, targets])),
        examples=draw(st.sampled_from([None, random.normal(size=(2, 3)).astype(np.float32)])),
        wanted=draw(st.sampled_from([None, np.array([k - 1])])),
    )


@settings(max_examples=100)
@given(pool=pools())
def test_the_score_is_what_plain_loops_give(pool):
    found = near_rare(pool, rng())
    assert found == pytest.approx(plain_score(pool), abs=1e-5)
    assert ((found >= 0) & (found <= 1)).all()


def test_a_fifth_of_the_labels_seen_counts_as_rare():
    pool = Pool(np.ones((1, 1), np.float32))
    assert sought(Pool(pool.features, targets=counted(9, 0, 2))).tolist() == [2]
    assert sought(Pool(pool.features, targets=counted(9, 3, 8, 7, 1, 5))).tolist() == [1, 4]
    assert sought(Pool(pool.features, targets=counted(0, 0))).tolist() == []
    assert sought(pool).tolist() == []


def test_what_the_admin_names_is_looked_for_and_nothing_else():
    features, targets, wanted = np.ones((1, 1), np.float32), counted(9, 1), np.array([0])
    assert sought(Pool(features, targets=targets, wanted=wanted)).tolist() == [0]
    assert sought(Pool(features, targets=targets, examples=features)).tolist() == []
    assert sought(Pool(features, targets=targets, examples=features, wanted=wanted)).tolist() == [0]


def test_nearness_and_odds_by_hand():
    features = floats([[1, 0], [0, 1], [-1, 0]])
    labelled, targets, wanted = floats([[1, 0], [0, 1], [-2, 0]]), floats([[0, 1], [1, 0]]), np.array([1])
    # The first row is wanted, the second something else; nobody knows what the third is.
    near = Pool(features, labelled, targets=targets, wanted=wanted)
    assert near_rare(near, rng()) == pytest.approx([0.75, 0.25, 0.25])
    proba = floats([[1, 0], [0.4, 0.6], [0, 1]])
    both = Pool(features, labelled, proba=proba, targets=targets, wanted=wanted)
    assert near_rare(both, rng()) == pytest.approx([0.375, 0.425, 0.625])
    alone = Pool(features, labelled, targets=targets[:1], wanted=wanted)
    assert near_rare(alone, rng()) == pytest.approx([1, 0.5, 0])
    # A row of length 2 points where it points.
    assert near_rare(Pool(features, examples=floats([[0, 2]])), rng()) == pytest.approx([0.5, 1, 0.5])


def test_examples_are_enough_before_there_is_any_label():
    features = unit_rows(rng().normal(size=(200, 6)).astype(np.float32))
    batch = next_batch(
        Pool(features, examples=-features[:1]), None, 5, Settings(strategy="rare", diversity=1), rng()
    )
    assert batch.strategy == "rare"
    assert set(batch.rows) == set(np.argsort(features @ features[0])[:5])


def test_without_any_hint_chance_decides():
    pool = Pool(np.eye(30, dtype=np.float32))
    first, other = (next_batch(pool, None, 4, Settings(strategy="rare"), rng(seed)).rows for seed in (1, 2))
    assert first.tolist() != other.tolist()


def test_far_more_of_a_rare_label_is_found_than_by_chance():
    truth = np.where(np.arange(2000) < 40, 3, np.arange(2000) % 3)
    middles = rng(8).normal(size=(4, 12))
    x = unit_rows((middles[truth] + rng(9).normal(0, 1.1, (2000, 12))).astype(np.float32))
    targets = np.eye(4, dtype=np.float32)[truth]
    found = {}
    for strategy in ("random", "rare"):
        chosen = Settings(strategy=strategy, committee_size=0)
        # Three of the rare label are known to begin with.
        done = np.array([0, 1, 2, *range(100, 117)])
        for step in range(5):
            left = np.setdiff1d(np.arange(2000), done)
            trained = train(x[done], targets[done], chosen, rng(step))
            pool = Pool(x[left], x[done], targets=targets[done])
            rows = left[next_batch(pool, trained, 20, chosen, rng(step)).rows]
            done = np.concatenate([done, rows])
        found[strategy] = (truth[done] == 3).sum() - 3
    assert found["rare"] >= 15
    assert found["random"] <= 5


def test_a_stream_takes_its_share_and_leaves_the_rest_as_it_is():
    x = unit_rows(rng(3).normal(size=(90, 5)).astype(np.float32))
    targets = np.eye(3, dtype=np.float32)[np.arange(30) % 3]
    chosen = Settings(strategy="margin", streams=(Stream("rare", "rare", 0.25),))
    trained = train(x[:30], targets, chosen, rng())
    pool = Pool(x[30:], x[:30], targets=targets, examples=x[30:31])
    batch = next_batch(pool, trained, 8, chosen, rng())
    assert (batch.lane == 0).sum() == 2
    assert 0 in batch.rows[batch.lane == 0]
    others = np.setdiff1d(np.argsort(-batch.pool_scores), batch.rows[batch.lane == 0], assume_unique=True)
    assert set(batch.rows[batch.lane == 1]) == set(others[np.argsort(-batch.pool_scores[others])][:6])
