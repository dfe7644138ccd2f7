"""Two people on the items that both judged: asked for by a lead, for all pairs would be noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from projects.agreement import figures, setting, votes
from projects.agreement.figures import FEW, Tag
from projects.agreement.matrix import level
from projects.models import Project
from projects.quality import mixing
from projects.quality.agreement import Bools, Ints, wilson
from projects.quality.mixing import Kappa
from projects.remembered import remembered


@dataclass(frozen=True)
class Said:
    """On how many items one person gave the label of the row, the other that of the column."""

    tag: Tag
    items: int
    level: int


@dataclass(frozen=True)
class Pair:
    """Common items of two people: raw agreement with its interval, kappa where there are enough."""

    scale: str
    figures: Kappa
    low: float
    high: float
    tags: Sequence[Tag]
    # The first person's labels, each with what the second one said.
    rows: Sequence[tuple[Tag, Sequence[Said]]]

    @property
    def differing(self) -> int:
        return round(self.figures.items * (1 - self.figures.share))

    @property
    def few(self) -> bool:
        return self.figures.items < FEW


def pair(project: Project, first: int, second: int) -> Pair:
    """Compare two people on the agreement sample, since labels mean what they mean now."""
    found = setting.of(project)
    key = f"agreement-pair:{project.pk}:{first}:{second}"
    return remembered(key, found.mark, lambda: _pair(found, first, second))


def _pair(found: setting.Setting, first: int, second: int) -> Pair:
    said = votes.counted(found)
    answers = figures.codes(found.scale, said)
    _, left, right = np.intersect1d(
        np.where(said.people == first, said.items, -1),
        np.where(said.people == second, said.items, -2),
        return_indices=True,
    )
    measured = mixing.kappa(answers[left], answers[right], ordinal=found.scale == "ordinal")
    tags = [Tag(label.pk, label.name, label.hue) for label in found.columns]
    ours, theirs = said.chosen[left], said.chosen[right]
    used = np.flatnonzero((ours | theirs).any(axis=0)).tolist()
    return Pair(
        found.scale,
        measured,
        *wilson(measured.share, measured.items),
        tags=[tags[at] for at in used],
        rows=_rows(ours[:, used], theirs[:, used], [tags[at] for at in used]),
    )


def _rows(ours: Bools, theirs: Bools, tags: Sequence[Tag]) -> list[tuple[Tag, list[Said]]]:
    counts: Ints = ours.T.astype(np.int64) @ theirs.astype(np.int64)
    rows = []
    for tag, row in zip(tags, counts.tolist(), strict=True):
        whole = max(sum(row), 1)
        cells = [Said(other, n, level(n / whole)) for other, n in zip(tags, row, strict=True)]
        rows.append((tag, cells))
    return rows
