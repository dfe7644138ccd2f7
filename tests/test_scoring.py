"""Scoring a pool with many workers: nothing twice, nothing lost, and always the same batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.utils.timezone import now

from projects.models import Item, Project
from sampling import bell, claims, features, generations, rounds, scoring, shards, snapshots, tasks
from sampling.models import Round, ScoreShard
from sampling.reading import Source, known_to
from sampling.snapshots import Job
from tests.loops import know, make_loop, turn


@pytest.fixture(autouse=True)
def small_shards(settings: Any) -> None:
    settings.SCORE_SHARD_ROWS = 10


def batch(round_: Round) -> list[int]:
    """The items that a round picked, in serving order."""
    return snapshots.load(round_.snapshot)[1].tolist()


def left_over(project: Project) -> list[str]:
    """Files of workers that nobody deleted."""
    return [str(path) for path in Path(site.MEDIA_ROOT, "scoring", str(project.pk)).rglob("*.npz")]


def ready(**settings: Any) -> Project:
    """A project whose next round scores its pool in several shards."""
    project = make_loop(**settings)
    know(project)
    return project


def meanwhile(monkeypatch: pytest.MonkeyPatch, do: Callable[[Round], object]) -> None:
    """Do something once, when the round has handed out its shards and begun none of them."""
    real = scoring._next

    def _next(round_: Round) -> Iterator[ScoreShard]:
        monkeypatch.undo()
        round_.refresh_from_db()
        do(round_)
        yield from real(round_)

    monkeypatch.setattr(scoring, "_next", _next)


@pytest.mark.django_db
def test_a_pool_of_one_shard_needs_neither_rows_nor_files(settings: Any, monkeypatch: pytest.MonkeyPatch):
    settings.SCORE_SHARD_ROWS = 100
    monkeypatch.setattr(scoring, "_hand_out", lambda *_arguments: pytest.fail("it was handed out"))
    assert turn(ready()).picked == 10


@pytest.mark.django_db
def test_a_large_pool_is_scored_in_shards_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch):
    project = ready()
    seen: list[Any] = []
    meanwhile(
        monkeypatch,
        lambda round_: seen.extend(round_.score_shards.values_list("of_attempt", "first", "last", "path")),
    )
    done = turn(project)
    assert seen == [(1, first, min(first + 10, 44), "") for first in range(0, 44, 10)]
    assert (done.picked, done.plan) == (10, "")
    assert not ScoreShard.objects.exists()
    assert left_over(project) == []
    assert rounds.replay(done) == (batch(done), batch(done))


@pytest.mark.django_db
def test_whoever_helps_scores_what_is_left_and_the_batch_is_the_same(monkeypatch: pytest.MonkeyPatch):
    alone = batch(turn(ready()))
    project = ready()
    helped: list[int] = []
    meanwhile(monkeypatch, lambda round_: helped.append(scoring.lend_a_hand(round_.pk)))
    done = turn(project)
    assert helped == [5]
    assert numbers_of(batch(done)) == numbers_of(alone)


def numbers_of(items: list[int]) -> list[int]:
    numbers = dict(Item.objects.filter(pk__in=items).values_list("pk", "number"))
    return [numbers[pk] for pk in items]


@pytest.mark.django_db
def test_a_helper_finds_nothing_to_do_when_the_round_is_over():
    project = ready()
    done = turn(project)
    assert scoring.lend_a_hand(done.pk) == 0
    tasks.score(done.pk)
    assert left_over(project) == []


@pytest.mark.django_db
def test_a_shard_whose_worker_died_is_taken_over_and_what_it_makes_later_is_thrown_away(
    monkeypatch: pytest.MonkeyPatch,
):
    project = ready()
    dead: list[tuple[ScoreShard, Job]] = []

    def die(round_: Round) -> None:
        shard = round_.score_shards.select_related("round")[0]
        long_ago = now() - timedelta(seconds=site.STALE_SECONDS + 1)
        assert claims.claim(ScoreShard.objects.filter(pk=shard.pk), 0, claimed_at=long_ago)
        dead.append((shard, scoring._unpacked(shards.load(round_.plan))))

    meanwhile(monkeypatch, die)
    done = turn(project)
    assert done.picked == 10
    assert rounds.replay(done) == (batch(done), batch(done))
    shard, job = dead[0]
    assert not scoring._worked(shard, job)
    assert left_over(project) == []


@pytest.mark.django_db
def test_what_a_helper_finishes_after_the_round_is_thrown_away(monkeypatch: pytest.MonkeyPatch):
    project = ready()
    real, over = Job.score, []

    def slow(job: Job, part: slice) -> Any:
        """The others take this shard over and publish the round while its helper is still at work."""
        monkeypatch.setattr(Job, "score", real)
        ScoreShard.objects.update(claimed_at=now() - timedelta(seconds=site.STALE_SECONDS + 1))
        while project.rounds.get().state != "done":
            over.append(rounds.turn(project, now() + timedelta(seconds=site.STALE_SECONDS + 1)))
        return real(job, part)

    def help_slowly(round_: Round) -> None:
        monkeypatch.setattr(Job, "score", slow)
        assert scoring.lend_a_hand(round_.pk) == 1

    meanwhile(monkeypatch, help_slowly)
    assert rounds.turn(project, now())
    assert over == [True]
    assert project.rounds.get().attempt == 2
    assert left_over(project) == []


@pytest.mark.django_db
def test_a_helper_that_fails_leaves_its_shard_to_others(monkeypatch: pytest.MonkeyPatch):
    project = ready()
    real = Job.score

    def fail(round_: Round) -> None:
        monkeypatch.setattr(Job, "score", lambda *_arguments: 1 / 0)
        assert scoring.lend_a_hand(round_.pk) == 0
        monkeypatch.setattr(Job, "score", real)

    meanwhile(monkeypatch, fail)
    assert turn(project).picked == 10


@pytest.mark.django_db
def test_a_round_that_was_taken_over_begins_its_shards_anew(monkeypatch: pytest.MonkeyPatch):
    project = ready()
    ran: list[bool] = []
    later = now() + timedelta(seconds=site.STALE_SECONDS + 1)
    meanwhile(monkeypatch, lambda _round: ran.append(rounds.turn(project, later)))
    assert rounds.turn(project, now())
    round_ = project.rounds.get()
    assert ran == [True]
    assert (round_.state, round_.attempt, round_.picked) == ("done", 2, 10)
    assert not ScoreShard.objects.exists()
    assert left_over(project) == []


@pytest.mark.django_db
def test_the_clock_calls_for_help_while_shards_wait(monkeypatch: pytest.MonkeyPatch):
    project = ready()
    rung: list[tuple[Any, ...]] = []

    def send(*message: Any) -> bool:
        rung.append(message)
        return True

    monkeypatch.setattr(bell, "send", send)
    round_ = Round(project=project, number=1, state="running", attempt=1, heartbeat_at=now())
    round_.save()
    known, table = _known(project, round_)
    scoring._hand_out(round_, _job(known, table))
    assert rung == [("score", round_.pk)] * 4
    rung.clear()
    tasks.tick()
    assert ("score", round_.pk) in rung
    scoring.lend_a_hand(round_.pk)
    rung.clear()
    tasks.tick()
    assert ("score", round_.pk) not in rung


def _known(project: Project, round_: Round) -> tuple[snapshots.Snapshot, shards.Table]:
    round_.feature_set = generations.usable(project)
    assert round_.feature_set is not None
    found = generations.ready_shards(round_.feature_set)
    table = features.table(found)
    return known_to(Source(round_, project.policy, table, found, None)), table


def _job(known: snapshots.Snapshot, table: shards.Table) -> Job:
    jobs: list[Job] = []

    def keep(job: Job) -> Any:
        jobs.append(job)
        return snapshots.in_process(job)

    snapshots.compute(known, table, scorer=keep)
    return jobs[0]


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [7, 10, 44])
def test_a_plan_gives_whoever_reads_it_the_same_scores_to_the_last_bit(rows: int, settings: Any):
    settings.SCORE_SHARD_ROWS = rows
    project = ready()
    job = _job(*_known(project, Round(project=project, number=1)))
    read = scoring._unpacked({name: value.copy() for name, value in scoring._packed(job).items()})
    assert read.parts == job.parts
    for part in job.parts:
        for ours, theirs in zip(job.score(part), read.score(part), strict=True):
            assert {name: array.tobytes() for name, array in ours.state().items()} == {
                name: array.tobytes() for name, array in theirs.state().items()
            }
