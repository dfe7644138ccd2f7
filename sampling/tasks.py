"""Doorbells: each task looks up its work in the database. Any call may be lost, doubled or late."""

from __future__ import annotations

from typing import Literal

from celery import shared_task
from django.utils.timezone import now

from projects import queue
from projects import tasks as files
from projects.models import Project
from sampling import bell, features, queries, rounds, scoring, whatif
from sampling.due import FEATURED


@shared_task
def advance(project_id: int) -> None:
    """Run the round that is due, and hand out the features that are missing."""
    project = _featured(project_id)
    if project and rounds.turn(project, now()):
        bell.send("advance", project_id)
        project = _featured(project_id)  # The round took its time.
    # Also after a round: however many are due, features come in between.
    for offer in features.offers(project, now()) if project else ():
        bell.send("featurize", *offer)


def _featured(project_id: int) -> Project | None:
    return Project.objects.filter(pk=project_id, state__in=FEATURED).first()


@shared_task
def featurize(kind: Literal["fit", "shard"], pk: int, attempt: int) -> None:
    """Do one piece of feature work, if nobody else has done it, and look what comes next."""
    project_id = features.perform(features.Offer(kind, pk, attempt))
    if project_id is not None:
        bell.send("advance", project_id)


@shared_task
def score(round_id: int) -> None:
    """Help a running round to score its pool, if it has shards that nobody works on."""
    scoring.lend_a_hand(round_id)


@shared_task
def compare(comparison_id: int) -> None:
    """Make one replay of a comparison: others get their turn between two."""
    if whatif.advance(comparison_id):
        whatif.ring(comparison_id)


@shared_task
def tick() -> None:
    """Every few seconds: whatever waits and was not heard, rings again."""
    at = now()
    queue.expire_all(at)
    for project_id in queries.waiting(at):
        if not bell.send("advance", project_id):
            return
    for round_id in scoring.waiting(at):
        bell.send("score", round_id)
    for comparison_id in whatif.waiting(at):
        whatif.ring(comparison_id)
    files.tick()
