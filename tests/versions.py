"""Versions of a model, made by hand: two labels, a row of two features."""

from __future__ import annotations

from typing import Any

import numpy as np

from projects.models import Project
from sampling import shards
from sampling.core.evaluation import evaluate
from sampling.core.learners import LinearModel
from sampling.core.loop import Trained
from sampling.models import ModelVersion, Round


def make_version(project: Project, number: int, state: str = "champion", **fields: Any) -> ModelVersion:
    """A version whose model likes the first label for the first feature, and so on."""
    labels = project.labels.count()
    trained = {"items": 30, "labels": [10 + at for at in range(labels)]}
    round_ = Round.objects.create(
        project=project,
        number=number,
        state=Round.State.DONE,
        policy=project.policies.first(),
        feature_set=fields.pop("feature_set", None),
        metrics={"training": trained},
    )
    model = LinearModel(
        "multi" if project.task == "multi" else "single",
        fields.pop("weights", 4 * np.eye(2, labels, dtype=np.float32)),
        np.zeros(labels, np.float32),
        np.ones(labels, np.bool_),
    )
    path = shards.save(f"models/{project.pk}/{number}.npz", Trained(model).state())
    return ModelVersion.objects.create(
        project=project,
        round=round_,
        learner="logistic",
        path=path,
        training_items=30,
        seed=[project.seed, number],
        state=state,
        **{"metrics": figures(labels, 40), **fields},
    )


def figures(labels: int, items: int, wrong: int = 4) -> dict[str, Any]:
    """What the hold-out of so many items says, its first items told wrongly."""
    truth = np.eye(labels, dtype=np.float32)[np.arange(items) % labels]
    proba = truth.copy()
    proba[:wrong] = np.roll(proba[:wrong], 1, axis=1)
    return evaluate(proba, truth, "single").as_dict()
