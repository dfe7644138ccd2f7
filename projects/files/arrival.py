"""Take a file in, change the choice of its columns, release it for import."""

from __future__ import annotations

import secrets
from pathlib import PurePath
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import File
from django.db import transaction
from django.db.models import F

from projects.errors import Refused
from projects.files import bell, limits
from projects.files.columns import Columns
from projects.files.importing import check
from projects.files.problems import shorten
from projects.models import Project, Upload
from projects.saying import gettext as _

State = Upload.State
_PACKED = (".zip", ".gz")


def receive(project: Project, file: File[bytes], user: AbstractBaseUser | None, here: bool = False) -> Upload:
    """Keep a file under a name that nobody can guess, and check it, ``here`` or in the worker.

    Raises Refused for a file beyond the site's limit; whatever else is wrong stands in the upload itself.
    """
    name = shorten(PurePath((file.name or "file").replace("\\", "/")).name, 255)
    if file.size > limits.file_bytes():
        most = limits.file_bytes() // limits.MB
        raise Refused(
            _(
                "“%(name)s” is larger than %(most)s MB, the limit of this site. Split it.",
                name=name,
                most=f"{most:,}",
            )
        )
    upload = Upload(project=project, name=name, created_by_id=user.pk if user else None)
    upload.file.save(f"{secrets.token_urlsafe(16)}{PurePath(name).suffix.lower()[:10]}", file, save=False)
    upload.save()
    return _check_soon(upload, here)


def choose(upload: Upload, columns: Columns, here: bool = False) -> Upload:
    """Read the file under another choice of columns. Raises Refused once it is on its way in."""
    changeable = [State.WAITING, State.CHECKING, State.CHECKED, State.REFUSED]
    values: dict[str, Any] = {
        "columns": columns.to_json(),
        "state": State.WAITING,
        "attempt": F("attempt") + 1,
    }
    columns.validate_reading()
    if not Upload.objects.filter(pk=upload.pk, state__in=changeable).update(**values):
        raise Refused(_("This file is already imported, or on its way in."))
    upload.refresh_from_db()
    return _check_soon(upload, here)


def start(upload: Upload, good_rows_only: bool = False) -> Upload:
    """Release a checked file for import; the worker does it. Raises Refused where it is not checked."""
    checked = Upload.objects.filter(pk=upload.pk, state=State.CHECKED)
    if not checked.update(state=State.READY, good_rows_only=good_rows_only):
        raise Refused(_("The file is not ready: it is still being checked, or was imported before."))
    upload.refresh_from_db()
    transaction.on_commit(lambda: bell.ring(upload.pk))
    return upload


def _check_soon(upload: Upload, here: bool) -> Upload:
    """Check a small text file while the person waits, so that the first rows are there at once."""
    if here or (upload.file.size < limits.AT_ONCE and not upload.name.lower().endswith(_PACKED)):
        return check(upload)
    transaction.on_commit(lambda: bell.ring(upload.pk))
    return upload
