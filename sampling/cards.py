"""The card of a model: what it is, what it rests on and what it is not good for, made of facts alone.

Its words are in templates/sampling/card.md, under the headings of Mitchell et al., "Model Cards for Model
Reporting" (2019); in English, whatever the language of the pages, because it leaves with the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Count
from django.template.loader import render_to_string
from django.utils.translation import override

from projects.models import Annotation, Item, Project, QueueEntry
from sampling import measures, versions
from sampling.measures import Estimate
from sampling.models import ModelVersion

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|#])")
_GAPS: Final = re.compile(r"\n{3,}")


def card(version: ModelVersion) -> str:
    """The card in Markdown."""
    with override("en"):
        return _GAPS.sub("\n\n", render_to_string("sampling/card.md", _facts(version))).strip() + "\n"


def plain(text: str) -> str:
    """Words of people as Markdown shows them: on one line, no mark of theirs means anything."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _facts(version: ModelVersion) -> dict[str, Any]:
    project, features = version.project, version.round.feature_set
    labels = list(project.labels.order_by("position"))
    figures = measures.figures(version)
    lines = measures.labels_of(version, labels)
    said = project.annotations.filter(pk__lte=version.round.mark, kind__in=Annotation.COUNTED)
    return {
        "version": version,
        "number": version.round.number,
        "name": plain(project.name),
        "question": plain(project.question),
        "what": "pictures" if project.media == Project.Media.IMAGE else "texts",
        "multi": project.task == Project.Task.MULTI,
        "learner": versions.line(version).learner,
        "featurizer": features.featurizer if features else "unknown",
        "features": features,
        "policy": version.round.policy,
        "seed": ", ".join(map(str, version.seed)),
        "guidelines": project.guideline_version,
        "labels": [(plain(one.name), plain(one.description), one.retired_at) for one in labels],
        "lines": [_line(line) for line in lines],
        "few": [plain(line.label.name) for line in lines if line.few],
        "slices": _slices(version),
        "measured": figures.accuracy is not None,
        "enough": measures.ENOUGH,
        "enough_part": measures.ENOUGH_PART,
        "accuracy": _share(figures.accuracy),
        "macro_f1": _share(figures.macro_f1),
        "calibration": _share(figures.calibration),
        "values": [(plain(one.name), one.n, _share(one.accuracy)) for one in figures.slices],
        "items": figures.n,
        "people": said.values("annotator").distinct().count(),
        "streams": _streams(said),
        "sources": _sources(project),
        # It leaves with the file, and promises to name no person.
        "verdict": versions.verdict(version, named=False),
    }


def _line(line: measures.LabelLine) -> dict[str, Any]:
    return {
        "name": plain(line.label.name),
        "learnt": line.learnt,
        "support": line.support,
        "few": line.few,
        "precision": _share(line.precision),
        "recall": _share(line.recall),
    }


def _slices(version: ModelVersion) -> list[dict[str, Any]]:
    return [
        {"name": plain(one.name), "n": one.n, "accuracy": _percent(one.challenger), "points": one.points}
        for one in versions.compared(version.gate or {})
        if one.name
    ]


def _streams(said: Any) -> Sequence[tuple[str, int]]:
    names = dict(QueueEntry.Stream.choices)
    rows = said.order_by().values_list("stream").annotate(n=Count("pk")).order_by("-n", "stream")
    return [(str(names.get(stream, stream or "unknown")), n) for stream, n in rows]


def _sources(project: Project) -> Sequence[tuple[str, int]]:
    """What settled labels rest on, when the card is written."""
    names = dict(Item.Source.choices)
    settled = Item.objects.filter(project=project, state=Item.State.SETTLED, holdout=False)
    rows = settled.values_list("settled_source").annotate(n=Count("pk")).order_by("-n", "settled_source")
    return [(str(names.get(source, source or "unknown")), n) for source, n in rows]


def _share(one: Estimate | None) -> str:
    """A figure with its interval: 90.0 % (76.9 % to 96.0 %)."""
    if one is None:
        return "–"
    if one.low is None or one.high is None:
        return _percent(one.value)
    return f"{_percent(one.value)} ({_percent(one.low)} to {_percent(one.high)})"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
