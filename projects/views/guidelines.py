"""The guidelines: written in Markdown, looked at before they are saved, and what they were before."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects import access, guidelines, labelset, markdown
from projects.errors import Refused
from projects.forms import GuidelinesForm
from projects.models import Event, GuidelineNote, GuidelineVersion, Membership, Project
from projects.trust import touching
from projects.views import common


@require_http_methods(["GET", "POST"])
@login_required
def edit(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show and keep the guidelines; each text that is saved is a version."""
    member = access.as_admin(request.user, project_id)
    project = member.project
    form = GuidelinesForm(project, request.POST or None, initial=started_from(project))
    if request.method == "POST" and form.is_valid():
        if request.POST.get("take"):
            return _written(request, member, _with_note(project, form, request.POST["take"]))
        if request.POST.get("act") != "look":
            try:
                _save(request, project, form)
            except Refused as refusal:
                form.add_error(None, str(refusal))
            else:
                return _saved(request, project)
    return _written(request, member, form)


@require_POST
@login_required
def preview(request: HttpRequest, project_id: int) -> HttpResponse:
    """Render what is being written, without keeping it."""
    access.as_admin(request.user, project_id)
    text = request.POST.get("text", "")[:100_000]
    return render(request, "projects/setup/_rendered.html", {"rendered": markdown.render(text)})


@require_POST
@login_required
def effect(request: HttpRequest, project_id: int) -> HttpResponse:
    """Say what saving would do to settled items, without doing it."""
    member = access.as_admin(request.user, project_id)
    form = GuidelinesForm(member.project, request.POST)
    form.is_valid()
    return render(request, "projects/settings/_effect.html", effect_of(member.project, form))


@require_GET
@login_required
def version(request: HttpRequest, project_id: int, event_id: int) -> HttpResponse:
    """Show one change of the text as the history tells it: how it became, and the lines that differ."""
    member = access.as_lead(request.user, project_id)
    changes = Event.objects.select_related("actor").filter(project_id=project_id, action=guidelines.CHANGED)
    event = get_object_or_404(changes, pk=event_id)
    number = (event.after or {}).get("version", 1)
    row = GuidelineVersion(
        project=member.project, version=number, created_at=event.at, created_by=event.actor
    )
    kept = member.project.guideline_versions.select_related("created_by").filter(version=number).first()
    return _compared(request, member, kept or row, guidelines.texts(event))


@require_GET
@login_required
def numbered(request: HttpRequest, project_id: int, number: int) -> HttpResponse:
    """Show one version, of the text or of the label set: what is new, what differs, who has read it."""
    member = access.as_lead(request.user, project_id)
    row = guidelines.numbered(member.project, number)
    if row is None:
        raise Http404
    return _compared(request, member, row, (guidelines.text_before(row), row.text))


def _compared(
    request: HttpRequest, member: Membership, row: GuidelineVersion, texts: tuple[str, str]
) -> HttpResponse:
    shown = next((one for one in guidelines.versions(member.project) if one.row.pk == row.pk), None)
    context = common.page(
        member,
        tab="guidelines",
        row=row,
        shown=shown,
        lines=guidelines.comparison(*texts),
        rendered=markdown.render(texts[1]),
    )
    return render(request, "projects/settings/guidelines_version.html", context)


def started_from(project: Project) -> dict[str, Any]:
    """Return what the form starts from."""
    return {
        "text": project.guidelines,
        "seen": project.guideline_version,
        "kind": GuidelineVersion.Kind.EDITORIAL,
    }


def writing(project: Project, form: GuidelinesForm | None = None) -> dict[str, Any]:
    """Return the context of the form and its rendering."""
    form = form or GuidelinesForm(project, initial=started_from(project))
    text = form["text"].value() or ""
    return {
        "guidelines": form,
        "rendered": markdown.render(text),
        "kinds": _kinds(form),
        "offered": [(label, str(label.pk) in _chosen(form)) for label in labelset.shown(project)],
        "naming": guidelines.naming_words(gone) if (gone := guidelines.still_named(project)) else "",
        "taken": GuidelineNote.objects.filter(pk__in=_ids(form["notes"].value())),
        **effect_of(project, form),
    }


def effect_of(project: Project, form: GuidelinesForm) -> dict[str, Any]:
    """Return the context of what saving would do; nothing is said of a draft or of an editorial change."""
    kind = form["kind"].value()
    if project.state == Project.State.DRAFT or kind not in guidelines.READ:
        return {"kind": kind, "effect": None}
    chosen = [int(pk) for pk in _chosen(form) if pk.isdigit()]
    named = project.labels.filter(pk__in=chosen).values_list("pk", flat=True)
    return {"kind": kind, "effect": touching.effect(project, named), "concerned": len(named)}


def _kinds(form: GuidelinesForm) -> list[dict[str, Any]]:
    """The kinds of a change, in words that tell one from the other."""
    kind = GuidelineVersion.Kind
    words = {
        kind.EDITORIAL: (
            _("Editorial"),
            _("Wording, typing errors, further examples. Nobody has to read it, nothing is asked again."),
        ),
        kind.CLARIFYING: (
            _("Clarifying"),
            _("Some labels are meant more precisely. Everybody reads it; items with them are asked again."),
        ),
        kind.BREAKING: (
            _("Breaking"),
            _("Labels mean something else. As above; agreement and people's records begin anew."),
        ),
    }
    chosen = form["kind"].value() or kind.EDITORIAL
    return [
        {"value": value, "title": title, "words": text, "chosen": value == chosen}
        for value, (title, text) in words.items()
    ]


def _chosen(form: GuidelinesForm) -> list[str]:
    return [str(pk) for pk in form["labels"].value() or ()]


def _ids(values: Any) -> list[int]:
    return [int(pk) for pk in values or () if str(pk).isdigit() and len(str(pk)) < 19]


def _with_note(project: Project, form: GuidelinesForm, note_id: str) -> GuidelinesForm:
    """Put a suggested line into the text that is being written; with it the change is a clarifying one."""
    given = form.cleaned_data
    taken = [note.pk for note in given["notes"]]
    wanted = [note for note in guidelines.notes(project) if str(note.pk) == note_id and note.pk not in taken]
    text, labels = given["text"], {label.pk for label in given["labels"]}
    for note in wanted:
        text = guidelines.with_note(project, text.replace("\r\n", "\n"), note)
        labels |= set(note.labels)
        taken.append(note.pk)
    kind = given["kind"]
    start = {
        "text": text,
        "seen": given["seen"],
        "kind": GuidelineVersion.Kind.CLARIFYING if wanted and kind not in guidelines.READ else kind,
        "labels": sorted(labels),
        "summary": given["summary"] or (_summary_of(wanted[0]) if wanted else ""),
        "notes": taken,
    }
    return GuidelinesForm(project, initial=start)


def _summary_of(note: GuidelineNote) -> str:
    return " ".join(note.text.split())[:500]


@transaction.atomic
def _save(request: HttpRequest, project: Project, form: GuidelinesForm) -> None:
    """Keep the text, the notes that became part of it, and labels that are still in their box."""
    given, person = form.cleaned_data, common.person(request)
    if project.state != Project.State.DRAFT and guidelines.normal(given["text"]) == project.guidelines:
        raise Refused(_("Nothing was changed: the text is the same as before. Only a new text is a version."))
    guidelines.change(project, person, given["text"], given["seen"], form.news())
    guidelines.take(project, person, [note.pk for note in given["notes"]])
    if request.POST.get("next"):
        # What still stands in the box for labels when the person goes on: nothing typed is lost.
        labelset.add(project, person, labelset.drafts_from(request.POST.get("lines", "")))


def _written(request: HttpRequest, member: Membership, form: GuidelinesForm) -> HttpResponse:
    """Show the text as it is being written; nothing is kept yet."""
    project = member.project
    status = common.REFUSED if form.errors else 200
    context = common.page(member, tab="guidelines", **writing(project, form))
    if common.by_htmx(request):
        return render(request, "projects/setup/_guidelines.html", context, status=status)
    context |= {"versions": guidelines.versions(project), "notes": guidelines.notes(project)}
    return render(request, "projects/settings/guidelines.html", context, status=status)


def _saved(request: HttpRequest, project: Project) -> HttpResponse:
    project.refresh_from_db()
    draft = project.state == Project.State.DRAFT
    if draft and request.POST.get("next") == "loop":
        return common.go(request, reverse("setup", args=[project.pk, "loop"]))
    if draft and common.by_htmx(request):
        # Kept while the person writes on: nothing may move.
        return common.said(request, _("Guidelines saved."))
    common.say(request, _("Guidelines saved."), messages.SUCCESS)
    if draft:
        return redirect("setup", project.pk, "labels")
    # The whole page: versions and suggested lines have changed too.
    return common.go(request, reverse("settings-guidelines", args=[project.pk]))
