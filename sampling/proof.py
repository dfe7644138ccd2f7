"""Whether a model has proven itself: right more often than one annotator, so that it may have a vote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from projects import audit, queries
from projects.models import Project

# Items of the hold-out below which nothing is proven.
ENOUGH: Final = 100


def proven(project: Project, figures: Mapping[str, Any] | None) -> bool:
    """Whether a model's figures on the hold-out lie above one annotator's accuracy, by their interval.

    Labels of the hold-out that are wrong themselves make the model look worse, never better: no model has a
    say in them. Without enough pairs of answers nobody knows how good an annotator is, and nothing is proven.
    """
    if not figures or figures.get("low") is None or figures["n"] < ENOUGH:
        return False
    alone = queries.proven_accuracy(project)
    return alone is not None and figures["low"] > alone


def settle_on(project: Project, says: bool) -> None:
    """Keep the finding with the project, and write down when it changes."""
    if Project.objects.filter(pk=project.pk).exclude(model_proven=says).update(model_proven=says):
        action = "model.proven" if says else "model.unproven"
        audit.record(project, None, action, before={"votes": not says}, after={"votes": says})
