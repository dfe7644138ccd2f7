"""A project's settled labels as something to replay on: read once, kept in a file while it is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from projects import queries
from projects.errors import Refused
from projects.models import Item, Label, Project
from sampling import features, generations, shards, snapshots, wishes
from sampling.core import comparison, hindsight
from sampling.core.arrays import FloatArray, IntArray
from sampling.core.comparison import BASELINE
from sampling.core.hindsight import Bench, Replay
from sampling.core.settings import Settings
from sampling.core.simulation import Plan
from sampling.models import Comparison
from sampling.whatif import ITEMS, LEARN, SHARE, TESTED, UNIFORM, own_strategy


def made(found: Comparison) -> tuple[str, dict[str, Any]]:
    """Read what is settled now, keep it in a file, and return its path and what it holds. Raises Refused."""
    project = found.project
    usable = generations.usable(project)
    if usable is None:
        raise Refused(_("The items have no features yet. They come by themselves; try again in a minute."))
    table = features.table(generations.ready_shards(usable))
    rng = np.random.default_rng([project.seed, found.pk])
    ids, targets, kinds = _settled(project, table)
    learn, test, uniform = parts(kinds, rng)
    if len(learn) < LEARN or (targets[learn].sum(axis=0) >= 2).sum() < 2:
        raise Refused(
            _("Apart from the test items %(n)d labelled items are left; it takes %(least)d, and two labels.")
            % {"n": len(learn), "least": LEARN}
        )
    kept = np.concatenate([learn, test])
    bench = Bench(
        table[table.rows_of(ids[kept])],
        targets[kept],
        np.arange(len(learn)),
        np.arange(len(learn), len(kept)),
    )
    path = shards.save(
        f"comparisons/{project.pk}/{found.pk}-{found.attempt}.npz",
        {"x": bench.x, "targets": bench.targets, "learn": bench.learn, "test": bench.test},
    )
    facts = {
        "learn": len(learn),
        "test": len(test),
        "uniform": uniform,
        "holdout": int((kinds[test] == HOLDOUT).sum()) if uniform else 0,
        "budget": bench.budget,
        "batch": bench.batch,
    }
    return path, facts


def replay(found: Comparison, strategy: str, seed: int) -> Replay:
    """Replay one strategy on what was kept."""
    arrays = shards.load(found.path)
    bench = Bench(arrays["x"], arrays["targets"], arrays["learn"], arrays["test"])
    policy = found.project.policy
    base = wishes.settings_of(policy, found.project)
    settings = Settings(
        learner=base.learner,
        task=base.task,
        committee_size=max(2, base.committee_size),
        class_weights=base.class_weights,
        diversity=base.diversity,
        hybrid=base.hybrid,
    )
    plan = Plan((strategy,), bench.batch, bench.batch, bench.budget, settings=settings)
    return hindsight.replayed(bench, plan, strategy, seed)


def verdict(found: Comparison) -> dict[str, Any]:
    """Curves with standard errors, and how each strategy stands beside the project's own, or the first."""
    replays = [Replay(**one) for one in found.replays]
    groups = {name: [one for one in replays if one.strategy == name] for name in found.strategies}
    own = own_strategy(found.project)
    reference = own if own in groups else found.strategies[0]
    base = comparison.mean_curve(groups[BASELINE if BASELINE in groups else reference])[1][-1]
    rows = {}
    for name, some in groups.items():
        labels, accuracy = comparison.stacked(some)
        mean = accuracy.mean(axis=0, dtype=np.float64)
        gap = hindsight.difference(some, groups[reference]) if name != reference else None
        needed = comparison.labels_to_reach(labels, mean.astype(np.float32), float(base))
        rows[name] = {
            "labels": labels.tolist(),
            "mean": np.round(mean, 4).tolist(),
            "error": np.round(
                accuracy.std(axis=0, ddof=1, dtype=np.float64) / np.sqrt(len(some)), 4
            ).tolist(),
            "height": round(float(np.mean([one.height for one in some])), 4),
            "needed": None if needed is None else round(needed),
            "gap": round(gap.mean, 4) if gap else None,
            "reach": round(gap.reach, 4) if gap else None,
            "beyond": gap.beyond_chance if gap else None,
        }
    seeds = len(replays) // len(found.strategies)
    return {"rows": rows, "reference": reference, "own": reference == own, "seeds": seeds}


# What an item is: of the hold-out, of the agreement sample, or picked.
HOLDOUT, AGREEMENT, PICKED = 2, 1, 0


def _settled(project: Project, table: shards.Table) -> tuple[IntArray, FloatArray, IntArray]:
    """Ids, targets and kinds of settled items that have features."""
    training, holdout = list(queries.training(project)), list(queries.evaluation(project))
    known = [*training, *holdout]
    ids = np.array([one.item_id for one in known], np.int64)
    agreement = Item.objects.filter(project=project, agreement=True, holdout=False)
    drawn = np.array(list(agreement.values_list("pk", flat=True)), np.int64)
    kinds = np.where(np.isin(ids, drawn), AGREEMENT, PICKED)
    kinds[len(training) :] = HOLDOUT
    labels = max(Label.objects.filter(project=project).values_list("position", flat=True), default=0) + 1
    targets = snapshots.targets([one.positions for one in known], labels)
    there = table.rows_of(ids) >= 0
    return ids[there], targets[there], kinds[there]


def parts(kinds: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray, bool]:
    """Rows to choose from, rows to test on, and whether these were drawn at random from all items.

    The hold-out is tested on, never learnt from. The agreement sample fills up, with at most a third of what
    is left to choose from.
    """
    training = rng.permutation(np.flatnonzero(kinds != HOLDOUT))
    holdout = rng.permutation(np.flatnonzero(kinds == HOLDOUT))[:TESTED]
    drawn = training[kinds[training] == AGREEMENT]
    more = drawn[: max(0, min(TESTED - len(holdout), len(training) // 4))]
    uniform = len(holdout) + len(more) >= UNIFORM
    test = (
        np.concatenate([holdout, more]) if uniform else training[: min(TESTED, round(SHARE * len(training)))]
    )
    learn = training[~np.isin(training, test)][: ITEMS - len(test)]
    return np.sort(learn), np.sort(test), uniform
