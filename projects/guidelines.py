"""What people go by, by version: the text of the guidelines and the label set share one counter."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import uuid4

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit, ringing, saying
from projects.errors import Refused
from projects.models import Event, GuidelineNote, GuidelineVersion, Label, Membership, Project
from projects.trust import notices

CHANGED: Final = "guidelines.changed"
FOLLOW: Final = "projects.tasks.follow_guidelines"
Kind = GuidelineVersion.Kind
# Kinds that people read before they go on.
READ: Final = (Kind.CLARIFYING, Kind.BREAKING)


@dataclass(frozen=True)
class News:
    """What a version means for people and for items that are settled.

    ``labels``: the ids of those whose settled items are asked again, or of those that were merged.
    """

    kind: str = Kind.EDITORIAL
    summary: saying.Said | str = ""
    labels: tuple[int, ...] = ()
    migration: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def change(
    project: Project, actor: AbstractBaseUser, text: str, seen: int, news: News | None = None
) -> Project:
    """Replace the guidelines; the version grows, unless nothing differs.

    ``seen`` is the version that the writer started from: Refused where somebody changed the text since.
    The first text of a project that nobody has labelled yet is still version 1.
    """
    held, news = audit.hold(project), news or News()
    text = normal(text)
    if text == held.guidelines:
        return held
    if seen != held.guideline_version and not _same_text(held, seen):
        raise Refused(
            _("Somebody else saved version %(version)s meanwhile. Copy your text, reload, and join the two.")
            % {"version": held.guideline_version}
        )
    news = _checked(held, news)
    before = {"version": held.guideline_version, "text": held.guidelines}
    first(held)
    held.guidelines = text
    held.save(update_fields=["guidelines"])
    advance(held, actor, news)
    after = {"version": held.guideline_version, "text": text}
    if held.state != Project.State.DRAFT:
        after |= {"kind": str(news.kind), "labels": names(held, news.labels)}
    subject = gettext_noop("Version %(number)s") % {"number": held.guideline_version}
    audit.record(held, actor, CHANGED, subject, before=before, after=after, reason=news.summary)
    return held


def normal(text: str) -> str:
    """A text as it is kept, whatever a browser made of its line ends."""
    return text.replace("\r\n", "\n").strip()


def first(held: Project) -> None:
    """Keep what a project began with as its first version, once; a draft has none yet."""
    if held.state == Project.State.DRAFT or held.guideline_versions.exists():
        return
    GuidelineVersion.objects.create(
        project=held,
        version=held.guideline_version,
        text=held.guidelines,
        created_by_id=held.created_by_id,
        created_at=held.created_at,
    )


def advance(held: Project, actor: AbstractBaseUser | None, news: News) -> GuidelineVersion | None:
    """Put the next version into force, for the text or for the label set; a draft stays at its first.

    The caller holds the project and writes down what changed. Across a breaking version agreement and
    people's records never pool. Whoever makes a version has read it; nobody needs to read an editorial one.
    """
    if held.state == Project.State.DRAFT:
        return None
    first(held)
    before, held.guideline_version = held.guideline_version, held.guideline_version + 1
    if news.kind == Kind.BREAKING:
        held.agreed_version = held.guideline_version
    held.save(update_fields=["guideline_version", "agreed_version"])
    made = GuidelineVersion.objects.create(
        project=held,
        version=held.guideline_version,
        kind=news.kind,
        text=held.guidelines,
        summary=saying.plain(news.summary),
        labels=sorted(news.labels),
        migration=_migration(news),
        created_by_id=actor.pk if actor else None,
    )
    _say(held, made, before)
    if made.labels and made.kind != Kind.EDITORIAL:
        transaction.on_commit(partial(ringing.ring, FOLLOW, held.pk))
    return made


def _migration(news: News) -> dict[str, Any]:
    """What a version keeps of its news: a sentence as such, and one id for all that follows from it."""
    sentence = {"said": saying.kept(news.summary)} if isinstance(news.summary, saying.Said) else {}
    return {**news.migration, **sentence, "bulk": str(uuid4())}


def _say(held: Project, made: GuidelineVersion, before: int) -> None:
    """Tell those who label what is new; nobody has to read an editorial version."""
    members = Membership.objects.filter(project=held)
    maker = made.created_by_id or 0
    members.filter(user_id=maker).update(read_version=made.version)
    if made.kind not in READ:
        members.filter(read_version=before).update(read_version=made.version)
        return
    reached = members.filter(active=True).exclude(user_id=maker)
    address = reverse("guidelines-read", args=[held.pk])
    people = reached.values_list("user_id", flat=True)
    summary = saying.kept(made.said)
    notices.tell(people, held, "guidelines.changed", address, version=made.version, summary=summary)


def _same_text(held: Project, seen: int) -> bool:
    """Whether only labels changed since: the writer's text then replaces the one that was seen."""
    return held.guideline_versions.filter(version=seen, text=held.guidelines).exists()


def _checked(held: Project, news: News) -> News:
    """Refuse in words what people could not make sense of; an editorial version concerns no label."""
    if news.kind not in Kind.values:
        raise Refused(_("Choose what kind of change this is."))
    if news.kind == Kind.EDITORIAL or held.state == Project.State.DRAFT:
        return News(summary=news.summary)
    if not str(news.summary).strip():
        raise Refused(_("Say in a sentence what is new: everybody who labels reads it before going on."))
    if news.kind == Kind.BREAKING and not news.labels:
        raise Refused(_("Choose the labels that mean something else than before."))
    if held.labels.filter(pk__in=news.labels, retired_at=None).count() != len(set(news.labels)):
        raise Refused(_("A label of this change is no longer in use. Reload the page and choose again."))
    return news


def names(project: Project, label_ids: Iterable[int]) -> list[str]:
    """The names of labels, in the order in which people see them; retired ones too."""
    ids = set(label_ids)
    ordered = Label.objects.filter(project=project).order_by("order", "position")
    return [label.name for label in ordered if label.pk in ids]


# --- reading ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of a comparison; ``sign`` is «+», «-» or blank."""

    sign: str
    text: str


@dataclass(frozen=True)
class Version:
    """One version with its labels, and who has read it and who has not; editorial ones nobody must."""

    row: GuidelineVersion
    labels: list[Label]
    have_read: list[str]
    have_not: list[str]
    # What took the place of ``labels`` by a merge or a split.
    into: list[Label] = field(default_factory=list)

    @property
    def to_read(self) -> bool:
        return self.row.kind in READ

    @property
    def people(self) -> int:
        return len(self.have_read) + len(self.have_not)


def versions(project: Project) -> list[Version]:
    """Return all versions, newest first, with those who label now and have read them or not."""
    rows = project.guideline_versions.select_related("created_by").order_by("-version")
    members = [(str(one.user), one.read_version) for one in _readers(project)]
    known = list(project.labels.order_by("order", "position"))
    return [
        Version(
            row,
            [label for label in known if label.pk in row.labels],
            [person for person, read in members if read >= row.version],
            [person for person, read in members if read < row.version],
            [label for label in known if label.pk in _into(row)],
        )
        for row in rows
    ]


def _into(row: GuidelineVersion) -> list[int]:
    """The ids of the labels that a merge or a split put in the place of others."""
    if "split" in row.migration:
        return list(row.migration["split"]["into"])
    return [row.migration["merge"]["into"]] if "merge" in row.migration else []


def still_named(project: Project) -> list[Label]:
    """Labels out of use that the text names all the same, each as a word of its own, by name."""
    text, gone = project.guidelines.casefold(), []
    # A longer name may hold a shorter one, also of a label in use.
    for label in sorted(project.labels.all(), key=lambda one: -len(one.name)):
        name = rf"(?<!\w){re.escape(label.name.casefold())}(?!\w)"
        if label.retired_at and re.search(name, text):
            gone.append(label)
        text = re.sub(name, " ", text)
    return sorted(gone, key=lambda one: one.name.casefold())


def naming_words(gone: Iterable[Label]) -> str:
    """Say that the text names labels that nobody can choose any more."""
    listed = ", ".join(f"«{label.name}»" for label in gone)
    return _("The guidelines still name %(labels)s, out of use now. Change the text.") % {"labels": listed}


def _readers(project: Project) -> Iterable[Membership]:
    members = project.memberships.filter(active=True, user__is_active=True)
    return members.select_related("user").order_by("user__name", "user__email")


def numbered(project: Project, version: int) -> GuidelineVersion | None:
    """Return a version by its number; a draft's only one is not kept yet."""
    found = project.guideline_versions.select_related("created_by").filter(version=version).first()
    if found is None and version == project.guideline_version:
        return GuidelineVersion(project=project, version=version, text=project.guidelines)
    return found


def texts(event: Event) -> tuple[str, str]:
    """Return what the guidelines were and what they became."""
    before, after = event.before or {}, event.after or {}
    return str(before.get("text", "")), str(after.get("text", ""))


def text_before(row: GuidelineVersion) -> str:
    """Return the guidelines as they were before a version; blank before the first."""
    return text_of(row.project, row.version - 1)


def text_of(project: Project, version: int) -> str:
    """Return the guidelines of a version; blank where it was not kept."""
    kept = project.guideline_versions.filter(version=version).values_list("text", flat=True).first()
    return kept or ""


def comparison(before: str, after: str) -> list[Line]:
    """Compare two texts by line, with two lines around each change."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    body = [line for line in list(lines)[2:] if line[0] != "@"]
    return [Line(line[0].strip(), line[1:]) for line in body]


# --- lines that decisions suggest ------------------------------------------------------------------------


def notes(project: Project) -> list[GuidelineNote]:
    """Lines that wait to become part of the guidelines, oldest first."""
    waiting = project.guideline_notes.filter(state=GuidelineNote.State.OPEN)
    return list(waiting.select_related("dispute", "dispute__item", "created_by").order_by("pk"))


def with_note(project: Project, text: str, note: GuidelineNote) -> str:
    """Return a text with a note's line under the heading of its label, or under a new one at the end."""
    line = "- " + " ".join(note.text.split())
    lines = text.rstrip().splitlines()
    for name in names(project, note.labels):
        place = _end_of_section(lines, name)
        if place is not None:
            return "\n".join([*lines[:place], line, *lines[place:]])
    heading = ", ".join(names(project, note.labels)) or _("Decided cases")
    gap = [""] if lines else []
    return "\n".join([*lines, *gap, f"## {heading}", "", line])


def _end_of_section(lines: list[str], name: str) -> int | None:
    """Where a section under a heading that names a label ends: after its last line with words."""
    wanted = name.casefold()
    start = next((at for at, line in enumerate(lines) if _heading(line) == wanted), None)
    if start is None:
        return None
    following = (at for at, line in enumerate(lines) if at > start and line.startswith("#"))
    end = next(following, len(lines))
    while not lines[end - 1].strip():
        end -= 1
    return end


def _heading(line: str) -> str:
    return line.lstrip("#").strip().strip("*`").casefold() if line.startswith("#") else ""


@transaction.atomic
def take(project: Project, actor: AbstractBaseUser, note_ids: Iterable[int]) -> None:
    """Mark notes as part of the guidelines, in the transaction that saves the text with them."""
    _close(project, actor, note_ids, GuidelineNote.State.TAKEN)


@transaction.atomic
def drop(project: Project, actor: AbstractBaseUser, note: GuidelineNote) -> None:
    """Put a note away: it stays with its decision and is offered no more."""
    _close(project, actor, [note.pk], GuidelineNote.State.DROPPED)


def _close(project: Project, actor: AbstractBaseUser, note_ids: Iterable[int], state: str) -> None:
    waiting = project.guideline_notes.filter(pk__in=note_ids, state=GuidelineNote.State.OPEN)
    for note in waiting.select_for_update(no_key=True).order_by("pk"):
        note.state = state
        note.save(update_fields=["state"])
        after = {"text": note.text, "dispute": note.dispute_id}
        audit.record(project, actor, f"guidelines.note_{state}", note.text[:80], after=after)
