"""Scoring with real worker processes, one of them really killed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import Any

import pytest
from django.utils.timezone import now

from annotator.management.commands import serve
from sampling import rounds
from sampling.models import Round, ScoreShard
from sampling.snapshots import Job
from tests.processes import started, wait_for
from tests.test_scoring import batch, left_over, meanwhile, ready

pytestmark = pytest.mark.django_db(transaction=True)

# A worker that begins one shard and gets stuck in it.
DOOMED = """
import sys, time, django
django.setup()
from sampling import scoring
from sampling.snapshots import Job

def hang(*_arguments):
    print("scoring", flush=True)
    time.sleep(600)

Job.score = hang
scoring.lend_a_hand(int(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def small_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SCORE_SHARD_ROWS = 10
    settings.HEARTBEAT_SECONDS, settings.STALE_SECONDS = 0.3, 2


def killed_while_scoring(round_: Round) -> None:
    """Let a process begin a shard, and kill it in the middle."""
    command = [sys.executable, "-c", DOOMED, str(round_.pk)]
    with started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"scoring\n"
        process.kill()
        process.stdout.close()


def start_workers(count: int, stack: ExitStack) -> None:
    """Start Celery workers on our database and broker; only the first has a clock."""
    for number in range(count):
        command = list(serve.worker(1).command)
        if number:
            command.remove("--beat")
        stack.enter_context(started([*command, "--hostname", f"w{number}@test"]))


def wait_for_help(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let this process finish no shard before another one has; the first rows of those that it scored."""
    real, mine = Job.score, []

    def score(job: Job, part: slice) -> Any:
        wait_for(lambda: ScoreShard.objects.exclude(path="").exists(), seconds=600)
        mine.append(part.start)
        return real(job, part)

    monkeypatch.setattr(Job, "score", score)
    return mine


def test_four_workers_and_one_that_is_killed_pick_what_one_alone_picks(monkeypatch: pytest.MonkeyPatch):
    project = ready(items=150)
    with ExitStack() as stack:
        mine: list[list[int]] = []

        def begin(round_: Round) -> None:
            killed_while_scoring(round_)
            assert [shard.attempt for shard in round_.score_shards.all()] == [1] + 12 * [0]
            start_workers(4, stack)
            mine.append(wait_for_help(monkeypatch))

        meanwhile(monkeypatch, begin)
        assert rounds.turn(project, now())
        monkeypatch.undo()
    done = project.rounds.get()
    assert (done.state, done.attempt, done.picked) == ("done", 1, 10)
    assert len(mine[0]) < 13
    assert rounds.replay(done) == (batch(done), batch(done))
    assert not ScoreShard.objects.exists()
    assert left_over(project) == []
