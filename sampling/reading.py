"""What a round may know: read once from the database, turned into rows."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from django.conf import settings as site
from django.core.files.storage import default_storage
from django.db.models import Count, F, Max, Q, QuerySet

from projects import queries, serving
from projects.models import Annotation, Item, Label, Policy, Project, QueueEntry
from sampling import feedback, figures, shards, snapshots, wishes
from sampling.core.arrays import BoolArray, FloatArray, IntArray, State, chunks
from sampling.core.centres import kept, moved
from sampling.core.clusters import nearest
from sampling.core.learners import recency_weights
from sampling.core.settings import NEW, Settings
from sampling.due import teach
from sampling.models import FeatureShard, ModelVersion, Round
from sampling.snapshots import Outcome, Snapshot

log = logging.getLogger(__name__)

# Items are new until so many rounds have known them.
NEW_ROUNDS = 5
# A label that hardly anybody agrees on still counts a little.
LEAST_WEIGHT = 0.05
# What production reports as wrong may fill so much of a batch, even where no stream looks at labels again.
REPORTED_SHARE = 0.1


@dataclass(frozen=True)
class Source:
    """What a round reads from."""

    round: Round
    policy: Policy
    table: shards.Table
    shards: list[FeatureShard]  # that the table is made of
    champion: ModelVersion | None  # the model in use

    @property
    def project(self) -> Project:
        return self.round.project

    @cached_property
    def labels(self) -> int:
        """Columns of every array of probabilities."""
        last = Label.objects.filter(project=self.project).aggregate(last=Max("position"))["last"]
        return (last or 0) + 1

    def rows(self, items: QuerySet[Item]) -> IntArray:
        """The rows of those of these items that have features, rising."""
        ids = np.array(list(items.values_list("pk", flat=True)), np.int64)
        return _present(self.table.rows_of(ids))

    def arrived(self, known: IntArray) -> IntArray:
        """The rows that are not of these shards."""
        sizes = [shard.rows for shard in self.shards]
        return np.flatnonzero(np.repeat(~np.isin([shard.pk for shard in self.shards], known), sizes))

    def having(self, wanted: Sequence[tuple[str, str]], items: QuerySet[Item]) -> list[IntArray]:
        """For each field and value the rows of those of these items whose metadata say so.

        The metadata are read here, for databases differ in how they look up and spell what JSON holds.
        """
        found: list[list[int]] = [[] for _ in wanted]
        if wanted:
            for pk, metadata in items.values_list("pk", "metadata").iterator(chunk_size=2000):
                for ids, (field, value) in zip(found, wanted, strict=True):
                    if field in metadata and _spelt(metadata[field]) == _spelt(value):
                        ids.append(pk)
        return [_present(self.table.rows_of(np.array(ids, np.int64))) for ids in found]


def _spelt(value: object) -> str:
    """A value of metadata as people write it: true and True are the same, and so are 2024 and 2024.0."""
    if isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false")):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def known_to(source: Source) -> Snapshot:
    """Read all that the round may know, once. Raises ValueError for a policy that cannot be followed."""
    project, policy = source.project, source.policy
    new = _alarming(source)
    settings = wishes.settings_of(policy, project, alarm=bool(len(new)))
    if not len(new) and any(stream.name == NEW for stream in settings.streams):
        new = _recent(source)
    training, rows = _featured(source, queries.training(project))
    holdout, holdout_rows = _featured(source, queries.evaluation(project))
    targets = _targets(source, training)
    centres, fitted_on = _kept_centres(source)
    return Snapshot(
        settings=settings,
        size=policy.batch_size,
        seed=(project.seed, source.round.number),
        shards=np.array([shard.pk for shard in source.shards], np.int64),
        training=rows,
        targets=targets,
        holdout=holdout_rows,
        truth=_targets(source, holdout),
        centres=centres,
        fitted_on=fitted_on,
        model=teach(targets.sum(axis=0).tolist()),
        shard_rows=site.SCORE_SHARD_ROWS,
        weights=_weights(training, policy.recency),
        new=new,
        champion=_comparable(source),
        gate=policy.gate,
        slices=_slices(source, holdout_rows),
        **_askable(source, settings, training),
    )


def _askable(source: Source, settings: Settings, training: list[queries.Known]) -> dict[str, Any]:
    """The part of a snapshot that says what may be asked about: open items, and settled ones again."""
    project = source.project
    asked = _asked(project)
    checks = _checks(source)
    reported = _reported(source, checks)
    free = queries.pool(project).exclude(pk__in=asked.values("item_id"))
    pool = source.rows(free.exclude(pk__in=reported))
    wanted, examples = wishes.rare(source.policy, project)
    return {
        "pool": pool,
        "waiting": _waiting(source, asked, reported),
        "examples": source.rows(project.items.filter(pk__in=examples, holdout=False)),
        "wanted": np.array(wanted, np.int64),
        "groups": _groups(source, settings, pool),
        "checks": checks,
        "checkable": _checkable(project, training) if checks else np.empty(0, np.int64),
        "reported": np.array(reported, np.int64),
    }


# --- labels ------------------------------------------------------------------------------------------------


def _featured(source: Source, known: Iterable[queries.Known]) -> tuple[list[queries.Known], IntArray]:
    """Those that have features by now, and their rows."""
    every = list(known)
    rows = source.table.rows_of(np.array([one.item_id for one in every], np.int64))
    return [one for one, row in zip(every, rows.tolist(), strict=True) if row >= 0], rows[rows >= 0]


def _targets(source: Source, known: list[queries.Known]) -> FloatArray:
    return snapshots.targets([one.positions for one in known], source.labels)


def _weights(known: list[queries.Known], recency: float) -> FloatArray | None:
    """What each label counts: as sure as its votes are, newer ones more, 1 on average. None: all the same."""
    if not known:
        return None
    sure = np.array([1.0 if one.posterior is None else one.posterior for one in known], np.float32)
    weights = np.maximum(sure, LEAST_WEIGHT)
    if recency:
        # What was known at import is the oldest.
        moments = [one.settled_at.timestamp() if one.settled_at else 0.0 for one in known]
        weights *= recency_weights(np.array([round(1e6 * moment) for moment in moments], np.int64), recency)
    return None if np.ptp(weights) < 1e-6 else weights / weights.mean()


def _checkable(project: Project, training: list[queries.Known]) -> IntArray:
    """Which of these may be asked about again: decided by nobody's word that stands, and not asked before."""
    firm = {Item.Source.ADJUDICATED, Item.Source.GOLD}
    checked = QueueEntry.objects.filter(project=project, stream=QueueEntry.Stream.CHECK)
    seen = set(checked.filter(reason__why="mislabelled").values_list("item_id", flat=True))
    seen |= _unaskable(project)
    free = [one.item_id not in seen and one.source not in firm for one in training]
    return np.flatnonzero(free)


def _checks(source: Source) -> int:
    """How many settled items may be asked about again: the share of the stream, less what waits of it."""
    share = round(wishes.check_share(source.policy) * source.policy.batch_size)
    return max(0, share - _rechecks(source.project).count()) if share else 0


def _rechecks(project: Project) -> QuerySet[QueueEntry]:
    """What is asked again and waits for somebody."""
    live = QueueEntry.objects.filter(project=project, state=QueueEntry.State.LIVE, free__gt=0)
    return live.filter(stream=QueueEntry.Stream.CHECK)


def _unaskable(project: Project) -> set[int]:
    """Items that nobody can be asked about once more: somebody is, or everybody was."""
    live = QueueEntry.objects.filter(project=project, state=QueueEntry.State.LIVE)
    asked = live.filter(
        Q(item__state=Item.State.SETTLED) | Q(stream__in=serving.LASTING) | Q(free__lt=F("places"))
    )
    votes = queries.current(Annotation.objects.filter(project=project, kind__in=Annotation.COUNTED))
    crew = queries.crew(project.pk)
    by_item = votes.filter(annotator__in=crew.values("user")).order_by().values("item")
    spent = by_item.annotate(number=Count("pk")).filter(number__gte=max(1, crew.count()))
    return {*asked.values_list("item_id", flat=True), *spent.values_list("item", flat=True)}


def _reported(source: Source, checks: int) -> list[int]:
    """Items that production says the model, or their label, has wrong, oldest word first.

    They have room of their own, whatever the streams of the policy: a tenth of a batch, less what waits.
    """
    found = feedback.waiting(source.project)
    if not found:
        return []
    waiting = _rechecks(source.project).filter(reason__why="feedback").count()
    room = max(checks, math.ceil(REPORTED_SHARE * source.policy.batch_size) - waiting)
    unaskable = _unaskable(source.project)
    return [item for item in found if item not in unaskable][:room]


# --- the model in use --------------------------------------------------------------------------------------


def _comparable(source: Source) -> str:
    """The file of the model in use; blank where a new one is of another kind, or the file is gone."""
    version = source.champion
    if version is None or version.learner != source.policy.learner:
        return ""
    same = version.round.feature_set_id == (source.round.feature_set and source.round.feature_set.pk)
    return version.path if same and default_storage.exists(version.path) else ""


def _slices(source: Source, holdout: IntArray) -> dict[str, BoolArray]:
    """Which of the hold-out each slice of the gate is."""
    wanted = wishes.slices(source.policy)
    found = source.having(wanted, source.project.items.filter(holdout=True))
    return {
        f"{field}: {value}": np.isin(holdout, rows)
        for (field, value), rows in zip(wanted, found, strict=True)
    }


# --- the pool ----------------------------------------------------------------------------------------------


def _asked(project: Project) -> QuerySet[QueueEntry]:
    """Live entries that stay in the queue when a round publishes: somebody holds them, answered, or asked."""
    live = QueueEntry.objects.filter(project=project, state=QueueEntry.State.LIVE)
    return live.filter(Q(free__lt=F("places")) | Q(stream__in=serving.LASTING))


def _present(rows: IntArray) -> IntArray:
    return np.sort(rows[rows >= 0])


def _waiting(source: Source, asked: QuerySet[QueueEntry], reported: list[int]) -> IntArray:
    """Rows of open items that people are asked about, whatever the round picks."""
    mine = Q(pk__in=asked.values("item_id")) | Q(pk__in=reported)
    return source.rows(source.project.items.filter(mine, state=Item.State.OPEN, holdout=False))


def _groups(source: Source, settings: Settings, pool: IntArray) -> BoolArray | None:
    """Which of the pool each quota about a field is about."""
    about = wishes.fields(settings)
    if not about:
        return None
    found = source.having(about, source.project.items.filter(holdout=False, state=Item.State.OPEN))
    return np.stack([np.isin(pool, rows) for rows in found], axis=1)


def _alarming(source: Source) -> IntArray:
    """Rows of a region that the figures raise an alarm about: unlike what the model knows."""
    return source.rows(source.project.items.filter(pk__in=figures.new_region(source.round)))


def _recent(source: Source) -> IntArray:
    """Rows that few rounds have known."""
    done = source.project.rounds.filter(state=Round.State.DONE, number__lt=source.round.number)
    before = done.filter(number__gte=source.round.number - NEW_ROUNDS).order_by("number").first()
    newest = before.metrics.get("newest", 0) if before else 0
    return source.rows(source.project.items.filter(number__gt=newest)) if newest else np.empty(0, np.int64)


# --- clusters ----------------------------------------------------------------------------------------------


def clusters(known: Snapshot, table: shards.Table, outcome: Outcome) -> State:
    """What the next round must know to keep the clusters of this one; nothing where it has none to keep."""
    batch = outcome.batch
    if batch is None or batch.centres is None:
        return {}
    return {
        "centres": batch.centres,
        "sizes": np.bincount(batch.pool_clusters, minlength=len(batch.centres)),
        "fitted_on": np.array(known.fitted_on if known.centres is not None else len(table.items)),
        "shards": known.shards,
    }


def _kept_centres(source: Source) -> tuple[FloatArray | None, int]:
    """The clusters of the round before with all that came since, and how many rows they were found on.

    None as soon as they should be found anew: other features, another strategy, a tenth of the items, or the
    file that had them is gone.
    """
    done = source.project.rounds.filter(state=Round.State.DONE, feature_set=source.round.feature_set)
    last = done.exclude(scores="").order_by("-number").select_related("policy").first()
    if last is None or _regions(last.policy) != _regions(source.policy):
        return None, 0
    try:
        state = shards.load(last.scores)
    except FileNotFoundError:
        log.warning("The scores of round %s of project %s are gone.", last.number, last.project_id)
        return None, 0
    fitted_on = int(state["fitted_on"]) if "fitted_on" in state else 0
    centres = kept(state.get("centres"), fitted_on, source.table.shape)
    if centres is None:
        return None, 0
    sizes, arrived = state["sizes"], source.arrived(state["shards"])
    for part in chunks(len(arrived)):
        x = source.table[arrived[part]]
        joined = np.bincount(nearest(x, centres)[0], minlength=len(centres))
        centres, sizes = moved(centres, sizes, x), sizes + joined
    return centres, fitted_on


def _regions(policy: Policy | None) -> tuple[str, str]:
    """What decides into how many clusters the pool is cut."""
    policy = policy or Policy()
    return policy.strategy, policy.mode
