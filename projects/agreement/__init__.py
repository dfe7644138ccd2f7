"""How far people agree in a project: on the agreement sample, drawn before anybody saw the items."""

from __future__ import annotations

import numpy as np

from projects.agreement import figures, setting, votes
from projects.agreement.drawing import version_chart, week_chart
from projects.agreement.figures import FEW, LabelLine, Mixed, Period, PersonLine, Report, Tag, Who
from projects.agreement.lookup import Wanted, items
from projects.agreement.matrix import Grid, grid
from projects.agreement.pairs import Pair, pair
from projects.agreement.words import RELIABLE, TENTATIVE, band, missing, size, verdict, width
from projects.models import Project
from projects.remembered import remembered

__all__ = [
    "FEW",
    "RELIABLE",
    "TENTATIVE",
    "Grid",
    "LabelLine",
    "Mixed",
    "Pair",
    "Period",
    "PersonLine",
    "Report",
    "Tag",
    "Wanted",
    "Who",
    "band",
    "grid",
    "items",
    "missing",
    "pair",
    "report",
    "size",
    "verdict",
    "version_chart",
    "week_chart",
    "width",
]


def report(project: Project) -> Report:
    """Measure the agreement sample; what was measured stays until somebody says something new."""
    found = setting.of(project)
    return remembered(f"agreement:{project.pk}", found.mark, lambda: _measure(found))


def _measure(found: setting.Setting) -> Report:
    kind = found.scale
    tags = [Tag(label.pk, label.name, label.hue) for label in found.columns]
    said, chosen = votes.sample(found), votes.picked(found)
    drawn, first = said.only(~said.first), said.only(said.first)
    now, first, chosen = (votes.since(found, part) for part in (drawn, first, chosen))
    apart = now.items[figures.differs(now.items, figures.codes(kind, now))]
    mixed, agreed = figures.mixed_lines(kind, now, tags, found.names)
    return Report(
        scale=kind,
        whole=figures.alpha(kind, now),
        labels=figures.label_lines(now, tags, mixed),
        people=figures.people_lines(kind, now, found.names),
        mixed=mixed,
        agreed=agreed,
        differing=len(np.unique(apart)),
        eras=figures.eras(kind, drawn),
        weeks=figures.weeks(kind, now),
        versions=figures.versions(kind, drawn),
        first=figures.alpha(kind, first) if len(first) else None,
        picked=figures.alpha(kind, chosen) if len(chosen) else None,
        excluded=[found.names[pk] for pk in found.gone],
    )
