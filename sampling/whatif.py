"""What if another strategy had picked? Replays on a project's own labels, in the worker, one at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from threadpoolctl import threadpool_limits

from projects.errors import Refused
from projects.models import Item, Project
from sampling import bell, claims, shards
from sampling.models import Comparison

log = logging.getLogger(__name__)

STRATEGIES_MOST: Final = 3
SEEDS: Final = 5
# Processor seconds for all replays; whole seeds are left out when they would take longer.
SECONDS: Final = 60.0
SEEDS_LEAST: Final = 2
# Labelled items that it takes: to choose from, and to test on.
ENOUGH: Final = 150
# Labelled items that are read, and tested on, at most.
ITEMS: Final = 2000
TESTED: Final = 600
# Items drawn at random that it takes to test on them alone; and that must be left to choose from.
UNIFORM: Final = 50
LEARN: Final = 80
# Where there are fewer, this share of all of them is tested on.
SHARE: Final = 0.3
# A replay whose worker died so often is given up.
DEATHS: Final = 3
KEPT: Final = 5


def own_strategy(project: Project) -> str:
    """The strategy of the policy in force, with its mode, as the core names it."""
    policy = project.policy
    return f"{policy.strategy}/{policy.mode}" if policy.mode else policy.strategy


def labelled(project: Project) -> int:
    """Settled items of the project."""
    return Item.objects.filter(
        project=project, state=Item.State.SETTLED, settled_labels__isnull=False
    ).count()


def left(training: int, agreement: int, holdout: int) -> int:
    """How many labelled items ``bench.parts`` leaves to choose from; ``agreement`` are among ``training``."""
    tested = min(holdout, TESTED)
    more = min(agreement, TESTED - tested, training // 4)
    if tested + more >= UNIFORM:
        return min(training - more, ITEMS - tested - more)
    test = min(TESTED, round(SHARE * training))
    return min(training - test, ITEMS - test)


def choosable(project: Project) -> int:
    """Settled items that strategies may choose from in a replay."""
    settled = Item.objects.filter(project=project, state=Item.State.SETTLED, settled_labels__isnull=False)
    if project.task != Project.Task.MULTI:
        settled = settled.exclude(settled_labels=[])
    training = Count("pk", filter=Q(holdout=False))
    agreement = Count("pk", filter=Q(holdout=False, agreement=True))
    counts = settled.aggregate(training=training, agreement=agreement, all=Count("pk"))
    return left(counts["training"], counts["agreement"], counts["all"] - counts["training"])


def live(project: Project) -> Comparison | None:
    """The comparison that waits or runs."""
    return project.comparisons.filter(state__in=Comparison.LIVE).first()


def newest(project: Project, **only: Any) -> Comparison | None:
    """The newest comparison, whatever became of it; or of those that meet conditions."""
    return project.comparisons.filter(**only).order_by("-pk").first()


def ask(project: Project, strategies: Sequence[str]) -> Comparison:
    """Let a worker compare strategies; the bell rings once this is kept. Raises Refused."""
    names = list(dict.fromkeys(strategies))
    if not 2 <= len(names) <= STRATEGIES_MOST:
        raise Refused(_("Choose two or three strategies."))
    there = labelled(project)
    if there < ENOUGH:
        raise Refused(_("There are %(there)d labelled items; %(enough)d are needed.") % {
            "there": there, "enough": ENOUGH
        })  # fmt: skip
    if (may := choosable(project)) < LEARN:
        raise Refused(_("%(n)d of %(least)d labelled items that may be replayed are there.") % {
            "n": may, "least": LEARN
        })  # fmt: skip
    try:
        with transaction.atomic():
            made = Comparison.objects.create(project=project, strategies=names, seeds=SEEDS, labelled=there)
            transaction.on_commit(lambda: ring(made.pk))
    except IntegrityError:
        raise Refused(_("A comparison is running already. Wait for it, or stop it.")) from None
    _forget(project)
    return made


def stop(project: Project) -> bool:
    """End the comparison that waits or runs; return whether there was one."""
    with transaction.atomic():
        # Locked, so that no worker names a file between what is read here and what is written.
        found = project.comparisons.select_for_update(no_key=True).filter(state__in=Comparison.LIVE).first()
        if found is None:
            return False
        mine = Comparison.objects.filter(pk=found.pk)
        mine.update(state=Comparison.State.STOPPED, finished_at=now(), path="")
    shards.delete(found.path)
    return True


def _forget(project: Project) -> None:
    old = project.comparisons.exclude(state__in=Comparison.LIVE).order_by("-pk")[KEPT:]
    Comparison.objects.filter(pk__in=[one.pk for one in old]).delete()


def ring(pk: int) -> None:
    """Ask a worker for the next replay; if nobody hears, the next tick rings again."""
    bell.send("compare", pk)


def waiting(at: datetime) -> list[int]:
    """Comparisons whose next replay nobody works on."""
    idle = Comparison.objects.filter(claims.silent("heartbeat_at", at), state__in=Comparison.LIVE)
    return list(idle.order_by("pk").values_list("pk", flat=True))


# --- in the worker -----------------------------------------------------------------------------------------


def advance(pk: int) -> bool:
    """Make the next replay of a comparison, if nobody else is at it; return whether there is more to do."""
    at = now()
    row = Comparison.objects.filter(claims.silent("heartbeat_at", at), pk=pk, state__in=Comparison.LIVE)
    found = row.select_related("project").first()
    if found is None:
        return False
    if not claims.claim(row, found.attempt, state=Comparison.State.RUNNING, heartbeat_at=at):
        return False
    found.attempt += 1

    def mine() -> QuerySet[Comparison]:
        return Comparison.objects.filter(pk=found.pk, state=Comparison.State.RUNNING, attempt=found.attempt)

    if found.attempt - len(found.replays) > DEATHS:
        died = gettext_noop(
            "The worker ended in the middle of a replay, several times. It may have run out of memory."
        )
        _end(found, mine, Comparison.State.FAILED, error=died)
        return False
    try:
        with claims.Heartbeat(mine, "heartbeat_at"), threadpool_limits(settings.WORKER_THREADS):
            return _step(found, mine)
    except Refused as refusal:
        _end(found, mine, Comparison.State.FAILED, error=str(refusal))
    except Exception as error:
        log.exception("Comparison %s of project %s failed.", found.pk, found.project_id)
        _end(found, mine, Comparison.State.FAILED, error=f"{type(error).__name__}: {error}"[:2000])
    return False


def _step(found: Comparison, mine: Callable[[], QuerySet[Comparison]]) -> bool:
    # What a replay needs is heavy; pages import this module too.
    from sampling import bench

    began = time.process_time()
    if not found.path:
        found.path, found.facts = bench.made(found)
        if not mine().update(path=found.path, facts=found.facts):
            shards.delete(found.path)
            return False
    number = len(found.replays)
    strategy = found.strategies[number % len(found.strategies)]
    made = bench.replay(found, strategy, number // len(found.strategies))
    found.replays.append(asdict(made))
    found.seconds += time.process_time() - began
    kept: dict[str, Any] = {"replays": found.replays, "seconds": found.seconds}
    if enough(found):
        kept["facts"] = {**found.facts, **bench.verdict(found)}
        # What each model said of each item has served its purpose.
        kept["replays"] = [{**one, "right": []} for one in found.replays]
        _end(found, mine, Comparison.State.DONE, **kept)
        return False
    return bool(mine().update(**kept, heartbeat_at=None))


def enough(found: Comparison) -> bool:
    """Whether all replays are there, or another seed would take too long."""
    seeds, begun = divmod(len(found.replays), len(found.strategies))
    if begun or not seeds:
        return False
    return seeds >= found.seeds or (seeds >= SEEDS_LEAST and found.seconds * (seeds + 1) / seeds > SECONDS)


def _end(
    found: Comparison, mine: Callable[[], QuerySet[Comparison]], state: Comparison.State, **more: Any
) -> None:
    if mine().update(state=state, finished_at=now(), path="", heartbeat_at=None, **more):
        shards.delete(found.path)
