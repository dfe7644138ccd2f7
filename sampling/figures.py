"""What a published round computes besides its batch: evaluation, signs to stop, labels saved, drift."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from django.core.files.storage import default_storage
from django.db.models import Exists, OuterRef, Q

from projects import queries
from projects.models import Annotation, Item, QueueEntry
from sampling import shards
from sampling.core import drift, rules, savings, stopping
from sampling.core.arrays import BoolArray, FloatArray, IntArray
from sampling.core.clusters import nearest
from sampling.core.evaluation import ENOUGH, ENOUGH_PART, evaluate, predicted, report
from sampling.core.learners import Model, model_from_state
from sampling.core.loop import train
from sampling.models import ModelVersion, Round
from sampling.snapshots import Outcome, Snapshot
from sampling.training import Learnt

log = logging.getLogger(__name__)

# Sets the random numbers of figures apart from all others of a round.
FIGURES: Final = 2
# Earlier models that are looked at: the newest ones, and some older ones for the curve.
WINDOW: Final = rules.WINDOWS[1]
OLDER: Final = 6
# Items of the hold-out that models are compared on, and of the pool whose predictions are followed.
COMPARED: Final = 2_000
SAMPLE: Final = 2_000
# The random control costs seconds, so it is looked at every few rounds.
EVERY: Final = 3
# Fields that make slices have few values; so many fields at most.
FIELD_VALUES: Final = 12
FIELDS: Final = 8
# New items are old ones once so many came without an alert, or once the model has learnt from so many.
SETTLED_NEW: Final = 200
LEARNT_NEW: Final = (20, 100)


def after_round(round_: Round, known: Snapshot, outcome: Outcome, table: shards.Table) -> dict[str, Any]:
    """Figures to be kept in ``Round.metrics``: evaluation, stopping, savings and drift, where there are any.

    They are of the model that serves from now on. Where that is not the one that the round trained, its plain
    figures are there too, as ``holdout``.
    Takes some seconds and reads a few rows; call it outside of a transaction. The same inputs give the same
    figures. One that fails is logged and left out; the others stay.
    """
    rngs = np.random.default_rng([*known.seed, FIGURES]).spawn(4)
    found: dict[str, Any] = {}
    with _alone(round_, "drift"):
        found["drift"] = _drift(round_, known, outcome, table, rngs[0])
    if outcome.learnt is None:
        return found
    with _alone(round_, "models"):
        scene = _scene(round_, known, outcome.learnt, table, rngs[1])
        if scene.held_back:
            with _alone(round_, "holdout"):
                found["holdout"] = _holdout(scene)
        with _alone(round_, "evaluation"):
            found["evaluation"] = _evaluation(scene, rngs[2])
        with _alone(round_, "stopping"):
            found["stopping"] = _stopping(scene, rngs[3])
        if round_.number % EVERY == 0:
            with _alone(round_, "savings"):
                found["savings"] = _savings(scene, rngs[3])
    return found


@contextmanager
def _alone(round_: Round, name: str) -> Iterator[None]:
    """Log what goes wrong with one figure, and go on with the next."""
    try:
        yield
    except Exception:
        log.exception("Round %s of project %s: %s failed.", round_.number, round_.project_id, name)


def new_region(round_: Round) -> list[int]:
    """Ids of items that the round before ``round_`` asks to be looked at: new, and most unlike the old."""
    last = round_.project.rounds.filter(state=Round.State.DONE, number__lt=round_.number)
    found = last.order_by("-number").values_list("metrics__drift__strange", flat=True).first()
    return list(found or [])


# --- the models of this round and of earlier ones -----------------------------------------------------------


@dataclass(frozen=True)
class _Earlier:
    """The model that was in use after an earlier round, and how many labels that round learnt from."""

    labels: int
    model: Model


@dataclass(frozen=True)
class _Scene:
    """A round with the model in use after it, and earlier models of the same features, oldest first."""

    round: Round
    known: Snapshot
    champion: Model
    held_back: bool  # the model that the round trained: the one before is still in use
    table: shards.Table
    earlier: tuple[_Earlier, ...]
    compared: IntArray  # places in the hold-out that models are compared on

    def right(self, model: Model, places: IntArray) -> BoolArray:
        """What a model gets right of these places in the hold-out."""
        proba = self.proba(model, self.known.holdout[places])
        return np.asarray((self.chosen(proba) == (self.known.truth[places] > 0.5)).all(axis=1))

    def proba(self, model: Model, rows: IntArray) -> FloatArray:
        """Probabilities (r, k); a model from before a label was added gives it none."""
        proba = model.proba(self.table[rows])
        lacking = self.known.targets.shape[1] - proba.shape[1]
        return np.pad(proba, ((0, 0), (0, lacking))) if lacking > 0 else proba

    def chosen(self, proba: FloatArray) -> BoolArray:
        return predicted(proba, self.known.settings.task)


def _scene(
    round_: Round, known: Snapshot, learnt: Learnt, table: shards.Table, rng: np.random.Generator
) -> _Scene:
    compared = np.sort(rng.permutation(len(known.holdout))[:COMPARED])
    earlier, champion = tuple(_earlier(round_, known)), learnt.serving.champion
    return _Scene(round_, known, champion, learnt.held_back, table, earlier, compared)


def _earlier(round_: Round, known: Snapshot) -> list[_Earlier]:
    """Models in use after the newest rounds before and some older ones at ever wider steps, oldest first."""
    versions = ModelVersion.objects.filter(
        project_id=round_.project_id, round__number__lt=round_.number, round__feature_set=round_.feature_set
    )
    said = ("path", "gate__passed", "gate__applied", "gate__against")
    kept = versions.order_by("-round__number").values_list("round__number", "training_items", *said)
    paths = {number: path for number, _labels, path, *_gate in kept}
    # Where one was held back, the one that it was compared with stayed in use.
    rows = [
        (labels, paths.get(against, "") if applied and not passed else path)
        for _number, labels, path, passed, applied, against in kept
    ]
    far = rows[WINDOW:]
    steps = sorted({round(step) - 1 for step in np.geomspace(1, len(far), OLDER).tolist()}) if far else []
    found = []
    for labels, path in [*rows[:WINDOW], *(far[step] for step in steps)]:
        model = _champion(path) if path else None
        if model is not None and model.labels <= known.targets.shape[1]:
            found.append(_Earlier(labels, model))
    return found[::-1]


def _champion(path: str) -> Model | None:
    """The champion alone of a file of models; None where the file is gone."""
    try:
        with default_storage.open(path) as file, np.load(file, allow_pickle=False) as arrays:
            names = [name for name in arrays.files if name.startswith("champion.")]
            return model_from_state({name.removeprefix("champion."): arrays[name] for name in names})
    except FileNotFoundError:
        return None


# --- how good is it -----------------------------------------------------------------------------------------


def _holdout(scene: _Scene) -> dict[str, Any]:
    known = scene.known
    return evaluate(scene.proba(scene.champion, known.holdout), known.truth, known.settings.task).as_dict()


def _evaluation(scene: _Scene, rng: np.random.Generator) -> dict[str, Any]:
    known = scene.known
    proba = scene.proba(scene.champion, known.holdout)
    fields = _fields(scene.round.project_id, scene.table.items[known.holdout])
    return report(proba, known.truth, known.settings.task, rng, fields).as_dict()


def _fields(project_id: int, items: IntArray) -> dict[str, list[Hashable]]:
    """Values of metadata by field, for each of these items: fields of a few values, one of them frequent."""
    held = Item.objects.filter(project_id=project_id, holdout=True, state=Item.State.SETTLED)
    metadata: dict[int, Mapping[str, Any]] = dict(held.exclude(metadata={}).values_list("pk", "metadata"))
    rows = [metadata.get(pk, {}) for pk in items.tolist()]
    found: dict[str, list[Hashable]] = {}
    for name in sorted({name for row in rows for name in row}):
        values = [_value(row.get(name)) for row in rows]
        counts = Counter(value for value in values if value is not None)
        if 2 <= len(counts) <= FIELD_VALUES and counts.most_common(1)[0][1] >= ENOUGH_PART:
            found[name] = values
    return dict(list(found.items())[:FIELDS])


def _value(value: Any) -> Hashable:
    return value[:100] if isinstance(value, str) else value if isinstance(value, int | float) else None


# --- should we stop -----------------------------------------------------------------------------------------


def _stopping(scene: _Scene, rng: np.random.Generator) -> dict[str, Any]:
    known = scene.known
    labels = [*(one.labels for one in scene.earlier), len(known.training)]
    models = [*(one.model for one in scene.earlier), scene.champion]
    right = np.array([scene.right(model, scene.compared) for model in models])
    ahead = max(known.size, len(known.training) // 2)
    gain = stopping.remaining(labels, right, ahead, rng)
    changes = stopping.trends(labels[-WINDOW - 1 :], right[-WINDOW - 1 :])
    return {
        "answers": queries.answered(scene.round.project_id),
        "trends": {str(window): change.as_list() for window, change in changes.items()},
        "kappa": _kappa(scene),
        "ahead": gain.as_list() if gain else None,
        "ahead_labels": ahead,
    }


def _kappa(scene: _Scene) -> float | None:
    """How far this model predicts what the one before did, on the same open items in every round.

    None where this is the one before: that it agrees with itself is no sign.
    """
    pool = scene.known.pool
    if scene.held_back or not scene.earlier or not len(pool):
        return None
    # By a hash of its id an item is in the sample or not, as long as it is open.
    order = np.argsort(
        scene.table.items[pool].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15), kind="stable"
    )
    rows = np.sort(pool[order[:SAMPLE]])
    before, after = (
        scene.chosen(scene.proba(model, rows)) for model in (scene.earlier[-1].model, scene.champion)
    )
    return round(stopping.kappa(before, after), 4)


# --- what was saved -----------------------------------------------------------------------------------------


def _savings(scene: _Scene, rng: np.random.Generator) -> dict[str, Any]:
    known = scene.known
    control = np.flatnonzero(np.isin(known.training, _control_rows(scene)))
    if len(control) < savings.LEAST or len(scene.compared) < ENOUGH:
        lacking = savings.missing(len(control)), max(0, ENOUGH - len(scene.compared))
        return savings.Savings(
            "unknown", 0, control=len(control), missing=lacking[0], missing_holdout=lacking[1]
        ).as_dict()
    # Only a model is trained: what picks may ask for a committee that nobody needs here.
    settings = replace(known.settings, strategy="random", mode="", streams=(), quotas=(), committee_size=0)
    seed = rng.integers(2**62)

    def judge(places: IntArray) -> BoolArray:
        rows = control[places]
        weights = None if known.weights is None else known.weights[rows]
        x, fresh = scene.table[known.training[rows]], np.random.default_rng(seed)
        model = train(x, known.targets[rows], settings, fresh, weights).champion
        return scene.right(model, scene.compared)

    made = savings.control_of(len(control), judge, rng)
    rivals = [savings.Rival(one.labels, scene.right(one.model, scene.compared)) for one in scene.earlier]
    rivals.append(savings.Rival(len(known.training), scene.right(scene.champion, scene.compared)))
    return savings.saved(made, rivals, rng).as_dict()


def _control_rows(scene: _Scene) -> IntArray:
    """Rows of settled items that were drawn at random and may be learnt from: never of the hold-out.

    The agreement sample, and what people answered from the random streams. Items whose label was known at
    import are nobody's draw.
    """
    streams = (QueueEntry.Stream.CONTROL, QueueEntry.Stream.RANDOM)
    said = Annotation.objects.filter(item=OuterRef("pk"), stream__in=streams, kind__in=Annotation.COUNTED)
    drawn = Item.objects.filter(
        Q(agreement=True) | Exists(said),
        project_id=scene.round.project_id,
        state=Item.State.SETTLED,
        holdout=False,
    ).exclude(settled_source__in=(Item.Source.SEED, Item.Source.GOLD))
    rows = scene.table.rows_of(np.array(list(drawn.values_list("pk", flat=True)), np.int64))
    return rows[rows >= 0]


# --- do new items differ ------------------------------------------------------------------------------------


def _drift(
    round_: Round, known: Snapshot, outcome: Outcome, table: shards.Table, rng: np.random.Generator
) -> dict[str, Any]:
    """Compare items that came after the boundary with those before; the boundary moves when they are settled.

    ``boundary`` is the id of the last item that counts as old.
    """
    newest = int(table.items.max(initial=0))
    boundary = _boundary(round_)
    if boundary is None or outcome.trained is None:
        return {"boundary": newest}
    old, new = np.flatnonzero(table.items <= boundary), np.flatnonzero(table.items > boundary)
    if min(len(old), len(new)) < drift.LEAST:
        return {"boundary": boundary, "new": len(new)}
    learnt = int(np.isin(known.training, new).sum())
    found, strange = _compared(_sides(old, new, rng), outcome, table, rng)
    facts = {**found.as_dict(), "old": len(old), "new": len(new), "learnt": learnt}
    usual = len(known.training) * len(new) / len(table.items)
    if found.alert and learnt >= np.clip(usual, *LEARNT_NEW):
        # They are unlike the old ones, but the model has met them.
        return {**facts, "alert": False, "boundary": newest}
    if not found.alert and len(new) >= max(SETTLED_NEW, len(old) // 10):
        boundary = newest
    named = {"strange": table.items[strange].tolist()} if found.alert else {}
    return {**facts, "boundary": boundary, **named}


def _boundary(round_: Round) -> int | None:
    done = round_.project.rounds.filter(state=Round.State.DONE, number__lt=round_.number)
    kept = done.filter(metrics__has_key="drift").order_by("-number")
    found: int | None = kept.values_list("metrics__drift__boundary", flat=True).first()
    return found


def _sides(old: IntArray, new: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    old, new = (np.sort(rng.permutation(side)[: drift.MOST]) for side in (old, new))
    return old, new


def _compared(
    sides: Sequence[IntArray], outcome: Outcome, table: shards.Table, rng: np.random.Generator
) -> tuple[drift.Drift, IntArray]:
    """The comparison of some old and new rows of the table, and the new ones that are most unlike the old."""
    old, new = (table[side] for side in sides)
    labels = clusters = None
    if outcome.trained is not None:
        model = outcome.trained.champion
        labels = model.proba(old).argmax(axis=1), model.proba(new).argmax(axis=1)
    if outcome.batch is not None and outcome.batch.centres is not None:
        clusters = nearest(old, outcome.batch.centres)[0], nearest(new, outcome.batch.centres)[0]
    found = drift.drift(old, new, rng, labels, clusters)
    return found, sides[1][found.strange]
