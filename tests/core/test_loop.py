"""One turn of the loop: training, the committee, picking, and what a batch tells."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.core.arrays import unit_rows
from sampling.core.loop import Trained, Turn, next_batch, prepared, score_shard, select, train
from sampling.core.pool import Pool
from sampling.core.settings import Settings, Stream
from sampling.core.strategies import STRATEGIES


def rng(seed=0):
    return np.random.default_rng(seed)


def data(n=120, k=3, seed=0):
    positions = rng(seed).integers(k, size=n)
    x = unit_rows((np.eye(6)[positions] + rng(seed + 1).normal(0, 0.4, (n, 6))).astype(np.float32))
    return x, np.eye(k, dtype=np.float32)[positions]


def test_the_committee_is_the_champion_and_models_of_random_subsets():
    x, targets = data()
    trained = train(x, targets, Settings(committee_size=3), rng())
    assert len(trained.committee) == 3
    every = [trained.champion, *trained.committee]
    for one, other in [(0, 1), (1, 2), (2, 3)]:
        assert (every[one].proba(x) != every[other].proba(x)).any()


def test_models_survive_a_file_without_pickle():
    x, targets = data()
    trained = train(x, targets, Settings(), rng())
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **trained.state())
    file.seek(0)
    with np.load(file, allow_pickle=False) as state:
        again = Trained.from_state(dict(state))
    assert len(again.committee) == 3
    for a, b in zip([again.champion, *again.committee], [trained.champion, *trained.committee], strict=True):
        assert (a.proba(x) == b.proba(x)).all()


def test_a_batch_tells_why_each_row_was_picked():
    x, targets = data()
    trained = train(x[:30], targets[:30], Settings(), rng())
    batch = next_batch(Pool(x[30:], x[:30]), trained, 7, Settings(), rng())
    proba = trained.champion.proba(x[30:][batch.rows])
    assert batch.strategy == "default"
    assert batch.covering.all()
    assert batch.rows.shape == batch.scores.shape == batch.clusters.shape == batch.disagreement.shape == (7,)
    assert batch.top.shape == batch.top_proba.shape == (7, 3)
    assert (batch.top[:, 0] == proba.argmax(axis=1)).all()
    assert batch.top_proba[:, 0] == pytest.approx(proba.max(axis=1))
    assert (np.diff(batch.top_proba, axis=1) <= 0).all()
    assert batch.scores == pytest.approx(1 - (batch.top_proba[:, 0] - batch.top_proba[:, 1]), abs=1e-6)
    assert batch.pool_scores.shape == batch.pool_clusters.shape == (90,)
    assert ((batch.disagreement > 0) & (batch.disagreement < 1)).all()


def test_clusters_are_kept_from_round_to_round():
    x, targets = data()
    trained = train(x[:30], targets[:30], Settings(), rng())
    first = next_batch(Pool(x[30:], x[:30]), trained, 5, Settings(), rng(1))
    again = next_batch(Pool(x[35:], x[:35], first.centres), trained, 5, Settings(), rng(2))
    assert again.centres is first.centres
    # Centres of other features do not fit.
    other = next_batch(Pool(x[30:], x[:30], np.ones((4, 9), np.float32)), trained, 5, Settings(), rng())
    assert other.centres is not None
    assert other.centres.shape[1] == 6


def test_while_one_label_is_known_the_first_batch_goes_on():
    x, _ = data()
    trained = train(x[:5], np.eye(3, dtype=np.float32)[[0] * 5], Settings(), rng())
    batch = next_batch(Pool(x[5:], x[:5]), trained, 6, Settings(), rng())
    assert batch.strategy == "first-batch"
    assert next_batch(Pool(x), None, 6, Settings(strategy="random"), rng()).strategy == "random"


def test_without_a_model_there_is_nothing_to_say_about_labels():
    batch = next_batch(Pool(data()[0]), None, 6, Settings(), rng())
    assert batch.top.shape == (6, 0)
    assert (batch.disagreement == 0).all()
    assert batch.centres is None


def test_an_empty_pool_gives_an_empty_batch():
    x, targets = data()
    trained = train(x, targets, Settings(), rng())
    for name in STRATEGIES:
        batch = next_batch(Pool(x[:0], x), trained, 5, Settings(strategy=name), rng())
        assert len(batch.rows) == len(batch.pool_scores) == 0


@settings(max_examples=30)
@given(
    rows=st.integers(1, 30), size=st.integers(0, 40), task=st.sampled_from(["single", "multi"]),
    name=st.sampled_from(list(STRATEGIES)), seed=st.integers(0, 99),
)  # fmt: skip
def test_the_same_seed_gives_the_same_batch(rows, size, task, name, seed):
    x, targets = data(40, seed=seed)
    if task == "multi":
        targets = np.maximum(targets, np.roll(targets, 1, axis=0)) * (rng(seed).random((40, 1)) < 0.7)
    chosen = Settings(strategy=name, task=task)

    def batch():
        source = rng(seed)
        trained = train(x[:rows], targets[:rows], chosen, source)
        return next_batch(Pool(x[rows:], x[:rows]), trained, size, chosen, source)

    first, second = batch(), batch()
    assert len(set(first.rows.tolist())) == min(size, 40 - rows)
    for one, other in zip(vars(first).values(), vars(second).values(), strict=True):
        assert np.array_equal(one, other)
        if isinstance(one, np.ndarray):
            assert np.isfinite(one).all()


class Shards:
    """Rows that are read from pieces, and that count what is read."""

    def __init__(self, x):
        self._x, self.shape, self.read = x, x.shape, 0

    def __getitem__(self, rows):
        found = self._x[rows]
        self.read += len(found)
        return found


def test_shards_scored_apart_give_the_batch_of_the_whole_pool():
    x, targets = data(900)
    trained = train(x[:300], targets[:300], Settings(), rng())
    pool, turn = Pool(x[300:], x[:300]), Turn(trained, 10, Settings())
    whole = next_batch(pool, trained, 10, Settings(), rng(4))
    source, shards = rng(4), Shards(x[300:])
    ready = prepared(Pool(shards, x[:300]), turn, source)
    scored = score_shard(x[300:], ready, turn, source.spawn(1)[0])
    shards.read = 0
    again = select(scored, ready, turn, source)
    assert again.rows.tolist() == whole.rows.tolist()
    assert shards.read < 600 / 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strategy": "luck"}, "strategy is 'luck'; known: default, random"),
        ({"learner": "oracle"}, "learner is 'oracle'; known: logistic"),
        ({"task": "boxes"}, "task is 'boxes'"),
        ({"committee_size": -1}, "committee_size is -1"),
        ({"committee_share": 0}, r"committee_share is 0, but must lie in \(0, 1\]"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


# --- streams -----------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    shares=st.lists(st.sampled_from([0.02, 0.25, 0.3, 0.45]), max_size=3), size=st.integers(0, 25),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_streams_share_a_batch_whatever_their_sizes(shares, size, seed):
    shares = shares if sum(shares) <= 1 else shares[:2]
    streams = tuple(Stream(f"stream {i}", "random", share) for i, share in enumerate(shares))
    chosen = Settings(streams=streams, committee_size=0)
    x, targets = data()
    trained = train(x[:20], targets[:20], chosen, rng())
    batch = next_batch(Pool(x[20:], x[:20]), trained, size, chosen, rng(seed))
    assert len(batch.rows) == size
    assert sum(lane.size for lane in batch.lanes) == size
    for lane in batch.lanes[:-1]:
        share = next(stream.share for stream in streams if stream.name == lane.name)
        assert abs(lane.size - share * size) < 1


def test_a_small_stream_gets_its_turn_over_the_batches():
    chosen = Settings(streams=(Stream("control", "random", 0.02),), committee_size=0)
    places = [Turn(None, 20, chosen, lot).lanes[0].size for lot in np.linspace(0, 0.999, 200)]
    assert np.mean(places) == pytest.approx(0.4, abs=0.01)


def test_streams_of_other_clusters_find_their_own_centres():
    x, targets = data()
    chosen = Settings(streams=(Stream("fine", "cluster-margin", 0.5),), committee_size=0)
    trained = train(x[:20], targets[:20], chosen, rng())
    turn = Turn(trained, 10, chosen)
    kept = x[:20]
    fine, main = prepared(Pool(x[20:], x[:20], kept), turn, rng())
    assert main.centres is kept
    assert fine.centres is not kept
