"""Features of a project's items: fitted once a generation, computed once an item, in shards by any worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.timezone import now
from threadpoolctl import threadpool_limits

from projects.models import Item, Project, Upload
from sampling import claims, generations, shards
from sampling.contents import contents_of, metadata_of
from sampling.core.arrays import FloatArray, State
from sampling.core.columns import Columns
from sampling.core.featurizers import Featurizer, featurizer
from sampling.core.modelfiles import PREFIX, Unusable
from sampling.generations import newest_item
from sampling.models import FeatureSet, FeatureShard

# A claim counts twice: once when the work is handed out, once when it begins.
FIRST_TRY = 2
# One shard is the work of one task: some seconds.
SHARD_ROWS = 2_048
# A fit reads at most so many items.
FIT_ITEMS = 20_000
# State of at most so many bytes is a version number: nothing was fitted, and nothing need be fitted again.
_NOTHING = 64

log = logging.getLogger(__name__)


class Offer(NamedTuple):
    """A piece of work, claimed for whoever gets this message; worthless once the attempt has moved on."""

    kind: Literal["fit", "shard"]
    pk: int
    attempt: int


def table(ready: Sequence[FeatureShard]) -> shards.Table:
    """The features of these shards as one table that reads rows when they are asked for."""
    return shards.Table.of([shard.path for shard in ready])


# --- what is to be done ------------------------------------------------------------------------------------


def offers(project: Project, at: datetime) -> list[Offer]:
    """Claim the next pieces of work, as many as may run side by side; none when all is done."""
    newest = newest_item(project)
    if not newest:
        return []
    feature_set = _current(project, newest)
    if not feature_set.fitted_items:
        return _offer_fit(feature_set, at) if not _importing(project, at) else []
    _cut(feature_set, newest, whole=not _importing(project, at))
    found = _offer_shards(feature_set, at)
    if not found:
        _promote(feature_set, newest)
    return found


def perform(offer: Offer) -> int | None:
    """Do a piece of work and return its project's id; None when somebody else has it by now."""
    with threadpool_limits(settings.WORKER_THREADS):
        return _fit(offer) if offer.kind == "fit" else _compute(offer)


def advance(project: Project, at: datetime) -> bool:
    """Do one piece of work here and now; return whether there was one."""
    found = offers(project, at)
    for offer in found:
        perform(offer)
    return bool(found)


def _importing(project: Project, at: datetime) -> bool:
    """Whether a file is coming in right now: it pays to wait for the rest."""
    active = Upload.objects.filter(project=project, state=Upload.State.IMPORTING)
    return active.filter(heartbeat_at__gte=claims.stale_before(at)).exists()


def _current(project: Project, newest: int) -> FeatureSet:
    """The generation to work on: the newest, or a new one if it was outgrown or other features are wanted."""
    latest = project.feature_sets.order_by("-generation").first()
    if latest and generations.is_wanted(latest, project) and not _outgrown(latest, newest):
        return latest
    # Whoever changed it began the next generation already; we may have read the project before that.
    project.refresh_from_db(fields=["featurizer", "feature_columns"])
    if latest and generations.is_wanted(latest, project) and not _outgrown(latest, newest):
        return latest
    return generations.begin(project, latest)


def _outgrown(feature_set: FeatureSet, newest: int) -> bool:
    return bool(feature_set.fitted) and 2 * newest >= 3 * feature_set.fitted_items


def _offer_fit(feature_set: FeatureSet, at: datetime) -> list[Offer]:
    waiting = FeatureSet.objects.filter(claims.silent("claimed_at", at), pk=feature_set.pk, fitted_items=0)
    if not claims.claim(waiting, feature_set.attempt, claimed_at=at):
        return []
    return [Offer("fit", feature_set.pk, feature_set.attempt + 1)]


def _cut(feature_set: FeatureSet, newest: int, *, whole: bool) -> None:
    """Cut items that are in no shard into new shards; the last, smaller one only when ``whole``."""
    first = (feature_set.shards.aggregate(last=Max("last"))["last"] or 0) + 1
    made = []
    for start in range(first, newest + 1, SHARD_ROWS):
        last = min(start + SHARD_ROWS - 1, newest)
        if whole or last - start + 1 == SHARD_ROWS:
            made.append(FeatureShard(feature_set=feature_set, first=start, last=last))
    if not made:
        return
    # Two workers may cut at once, and one see more items than the other: the unique first item decides, and
    # what a smaller shard leaves over is cut next time.
    with transaction.atomic():
        locked = FeatureSet.objects.select_for_update(no_key=True).get(pk=feature_set.pk)
        if first == (locked.shards.aggregate(last=Max("last"))["last"] or 0) + 1:
            FeatureShard.objects.bulk_create(made, ignore_conflicts=True)


def _offer_shards(feature_set: FeatureSet, at: datetime) -> list[Offer]:
    missing = feature_set.shards.filter(path="")
    idle = missing.filter(claims.silent("claimed_at", at))
    # One that failed is claimed for the future, and takes no lane.
    busy = missing.filter(claimed_at__range=(claims.stale_before(at), at)).count()
    room = settings.FEATURE_LANES - busy
    # In random order: where a file is sorted, its first thousands are not typical of it.
    found = []
    for shard in idle.order_by("?")[: max(0, room)]:
        if claims.claim(_unfinished(shard.pk), shard.attempt, claimed_at=at):
            found.append(Offer("shard", shard.pk, shard.attempt + 1))
    return found


def _unfinished(pk: int) -> QuerySet[FeatureShard]:
    return FeatureShard.objects.filter(pk=pk, path="")


def _promote(feature_set: FeatureSet, newest: int) -> None:
    """Let a generation serve whose shards are all there, in place of the one before."""
    if feature_set.state != FeatureSet.State.BUILDING or feature_set.shards.filter(path="").exists():
        return
    if (feature_set.shards.aggregate(last=Max("last"))["last"] or 0) < newest:
        return
    with transaction.atomic():
        building = FeatureSet.objects.filter(pk=feature_set.pk, state=FeatureSet.State.BUILDING)
        if building.update(state=FeatureSet.State.READY):
            older = FeatureSet.objects.filter(
                project_id=feature_set.project_id, generation__lt=feature_set.generation
            )
            older.update(state=FeatureSet.State.RETIRED)


# --- doing it ----------------------------------------------------------------------------------------------


def _fit(offer: Offer) -> int | None:
    waiting = FeatureSet.objects.filter(pk=offer.pk, fitted_items=0)
    if not claims.claim(waiting, offer.attempt, claimed_at=now()):
        return None
    feature_set = FeatureSet.objects.select_related("project").get(pk=offer.pk)

    def mine() -> QuerySet[FeatureSet]:
        return waiting.filter(attempt=feature_set.attempt)

    with claims.Heartbeat(mine, "claimed_at"), _failures(feature_set, mine(), feature_set.attempt):
        items = newest_item(feature_set.project)
        # The project's random order: the same sample whoever draws it.
        sample = Item.objects.filter(project=feature_set.project).order_by("shuffle")[:FIT_ITEMS]
        rng = np.random.default_rng([feature_set.project.seed, feature_set.generation])
        _, contents = contents_of(sample, feature_set.project.media)
        state = _named(feature_set.featurizer)().fit(contents, rng).state()
        if feature_set.columns:
            state |= Columns.fit(feature_set.columns, metadata_of(sample)).state()
        path = shards.save(_path(feature_set, f"fit-{feature_set.attempt}"), state) if _learnt(state) else ""
        if not mine().update(fitted=path, fitted_items=items, error=""):
            shards.delete(path)
    return feature_set.project_id


def _compute(offer: Offer) -> int | None:
    if not claims.claim(_unfinished(offer.pk), offer.attempt, claimed_at=now()):
        return None
    shard = FeatureShard.objects.select_related("feature_set__project").get(pk=offer.pk)
    feature_set = shard.feature_set

    def mine() -> QuerySet[FeatureShard]:
        return _unfinished(shard.pk).filter(attempt=shard.attempt)

    with claims.Heartbeat(mine, "claimed_at"), _failures(feature_set, mine(), shard.attempt):
        items = Item.objects.filter(project=feature_set.project, number__range=(shard.first, shard.last))
        items = items.order_by("number")
        ids, contents = contents_of(items, feature_set.project.media)
        x = rows_for(feature_set, contents, metadata_of(items) if feature_set.columns else ())
        path = shards.save(_path(feature_set, f"{shard.first}-{shard.attempt}"), {"items": ids, "x": x})
        if not mine().update(path=path, rows=len(ids)):
            shards.delete(path)
        elif shard.attempt > FIRST_TRY:
            FeatureSet.objects.filter(pk=feature_set.pk).update(error="")
    return feature_set.project_id


@contextmanager
def _failures(feature_set: FeatureSet, mine: QuerySet[Any], attempt: int) -> Iterator[None]:
    """Keep what went wrong where leads see it, and let the next try wait."""
    try:
        yield
    except Exception as error:
        log.exception("Features of project %s failed.", feature_set.project_id)
        FeatureSet.objects.filter(pk=feature_set.pk).update(error=_sentence(error)[:2000])
        mine.update(claimed_at=now() + claims.pause(attempt // FIRST_TRY))


def _sentence(error: Exception) -> str:
    """What leads read: a sentence that was written for them, or the error as it is."""
    return str(error) if isinstance(error, Unusable) else f"{type(error).__name__}: {error}"


def _path(feature_set: FeatureSet, name: str) -> str:
    return f"features/{feature_set.project_id}/{feature_set.generation}/{name}.npz"


def _learnt(state: State) -> bool:
    return sum(array.nbytes for array in state.values()) > _NOTHING


def rows_for(
    feature_set: FeatureSet, contents: Sequence[Any], metadata: Sequence[Mapping[str, Any]]
) -> FloatArray:
    """The rows (n, d) that a shard of this set holds of such contents, with what else is known of each.

    Raises ValueError where its model file is gone or has changed.
    """
    if feature_set.featurizer.startswith(PREFIX):
        # The file may have changed since it was opened.
        _named(feature_set.featurizer)
    made, columns = _opened(feature_set.featurizer, feature_set.fitted)
    x = made.transform(contents)
    return columns.beside(x, metadata) if feature_set.columns else x


def _named(name: str) -> type[Featurizer]:
    return featurizer(name, settings.MODELS_DIR)


@lru_cache(maxsize=2)
def _opened(name: str, fitted: str) -> tuple[Featurizer, Columns]:
    if not fitted:
        return _named(name)(), Columns(())
    state = shards.load(fitted)
    return _named(name).from_state(state), Columns.from_state(state)
