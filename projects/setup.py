"""Bring a project to life and put it to rest: create, describe, start, pause, archive."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext as _

from projects import audit, guidelines, uploads
from projects.errors import Refused
from projects.files.problems import refusal
from projects.models import Membership, Policy, Project, Upload
from projects.trust import calibration

State = Project.State


@transaction.atomic
def create_project(actor: AbstractBaseUser, name: str, media: str, task: str) -> Project:
    """Create a draft with its first policy; its creator is its admin."""
    facts = {"name": name.strip(), "question": _("Which label fits?"), "media": media, "task": task}
    project = Project.objects.create(**facts, created_by_id=actor.pk)
    Policy.objects.create(project=project, version=1, created_by_id=actor.pk)
    Membership.objects.create(project=project, user_id=actor.pk, role=Membership.Role.ADMIN)
    after = {"name": project.name, "media": project.media, "task": project.task}
    audit.record(project, actor, "project.created", after=after)
    return project


@transaction.atomic
def describe(project: Project, actor: AbstractBaseUser, changes: dict[str, Any]) -> Project:
    """Change name or question; while nothing is imported, also what is labelled and how."""
    held = audit.hold(project)
    before, after = audit.differences({name: getattr(held, name) for name in changes}, changes)
    if not after:
        return held
    if "task" in after and held.state != State.DRAFT:
        raise Refused(_("This is fixed once labelling has started. Make a new project instead."))
    if "media" in after and (held.item_count or held.uploads.exists()):
        raise Refused(_("Remove the file first: it was read as the other kind of data."))
    for name, value in after.items():
        setattr(held, name, value)
    held.save(update_fields=list(after))
    if "task" in after or "media" in after:
        uploads.check_again(held)
    audit.record(held, actor, "project.changed", before=before, after=after)
    return held


@transaction.atomic
def replace_data(
    project: Project, actor: AbstractBaseUser, changes: dict[str, Any], file: File[bytes] | None, lines: str
) -> Upload:
    """Describe a draft and put a file, or pasted lines, in place of its files; a refusal changes nothing.

    The old files go first, since the kind of data is fixed while there are any; a refusal brings them back.
    """
    held = audit.hold(project)
    old = list(held.uploads.all())
    for upload in old:
        uploads.remove(upload, actor)
    held = describe(held, actor, changes)
    new = uploads.add(held, actor, file) if file else uploads.add_lines(held, actor, lines)
    refused = Upload.State.REFUSED
    if new.state == refused and any(upload.state != refused for upload in old):
        new.file.storage.delete(str(new.file.name))
        raise Refused(f"{new.name}: {refusal(new)}")
    return new


def missing(project: Project) -> list[str]:
    """Name, in sentences, what a draft still lacks before labelling can start."""
    found = []
    uploads = list(project.uploads.exclude(state=Upload.State.REFUSED))
    if not uploads:
        found.append(_("There is no data yet: add a file or paste some lines."))
    if any(not upload.columns for upload in uploads):
        found.append(_("Choose the columns of the file."))
    elif any(upload.state in {Upload.State.WAITING, Upload.State.CHECKING} for upload in uploads):
        found.append(_("The file is still being checked. Wait a moment."))
    elif any(upload.report.get("bad") and not upload.good_rows_only for upload in uploads):
        found.append(_("The file has bad rows: choose whether the good rows come in without them."))
    if project.labels.filter(retired_at=None).count() < 2:
        found.append(_("A project needs at least two labels."))
    return found


@transaction.atomic
def start(project: Project, actor: AbstractBaseUser) -> None:
    """Open a complete draft for labelling and release its files to the import. Repeating does nothing."""
    held = audit.hold(project)
    if held.state == State.ACTIVE:
        return
    if held.state != State.DRAFT:
        raise Refused(_("This project was already started. Resume it in the settings."))
    if lacks := missing(held):
        raise Refused(" ".join(lacks))
    _move(held, actor, State.ACTIVE, "project.started")
    guidelines.first(held)
    calibration.begin(held)
    uploads.release_all(held, actor)


@transaction.atomic
def pause(project: Project, actor: AbstractBaseUser, reason: str = "") -> None:
    """Give out no further items. What people hold may still be handed in."""
    held = audit.hold(project)
    if held.state == State.DRAFT:
        raise Refused(_("This project has not started yet, so there is nothing to pause."))
    if held.state == State.ARCHIVED:
        raise Refused(_("This project is archived. Bring it back first."))
    _move(held, actor, State.PAUSED, "project.paused", reason)


@transaction.atomic
def resume(project: Project, actor: AbstractBaseUser, reason: str = "") -> None:
    """Give out items again, after a pause or out of the archive."""
    held = audit.hold(project)
    if held.state == State.DRAFT:
        raise Refused(_("This project has not started yet. Finish its set-up first."))
    _move(held, actor, State.ACTIVE, "project.resumed", reason)


@transaction.atomic
def archive(project: Project, actor: AbstractBaseUser, reason: str = "") -> None:
    """Close the project: everything stays readable and exportable, nothing is labelled."""
    _move(audit.hold(project), actor, State.ARCHIVED, "project.archived", reason)


def _move(held: Project, actor: AbstractBaseUser, state: str, action: str, reason: str = "") -> None:
    if held.state == state:
        return
    before, held.state = held.state, state
    held.save(update_fields=["state"])
    audit.record(held, actor, action, before={"state": before}, after={"state": state}, reason=reason)
