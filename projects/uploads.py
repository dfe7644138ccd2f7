"""Files on their way in, as people handle them: add, choose columns, release, take away."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import ContentFile, File
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from projects import audit, files, labelset
from projects.errors import Refused
from projects.files import bell, images
from projects.files.columns import FILE
from projects.files.problems import Bad
from projects.files.records import Row
from projects.models import Item, Project, Upload

State = Upload.State
# Read, and not yet on its way into the project.
OPEN = (State.WAITING, State.CHECKING, State.CHECKED, State.REFUSED)
BUSY = (State.WAITING, State.CHECKING, State.READY, State.IMPORTING)
PASTED = "pasted-lines.jsonl"


def newest(project: Project) -> QuerySet[Upload]:
    """Return the project's files, newest first."""
    return project.uploads.select_related("created_by").order_by("-pk")


def add(project: Project, actor: AbstractBaseUser, file: File[bytes]) -> Upload:
    """Keep a file and read its columns; nothing is imported yet. What is wrong with it, it says itself."""
    if project.state == Project.State.ARCHIVED:
        raise Refused(_("This project is archived. Bring it back before you add to it."))
    upload = files.receive(project, file, actor)
    audit.record(project, actor, "upload.added", upload.name, after={"name": upload.name})
    return upload


def add_lines(project: Project, actor: AbstractBaseUser, text: str) -> Upload:
    """Keep pasted texts, one a line, as a file like any other."""
    if project.media != Project.Media.TEXT:
        raise Refused(_("Pictures come as a zip file. Pasted lines are texts."))
    lines = [line for line in text.splitlines() if line.strip()]
    body = "".join(f"{json.dumps({'text': line}, ensure_ascii=False)}\n" for line in lines)
    return add(project, actor, ContentFile(body.encode("utf-8", "replace"), name=PASTED))


def choose(upload: Upload, choices: dict[str, Any]) -> Upload:
    """Say which column is what; the file is checked again under that reading."""
    if upload.state not in OPEN:
        raise Refused(_("This file is already being imported."))
    # Other columns, other bad rows: what was decided about them before does not hold any more.
    forgotten: dict[str, Any] = {"good_rows_only": False}
    if any(choices.get(name, "") != upload.columns.get(name, "") for name in ("encoding", "delimiter")):
        # Read otherwise, the columns may be others: they are guessed anew.
        choices = {name: choices.get(name, "") for name in ("encoding", "delimiter", "separator")}
        forgotten["report"] = {}
    # The form may be older than the file's state: what is on its way in keeps what was decided.
    Upload.objects.filter(pk=upload.pk, state__in=OPEN).update(**forgotten)
    return files.choose(upload, files.Columns(**choices))


def check_again(project: Project) -> None:
    """Have the files that wait for the start checked anew: other rows may be bad under another task."""
    unfinished = project.uploads.filter(state__in=(State.WAITING, State.CHECKING, State.CHECKED))
    for pk in unfinished.values_list("pk", flat=True):
        transaction.on_commit(partial(bell.ring, pk))
    unfinished.update(state=State.WAITING, attempt=F("attempt") + 1, good_rows_only=False)


@transaction.atomic
def accept(upload: Upload, actor: AbstractBaseUser, good_rows_only: bool) -> Upload:
    """Say what becomes of the bad rows, and put the file's labels into a draft's label set."""
    project = audit.hold(upload.project)
    held = Upload.objects.select_for_update(no_key=True).get(pk=upload.pk)
    if held.state != State.CHECKED:
        raise Refused(_("The file is not checked yet. Wait a moment."))
    report = held.report
    if not report.get("good"):
        raise Refused(_("Not one row of this file can come in. Mend the file, or choose other columns."))
    if report.get("bad") and not good_rows_only:
        raise Refused(_("Choose what becomes of the bad rows: mend the file, or import the good rows."))
    held.good_rows_only = good_rows_only
    held.save(update_fields=["good_rows_only"])
    if found := missing_labels(held):
        labelset.add(project, actor, [labelset.Draft(name) for name in found])
    return held


def release(upload: Upload, actor: AbstractBaseUser) -> None:
    """Send a checked file of a project at work into the import. Repeating does nothing."""
    if upload.state in {State.READY, State.IMPORTING, State.DONE}:
        return
    files.start(upload, good_rows_only=upload.good_rows_only)
    rows = upload.report.get("good", 0)
    audit.record(upload.project, actor, "upload.accepted", upload.name, after={"rows": rows})


def release_all(project: Project, actor: AbstractBaseUser) -> None:
    """Send every accepted file of a project into the import."""
    for upload in project.uploads.filter(state=State.CHECKED).order_by("pk"):
        release(upload, actor)


@transaction.atomic
def remove(upload: Upload, actor: AbstractBaseUser) -> None:
    """Take a file away that is not imported yet. Repeating does nothing."""
    held = Upload.objects.select_for_update(no_key=True).filter(pk=upload.pk).first()
    if held is None:
        return
    if held.state not in OPEN:
        raise Refused(_("This file is already imported or on its way in. Its items stay."))
    name, stored = held.name, str(held.file.name)
    storage = held.file.storage
    project = held.project
    held.delete()
    audit.record(project, actor, "upload.removed", name, before={"name": name})
    transaction.on_commit(lambda: storage.delete(stored))


def first_item(upload: Upload) -> Item | None:
    """Return the first row of a file as an item that is nowhere kept; None while nothing is read."""
    rows, content = upload.report.get("preview") or [], upload.columns.get("content", "")
    if not rows or not content:
        return None
    value = str(rows[0].get(content) or "")
    if upload.project.media == Project.Media.IMAGE:
        return Item(project=upload.project, number=1, image=value)
    return Item(project=upload.project, number=1, text=value)


def first_picture(upload: Upload) -> images.Picture | None:
    """Return the first whole picture of a zip, written anew; None where there is none."""
    if upload.report.get("kind") != "images":
        # Not read yet, refused, or texts: nothing to open while somebody waits for the page.
        return None
    try:
        with files.open_upload(upload, tables=False) as reader:
            for row in islice(reader.rows(), 20):
                if isinstance(row, Row) and row.read:
                    with suppress(Bad):
                        return images.clean(row.read(), str(row.fields.get(FILE, "")))
    except Refused:
        return None
    return None


def missing_labels(upload: Upload) -> list[str]:
    """Return the label values of a file that its project has no label for; sorted when they are many."""
    if not upload.columns.get("known"):
        return []
    present = {name.casefold() for name in upload.project.labels.values_list("name", flat=True)}
    found = [row["name"] for row in upload.report.get("labels", [])]
    new = [name for name in found if name.casefold() not in present]
    return sorted(new, key=str.casefold) if len(new) > len(labelset.AUTOMATIC_KEYS) else new


def label_names_of_file(project: Project) -> set[str]:
    """Return the names that a file waiting for import relies on: they can be changed after it."""
    waiting = project.uploads.filter(state__in=OPEN)
    return {
        row["name"]
        for upload in waiting
        if upload.columns.get("known")
        for row in upload.report.get("labels", [])
    }
