"""Files as people bring them, for the tests of what comes in."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import Any

from django.core.files.base import ContentFile
from PIL import Image

from projects import files
from projects.models import Project, Upload


def bring(project: Project, body: str | bytes, name: str = "rows.csv", **columns: Any) -> Upload:
    """Upload a file and check it, under a choice of columns where one is given."""
    raw = body.encode() if isinstance(body, str) else body
    upload = files.receive(project, ContentFile(raw, name=name), None, here=True)
    if columns:
        chosen = replace(files.Columns.from_json(upload.columns), **columns)
        upload = files.choose(upload, chosen, here=True)
    return upload


def take(
    project: Project, body: str | bytes, name: str = "rows.csv", good: bool = False, **columns: Any
) -> Upload:
    """Upload a file and import it: all rows, or the good ones."""
    upload = bring(project, body, name, **columns)
    assert upload.state == Upload.State.CHECKED, upload.message
    Upload.objects.filter(pk=upload.pk).update(good_rows_only=good)
    return files.import_upload(upload)


def texts(project: Project) -> list[str]:
    return list(project.items.order_by("number").values_list("text", flat=True))


def reasons(upload: Upload) -> list[tuple[int, str, str]]:
    """Return what is wrong: row, column, and the first words of the reason."""
    return [(one["row"], one["column"], " ".join(one["reason"].split()[:4])) for one in upload.problems]


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), mode: str = "RGB", **options: Any) -> bytes:
    into = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(into, kind, **options)
    return into.getvalue()


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes | str]) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in entries:
            archive.writestr(name, body)
    return into.getvalue()
