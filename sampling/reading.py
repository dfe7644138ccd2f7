"""What a round may know: read once from the database, turned into rows."""

from __future__ import annotations

import numpy as np
from django.conf import settings as site
from django.db.models import F, Max, Q, QuerySet

from projects import queries
from projects.models import Label, Policy, Project, QueueEntry
from sampling import shards, snapshots
from sampling.core.arrays import FloatArray, IntArray
from sampling.core.settings import Settings
from sampling.due import teach
from sampling.models import Round
from sampling.snapshots import Snapshot


def known_to(round_: Round, policy: Policy, table: shards.Table, shard_ids: list[int]) -> Snapshot:
    """Read all that the round may know, once."""
    project = round_.project
    labels = (Label.objects.filter(project=project).aggregate(last=Max("position"))["last"] or 0) + 1
    held = set(project.items.filter(holdout=True).values_list("pk", flat=True))
    training = [known for known in queries.training(project) if known.item_id not in held]
    rows, targets = _labelled(training, table, labels)
    holdout, truth = _labelled(list(queries.evaluation(project)), table, labels)
    kept = _kept(project)
    pool = np.array(
        queries.pool(project).exclude(pk__in=kept.values("item_id")).values_list("pk", flat=True), np.int64
    )
    kept_ids = np.array(kept.filter(item__holdout=False).values_list("item_id", flat=True), np.int64)
    return Snapshot(
        settings=Settings(
            strategy=policy.strategy,
            learner=policy.learner,
            task="multi" if project.task == Project.Task.MULTI else "single",
            committee_size=policy.committee_size,
        ),
        size=policy.batch_size,
        seed=(project.seed, round_.number),
        shards=np.array(shard_ids, np.int64),
        pool=_present(table.rows_of(pool)),
        training=rows,
        targets=targets,
        holdout=holdout,
        truth=truth,
        waiting=_present(table.rows_of(kept_ids)),
        centres=_centres(round_),
        model=teach(targets.sum(axis=0).tolist()),
        shard_rows=site.SCORE_SHARD_ROWS,
    )


def _kept(project: Project) -> QuerySet[QueueEntry]:
    """Live entries that stay in the queue when a round publishes: somebody holds them, answered, or asked."""
    live = QueueEntry.objects.filter(project=project, state=QueueEntry.State.LIVE)
    return live.filter(Q(free__lt=F("places")) | Q(stream=QueueEntry.Stream.AGAIN))


def _labelled(known: list[queries.Known], table: shards.Table, labels: int) -> tuple[IntArray, FloatArray]:
    rows = table.rows_of(np.array([one.item_id for one in known], np.int64))
    targets = snapshots.targets([one.positions for one in known], labels)
    return rows[rows >= 0], targets[rows >= 0]


def _present(rows: IntArray) -> IntArray:
    return np.sort(rows[rows >= 0])


def _centres(round_: Round) -> FloatArray | None:
    """The clusters of the round before, as long as the features mean the same."""
    before = round_.project.rounds.filter(state=Round.State.DONE, feature_set=round_.feature_set)
    last = before.exclude(scores="").order_by("-number").first()
    return shards.load(last.scores).get("centres") if last else None
