"""Scoring a large pool with many workers: shards as rows, claimed by whoever comes first."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now
from threadpoolctl import threadpool_limits

from sampling import bell, claims, features, shards, snapshots
from sampling.core.arrays import State
from sampling.core.loop import Trained, Turn, equipped
from sampling.core.strategies import Scores
from sampling.models import FeatureShard, Round, ScoreShard
from sampling.snapshots import Job, Scorer, Snapshot

# How often whoever waits for the others looks again.
LOOK_SECONDS = 0.1
# No more workers than this are called at once; the clock calls further ones.
CALLED = 8

log = logging.getLogger(__name__)


def table_of(known: Snapshot) -> shards.Table:
    """The features that a snapshot's rows mean. Raises ValueError when they are gone."""
    ids = known.shards.tolist()
    by_id = FeatureShard.objects.in_bulk(ids)
    if missing := [pk for pk in ids if pk not in by_id or not by_id[pk].path]:
        raise ValueError(f"{len(missing)} of the {len(ids)} shards of features that it refers to are gone")
    return features.table([by_id[pk] for pk in ids])


# --- whoever runs the round --------------------------------------------------------------------------------


def shared(round_: Round, check: Callable[[], None]) -> Scorer:
    """A way to score this round's pool with every worker that has time; ``check`` raises when we lost it.

    A pool of one shard is scored here, without rows or files.
    """

    def score(job: Job) -> Sequence[tuple[Scores, ...]]:
        if len(job.parts) < 2:
            return snapshots.in_process(job)
        _hand_out(round_, job)
        while True:
            check()
            if not any(_worked(shard, job) for shard in _next(round_)):
                if not _missing(round_).exists():
                    break
                time.sleep(LOOK_SECONDS)
        paths = list(_of(round_).order_by("first").values_list("path", flat=True))
        if len(paths) < len(job.parts):
            raise claims.Lost  # Whoever took over has thrown ours away.
        return [_read(path, len(job.pools)) for path in paths]

    return score


def forget(project_id: int) -> None:
    """Delete what workers told each other about rounds that are over, or that another worker began anew."""
    shared = Q(Exists(ScoreShard.objects.filter(round=OuterRef("pk")))) | ~Q(plan="")
    for round_ in Round.objects.filter(shared, project_id=project_id):
        running = round_.state == Round.State.RUNNING
        gone = ScoreShard.objects.filter(round=round_)
        if running:
            gone = gone.exclude(of_attempt=round_.attempt)
        folders = {_folder(round_, attempt) for attempt in gone.values_list("of_attempt", flat=True)}
        if round_.plan and not (running and round_.plan.startswith(f"{_folder(round_)}/")):
            folders.add(str(PurePosixPath(round_.plan).parent))
        for folder in folders:
            _clear(folder)
        gone.delete()
        # Last of all: until then the next one finds what is left.
        if round_.plan.rpartition("/")[0] in folders:
            Round.objects.filter(pk=round_.pk, plan=round_.plan).update(plan="")


def _hand_out(round_: Round, job: Job) -> None:
    """Write what a worker must know, cut the pool into rows, and call the others."""
    forget(round_.project_id)
    # First the rows, which tell where files are, should we die; whoever sees the plan finds its shards.
    ScoreShard.objects.bulk_create(
        ScoreShard(round=round_, of_attempt=round_.attempt, first=part.start, last=part.stop)
        for part in job.parts
    )
    path = shards.save(f"{_folder(round_)}/plan.npz", _packed(job))
    mine = Round.objects.filter(pk=round_.pk, state=Round.State.RUNNING, attempt=round_.attempt)
    if not mine.update(plan=path):
        shards.delete(path)
        raise claims.Lost
    for _ in range(min(CALLED, len(job.parts) - 1)):
        bell.send("score", round_.pk)


# --- whoever helps -----------------------------------------------------------------------------------------


def waiting(at: datetime) -> list[int]:
    """Ids of the running rounds that have shards which nobody works on."""
    running = Q(round__state=Round.State.RUNNING, path="") & ~Q(round__plan="")
    idle = ScoreShard.objects.filter(running & claims.silent("claimed_at", at))
    return list(idle.order_by("round").values_list("round", flat=True).distinct())


def lend_a_hand(round_id: int) -> int:
    """Score shards of a running round as long as there are some that nobody works on; return how many."""
    round_ = Round.objects.filter(pk=round_id, state=Round.State.RUNNING).exclude(plan="").first()
    if round_ is None or not _idle(round_).exists():
        return 0
    done = 0
    try:
        with threadpool_limits(settings.WORKER_THREADS):
            job = _unpacked(shards.load(round_.plan))
            while any(_worked(shard, job) for shard in _next(round_)):
                done += 1
    except Exception:  # Whoever runs the round meets it too, and keeps it, or is better off.
        log.exception("Scores of round %s of project %s failed here.", round_.number, round_.project_id)
    return done


# --- one shard ---------------------------------------------------------------------------------------------


def _of(round_: Round) -> QuerySet[ScoreShard]:
    return ScoreShard.objects.filter(round=round_, of_attempt=round_.attempt)


def _missing(round_: Round) -> QuerySet[ScoreShard]:
    return _of(round_).filter(path="")


def _idle(round_: Round) -> QuerySet[ScoreShard]:
    return _missing(round_).filter(claims.silent("claimed_at", now()))


def _next(round_: Round) -> Iterator[ScoreShard]:
    """Shards that nobody works on, or whose worker died."""
    yield from _idle(round_).select_related("round").order_by("first")


def _worked(shard: ScoreShard, job: Job) -> bool:
    """Score this shard, unless somebody else took it; return whether we did."""
    missing = ScoreShard.objects.filter(pk=shard.pk, path="")
    if not claims.claim(missing, shard.attempt, claimed_at=now()):
        return False
    attempt = shard.attempt + 1

    def mine() -> QuerySet[ScoreShard]:
        return missing.filter(attempt=attempt)

    with claims.Heartbeat(mine, "claimed_at"):
        try:
            lanes = job.score(slice(shard.first, shard.last))
        except Exception:
            mine().update(claimed_at=None)
            raise
    state = {
        f"{lane}.{name}": array for lane, scores in enumerate(lanes) for name, array in scores.state().items()
    }
    path = shards.save(f"{_folder(shard.round)}/{shard.first}-{attempt}.npz", state)
    if not mine().update(path=path):
        shards.delete(path)  # It took so long that another one did it, or the round is over.
    return True


def _read(path: str, lanes: int) -> tuple[Scores, ...]:
    state = shards.load(path)
    return tuple(Scores.from_state(_below(f"{lane}.", state)) for lane in range(lanes))


# --- files -------------------------------------------------------------------------------------------------


def _folder(round_: Round, attempt: int | None = None) -> str:
    return f"scoring/{round_.project_id}/{round_.number}-{attempt or round_.attempt}"


def _clear(folder: str) -> None:
    """Delete all that an attempt wrote, also what no row names because its writer died."""
    try:
        _, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        shards.delete(f"{folder}/{name}")
    # The folder is empty now, unless somebody slow wrote into it at this moment; an object store has none.
    with suppress(OSError):
        default_storage.delete(folder)


def _packed(job: Job) -> State:
    """What whoever scores a shard must know: the snapshot, the models, and the centres of each lane."""
    state = {f"known.{name}": value for name, value in snapshots.packed(job.known).items()}
    trained = job.turn.trained
    if trained is not None:
        state |= {f"models.{name}": value for name, value in trained.state().items()}
        if trained.held_out is not None:
            state["held_out"] = trained.held_out
    for lane, pool in enumerate(job.pools):
        if pool.centres is not None:
            state[f"centres.{lane}"] = pool.centres
    return state


def _unpacked(state: State) -> Job:
    known = snapshots.unpacked(_below("known.", state))
    models, centres = _below("models.", state), _below("centres.", state)
    trained = replace(Trained.from_state(models), held_out=state.get("held_out")) if models else None
    turn = Turn(trained, known.size, known.settings)
    pool = equipped(snapshots.pool_of(known, table_of(known)), turn)
    pools = (replace(pool, centres=centres.get(str(lane))) for lane in range(len(turn.lanes)))
    return Job(known, turn, tuple(pools))


def _below(prefix: str, state: State) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
