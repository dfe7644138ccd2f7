"""A model to take away: one zip with the model as ONNX, its features' state, its labels, and its card."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit
from projects.errors import Refused
from projects.models import Label, Project
from sampling import cards, versions
from sampling.models import ModelVersion

_PIECE = 1 << 16


def name(version: ModelVersion) -> str:
    """What the file is called."""
    project = slugify(version.project.name) or f"project-{version.project_id}"
    return f"{project}-model-{version.round.number}.zip"


def take(version: ModelVersion, actor: AbstractBaseUser | None) -> Iterator[bytes]:
    """Write down who takes the model away, and give the zip piece by piece.

    Refuses where its file is gone, or its kind has no form outside of here.
    """
    from sampling.core.export import to_onnx

    if not default_storage.exists(version.path):
        raise Refused(_("The file of this model is gone. Choose another one."))
    labels = list(version.project.labels.order_by("position"))
    facts = {
        "project": version.project.name,
        "model": str(version.round.number),
        "labels": json.dumps([label.name for label in labels], ensure_ascii=False),
    }
    try:
        model = to_onnx(versions.state_of(version), facts)
    except ValueError as error:
        raise Refused(_("This model cannot be written as ONNX: %(error)s.") % {"error": error}) from None
    texts = {"README.md": cards.card(version), "labels.json": labels_json(version.project, labels)}
    subject = gettext_noop("Model %(number)s") % {"number": version.round.number}
    with transaction.atomic():
        audit.record(version.project, actor, "model.downloaded", subject)
    return _zipped(version, model, texts)


def labels_json(project: Project, labels: list[Label]) -> str:
    """Labels in the order of the model's columns, and how they are to be read."""
    listed = [
        {
            "position": label.position,
            "name": label.name,
            "description": label.description,
            "retired": label.retired_at is not None,
        }
        for label in labels
    ]
    rule = (
        "the likeliest label"
        if project.task == Project.Task.SINGLE
        else "every label of at least 0.5, or none"
    )
    return json.dumps({"task": project.task, "rule": rule, "labels": listed}, ensure_ascii=False, indent=2)


def _zipped(version: ModelVersion, model: bytes, texts: dict[str, str]) -> Iterator[bytes]:
    into = _Pieces()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, text in texts.items():
            archive.writestr(_entry(version, file), text)
        archive.writestr(_entry(version, "model.onnx"), model)
        yield into.taken()
        features = version.round.feature_set
        if features is not None and features.fitted and default_storage.exists(features.fitted):
            # As long as the zip is read, so long is the file: never whole in memory.
            with (
                default_storage.open(features.fitted) as source,
                archive.open(_entry(version, "features.npz"), "w") as target,
            ):
                while piece := source.read(_PIECE):
                    target.write(piece)
                    if ready := into.taken():
                        yield ready
    yield into.taken()


def _entry(version: ModelVersion, file: str) -> zipfile.ZipInfo:
    """The same model gives the same zip."""
    made: datetime = version.created_at.astimezone(UTC)
    entry = zipfile.ZipInfo(file, made.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


class _Pieces:
    """A file that cannot seek, and gives away what was written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
