"""The guidelines: written in Markdown, looked at before they are saved, and what they were before."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects import access, guidelines, labelset, markdown
from projects.errors import Refused
from projects.forms import GuidelinesForm
from projects.models import Event, Project
from projects.views import common


@require_http_methods(["GET", "POST"])
@login_required
def edit(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show and keep the guidelines; each text that is saved is a version."""
    member = access.as_admin(request.user, project_id)
    project = member.project
    form = GuidelinesForm(request.POST or None, initial=started_from(project))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            guidelines.change(project, common.person(request), given["text"], given["seen"], given["reason"])
            _add_typed_labels(request, project)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return _saved(request, project)
    context = common.page(
        member, tab="guidelines", **writing(project, form), versions=guidelines.versions(project)
    )
    status = common.REFUSED if form.errors else 200
    if common.by_htmx(request):
        return render(request, "projects/setup/_guidelines.html", context, status=status)
    return render(request, "projects/settings/guidelines.html", context, status=status)


@require_POST
@login_required
def preview(request: HttpRequest, project_id: int) -> HttpResponse:
    """Render what is being written, without keeping it."""
    access.as_admin(request.user, project_id)
    text = request.POST.get("text", "")[:100_000]
    return render(request, "projects/setup/_rendered.html", {"rendered": markdown.render(text)})


@require_GET
@login_required
def version(request: HttpRequest, project_id: int, event_id: int) -> HttpResponse:
    """Show one earlier change: the text as it became, and the lines that differ."""
    member = access.as_lead(request.user, project_id)
    changes = Event.objects.select_related("actor").filter(project_id=project_id, action=guidelines.CHANGED)
    event = get_object_or_404(changes, pk=event_id)
    context = common.page(
        member,
        tab="guidelines",
        event=event,
        lines=guidelines.comparison(*guidelines.texts(event)),
        rendered=markdown.render(guidelines.texts(event)[1]),
    )
    return render(request, "projects/settings/guidelines_version.html", context)


def started_from(project: Project) -> dict[str, Any]:
    """Return what the form starts from."""
    return {"text": project.guidelines, "seen": project.guideline_version}


def writing(project: Project, form: GuidelinesForm | None = None) -> dict[str, Any]:
    """Return the context of the form and its rendering."""
    form = form or GuidelinesForm(initial=started_from(project))
    text = form["text"].value() or ""
    return {"guidelines": form, "rendered": markdown.render(text)}


def _add_typed_labels(request: HttpRequest, project: Project) -> None:
    """Add what still stands in the box for labels when the person goes on: nothing typed is lost."""
    if request.POST.get("next"):
        labelset.add(project, common.person(request), labelset.drafts_from(request.POST.get("lines", "")))


def _saved(request: HttpRequest, project: Project) -> HttpResponse:
    project.refresh_from_db()
    draft = project.state == Project.State.DRAFT
    if draft and request.POST.get("next") == "loop":
        return common.go(request, reverse("setup", args=[project.pk, "loop"]))
    if draft and common.by_htmx(request):
        # Kept while the person writes on: nothing may move.
        return common.said(request, _("Guidelines saved."))
    if common.by_htmx(request):
        context = {"project": project, **writing(project), "saved": _("Guidelines saved.")}
        return render(request, "projects/setup/_guidelines.html", context)
    common.say(request, _("Guidelines saved."), messages.SUCCESS)
    if draft:
        return redirect("setup", project.pk, "labels")
    return redirect(reverse("settings-guidelines", args=[project.pk]))
