"""Change a project's guidelines and look at what they were."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from projects import audit
from projects.errors import Refused
from projects.models import Event, Project

CHANGED = "guidelines.changed"


@transaction.atomic
def change(project: Project, actor: AbstractBaseUser, text: str, seen: int, reason: str = "") -> Project:
    """Replace the guidelines; the version grows, unless nothing differs.

    ``seen`` is the version that the writer started from: Refused where somebody else was faster.
    The first text of a project that nobody has labelled yet is still version 1.
    """
    held = audit.hold(project)
    text = text.replace("\r\n", "\n").strip()
    if text == held.guidelines:
        return held
    if seen != held.guideline_version:
        raise Refused(
            _("Somebody else saved version %(version)s meanwhile. Copy your text, reload, and join the two.")
            % {"version": held.guideline_version}
        )
    before = {"version": held.guideline_version, "text": held.guidelines}
    if held.state != Project.State.DRAFT:
        held.guideline_version += 1
    held.guidelines = text
    held.save(update_fields=["guidelines", "guideline_version"])
    after = {"version": held.guideline_version, "text": text}
    subject = _("Version %(number)s") % {"number": held.guideline_version}
    audit.record(held, actor, CHANGED, subject, before=before, after=after, reason=reason)
    return held


@dataclass(frozen=True)
class Line:
    """One line of a comparison; ``sign`` is «+», «-» or blank."""

    sign: str
    text: str


def versions(project: Project) -> list[Event]:
    """Return the changes of the guidelines, newest first."""
    return list(project.events.filter(action=CHANGED).select_related("actor").order_by("-pk"))


def texts(event: Event) -> tuple[str, str]:
    """Return what the guidelines were and what they became."""
    before, after = event.before or {}, event.after or {}
    return str(before.get("text", "")), str(after.get("text", ""))


def comparison(before: str, after: str) -> list[Line]:
    """Compare two texts by line, with two lines around each change."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    body = [line for line in list(lines)[2:] if line[0] != "@"]
    return [Line(line[0].strip(), line[1:]) for line in body]
