"""Rounds: when one is due, who runs it, and what it leaves behind."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext_noop
from threadpoolctl import threadpool_limits

from projects import queue
from projects.models import Project, QueueEntry
from sampling import (
    alikes,
    claims,
    features,
    feedback,
    figures,
    generations,
    proof,
    scoring,
    shards,
    snapshots,
    words,
)
from sampling.core.arrays import IntArray, State
from sampling.due import FEATURED, free, is_due, two_labels_known
from sampling.models import ModelVersion, Round
from sampling.picks import picks, streams
from sampling.reading import Source, clusters, known_to
from sampling.snapshots import Outcome, Scorer, Snapshot

log = logging.getLogger(__name__)

# A round whose worker died so often rests like one that failed.
DEATHS = 3
# Files of scores kept a project: only the newest is ever read.
SCORES_KEPT = 3


class Overtaken(Exception):
    """Somebody put another model in use while the round ran: what it compared no longer holds."""


def advance(project_id: int) -> bool:
    """Move a project's loop on by at most one step, and return whether there was one to make.

    Repeating, doubling or losing a call does no harm.
    """
    at = now()
    project = Project.objects.filter(pk=project_id, state__in=FEATURED).first()
    if project is None:
        return False
    return turn(project, at) or features.advance(project, at)


def turn(project: Project, at: datetime) -> bool:
    """Run the round that is due, if one is and nobody else has it; return whether one was run."""
    if project.state != Project.State.ACTIVE:
        return False
    _open_due(project)
    _reconsider(project, at)
    round_ = _claimed(project, at)
    if round_ is None:
        return False
    _run(round_)
    words.after(round_)
    return True


# --- who ---------------------------------------------------------------------------------------------------


def _open_due(project: Project) -> None:
    if project.rounds.exclude(state=Round.State.DONE).exists() or not is_due(project):
        return
    last = project.rounds.aggregate(last=Max("number"))["last"]
    # Number 0 is the batch before any model.
    number = last + 1 if last is not None else int(two_labels_known(project))
    try:
        with transaction.atomic():
            Round.objects.create(project=project, number=number)
    except IntegrityError:
        log.info("Round %s of project %s was opened by another worker.", number, project.pk)


def _reconsider(project: Project, at: datetime) -> None:
    """Let a round that failed be tried at once when its policy is no longer the one in force."""
    failed = project.rounds.filter(state=Round.State.FAILED, heartbeat_at__gte=at).exclude(policy=None)
    if failed.exists():
        failed.exclude(policy=project.policy.pk).update(heartbeat_at=at - timedelta(seconds=1))


def _claimed(project: Project, at: datetime) -> Round | None:
    """Take over the project's open round, if it is free; of any number of callers one gets it."""
    round_ = project.rounds.filter(free(at)).order_by("number").first()
    if round_ is None:
        return None
    row = Round.objects.filter(free(at), pk=round_.pk)
    died = round_.state == Round.State.RUNNING
    deaths = round_.deaths + died
    if died and deaths >= DEATHS:
        why = gettext_noop(
            "The worker ended in the middle of this round, several times. It may have run out of memory."
        )
        # Under another policy it may live.
        changes = {"deaths": deaths, "policy": project.policy.pk, **_failure(round_.attempt, why)}
        row.filter(attempt=round_.attempt).update(**changes)
        return None
    begun = {"state": Round.State.RUNNING, "step": "", "heartbeat_at": at, "started_at": now()}
    if not claims.claim(row, round_.attempt, deaths=deaths, **begun):
        return None
    round_.refresh_from_db()
    return round_


def _failure(attempt: int, error: str) -> dict[str, object]:
    at = now()
    again = at + claims.pause(attempt)
    return {"state": Round.State.FAILED, "error": error[:2000], "finished_at": at, "heartbeat_at": again}


def _run(round_: Round) -> None:
    """Run a claimed round to its end; what goes wrong is kept with it."""

    def mine() -> QuerySet[Round]:
        return Round.objects.filter(pk=round_.pk, state=Round.State.RUNNING, attempt=round_.attempt)

    try:
        with claims.Heartbeat(mine, "heartbeat_at") as heart, threadpool_limits(settings.WORKER_THREADS):

            def step(name: str) -> None:
                heart.check()
                mine().update(step=name)

            _work(round_, mine, step, scoring.shared(round_, heart.check))
    except Overtaken:
        log.warning("Round %s of project %s begins anew.", round_.number, round_.project_id)
        mine().update(state=Round.State.QUEUED, step="", heartbeat_at=None, deaths=0)
    except claims.Lost:
        log.warning("Round %s of project %s went to another worker.", round_.number, round_.project_id)
    except Exception as error:
        log.exception("Round %s of project %s failed.", round_.number, round_.project_id)
        # What was refused says so in a sentence; of the rest the kind helps as well.
        said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        mine().update(policy=round_.policy, deaths=0, **_failure(round_.attempt, said))


# --- what --------------------------------------------------------------------------------------------------


def _work(
    round_: Round, mine: Callable[[], QuerySet[Round]], step: Callable[[str], None], scorer: Scorer
) -> None:
    project = Project.objects.get(pk=round_.project_id)
    feature_set = generations.usable(project)
    if feature_set is None:
        raise RuntimeError("The features of this project are gone; they are computed again.")
    step("read")
    # First the mark, then the labels: an answer in between is known and counts again, never neither.
    mark = project.annotations.aggregate(newest=Max("pk"))["newest"] or 0
    round_.policy = policy if (policy := project.policy).pk else None
    round_.feature_set = feature_set
    ready = generations.ready_shards(feature_set)
    table = features.table(ready)
    champion = ModelVersion.objects.filter(project=project, state=ModelVersion.State.CHAMPION).first()
    known = known_to(Source(round_, policy, table, ready, champion))
    outcome = snapshots.compute(known, table, step, scorer)
    step("measure")
    measured = {**_measured(round_, known, outcome, table), "newest": ready[-1].last}
    alike = alikes.of_round(project, known, outcome, table) if policy.bulk else {}
    step("publish")
    files = _save(round_, known, table, outcome)
    result = _Result(known, table.items, outcome, mark, files, champion, measured, alike)
    try:
        _publish(round_, mine(), result)
    except BaseException:
        for path in result.files.values():
            shards.delete(path)
        raise
    _forget_scores(project)
    scoring.forget(project.pk)


@dataclass(frozen=True)
class _Result:
    """All that one run of a round made, before anybody sees it."""

    known: Snapshot
    items: IntArray  # of each row of the table
    outcome: Outcome
    mark: int
    files: dict[str, str]
    champion: ModelVersion | None  # in use when the round began
    measured: dict[str, Any]  # see sampling.figures
    alike: alikes.Alikes


@transaction.atomic
def _publish(round_: Round, mine: QuerySet[Round], result: _Result) -> None:
    """Let everybody see the round at once: its picks, its model, its end. Raises Lost if it is not ours."""
    outcome, files = result.outcome, result.files
    done = mine.update(
        state=Round.State.DONE,
        step="",
        error="",
        deaths=0,
        finished_at=now(),
        policy=round_.policy,
        feature_set=round_.feature_set,
        mark=result.mark,
        snapshot=files["snapshot"],
        scores=files.get("scores", ""),
        labelled=len(result.known.training),
        picked=len(outcome.rows),
        metrics=_metrics(result),
    )
    if not done:
        raise claims.Lost
    _keep_model(round_, result)
    chosen = alikes.told(picks(result.known, outcome, result.items), result.alike)
    queue.publish(round_.project, chosen, round_.number)
    # A word about an item that is being decided at this moment waits for the next round.
    checked = QueueEntry.objects.filter(
        project_id=round_.project_id, round_number=round_.number, stream=QueueEntry.Stream.CHECK
    )
    known = checked.filter(item_id__in=result.known.reported.tolist())
    feedback.handled(round_.project, known.values_list("item_id", flat=True))
    news: dict[str, Any] = {"round_mark": result.mark}
    if outcome.trained is not None:
        news["has_model"] = True
    Project.objects.filter(pk=round_.project_id).update(**news)
    if outcome.learnt is not None:
        proof.settle_on(round_.project, proof.proven(round_.project, _serving(result)))


def _serving(result: _Result) -> dict[str, Any] | None:
    """Figures on the hold-out of the model in use from now on."""
    learnt = result.outcome.learnt
    if learnt is not None and not learnt.held_back:
        return learnt.figures.as_dict()
    held: dict[str, Any] | None = result.measured.get("holdout")
    return held


def _measured(round_: Round, known: Snapshot, outcome: Outcome, table: shards.Table) -> dict[str, Any]:
    """Figures that people look at; what cannot be measured does not hold up the batch."""
    began = time.monotonic()
    try:
        found = figures.after_round(round_, known, outcome, table)
    except ValueError:
        log.exception("Round %s of project %s could not be measured.", round_.number, round_.project_id)
        found = {}
    outcome.seconds["measure"] = round(time.monotonic() - began, 3)
    return found


def _keep_model(round_: Round, result: _Result) -> None:
    """Store the new version, in use or held back. Raises Overtaken when another one is in use by now."""
    learnt, before = result.outcome.learnt, result.champion
    if learnt is None:
        return
    if before:
        used = ModelVersion.objects.filter(pk=before.pk, state=ModelVersion.State.CHAMPION)
        if not (used.exists() if learnt.held_back else used.update(state=ModelVersion.State.RETIRED)):
            raise Overtaken
    gate: dict[str, Any] = {}
    if learnt.verdict and before:
        against = Round.objects.values_list("number", flat=True).get(pk=before.round_id)
        gate = {**learnt.verdict.as_dict(), "against": against, "applied": result.known.gate}
    state = ModelVersion.State.REJECTED if learnt.held_back else ModelVersion.State.CHAMPION
    try:
        ModelVersion.objects.create(
            project_id=round_.project_id,
            round=round_,
            learner=result.known.settings.learner,
            path=result.files["model"],
            training_items=len(result.known.training),
            seed=list(result.known.seed),
            metrics=learnt.figures.as_dict(),
            state=state,
            gate=gate,
        )
    except IntegrityError as error:  # One model is in use at a time, and another one is.
        raise Overtaken from error


def _metrics(result: _Result) -> dict[str, Any]:
    known, outcome = result.known, result.outcome
    batch, learnt = outcome.batch, outcome.learnt
    divided = None
    # Settled items that are asked about again may fill a batch, and then there is nothing to average.
    if outcome.trained and batch and len(batch.rows):
        divided = round(float(batch.disagreement.mean()), 4)
    return {
        # Of the model in use: where the new one is held back, the figures below have it.
        "holdout": learnt.figures.as_dict() if learnt and not learnt.held_back else None,
        "training": {"items": len(known.training), "labels": known.targets.sum(axis=0).astype(int).tolist()},
        "committee": {
            "size": len(outcome.trained.committee) if outcome.trained else 0,
            "disagreement": divided,
        },
        "pool": len(known.pool),
        "strategy": batch.strategy if batch else None,
        "streams": streams(known, outcome),
        "held_back": bool(learnt and learnt.held_back),
        "seconds": outcome.seconds,
        **result.measured,
    }


def _forget_scores(project: Project) -> None:
    """Delete the scores of old rounds: they follow from the snapshots, should anybody want them."""
    for round_ in project.rounds.exclude(scores="").order_by("-number")[SCORES_KEPT:]:
        Round.objects.filter(pk=round_.pk).update(scores="")
        shards.delete(round_.scores)


def replay(round_: Round) -> tuple[list[int], list[int]]:
    """Compute a published round again from its snapshot: the items picked then, and those picked now.

    Raises ValueError with a sentence where a file that it needs is gone.
    """
    try:
        known, picked, _reserve = snapshots.load(round_.snapshot)
        table = scoring.table_of(known)
        with threadpool_limits(settings.WORKER_THREADS):
            outcome = snapshots.compute(known, table)
    except FileNotFoundError as error:
        raise ValueError(f"the file {error.filename} is gone") from error
    then = [*picked.tolist(), *snapshots.suspected(round_.snapshot).tolist()]
    return then, table.items[np.concatenate([outcome.rows, outcome.suspects])].tolist()


def _save(round_: Round, known: Snapshot, table: shards.Table, outcome: Outcome) -> dict[str, str]:
    """Write the round's files; nobody reads them until the row names them."""
    name = f"{round_.project_id}/{round_.number}-{round_.attempt}.npz"
    files = {"snapshot": snapshots.save(f"rounds/{name}", known, table.items, outcome)}
    if outcome.batch is not None:
        scores: State = {"items": table.items[known.pool], "score": outcome.batch.pool_scores}
        scores |= clusters(known, table, outcome)
        files["scores"] = shards.save(f"scores/{name}", scores)
    if outcome.trained is not None:
        files["model"] = shards.save(f"models/{name}", outcome.trained.state())
    return files
