"""A file on its way in: its columns, its check, its bad rows, and what becomes of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from projects import access, uploads
from projects.errors import Refused
from projects.files import images
from projects.files.problems import rows_told
from projects.forms import ColumnsForm
from projects.models import Membership, Project, Upload
from projects.views import common

# Shown on the page; the download has them all (as far as they are kept).
PROBLEMS_SHOWN = 50


@require_GET
@login_required
def upload(request: HttpRequest, project_id: int, upload_id: int) -> HttpResponse:
    """Show one file of a project at work: how it is read, what is wrong with it, how far its import is."""
    member, found = _load(request, project_id, upload_id)
    if member.project.state == Project.State.DRAFT:
        return redirect("setup", project_id, "columns")
    return render(request, "projects/settings/upload.html", common.page(member, tab="data", **reading(found)))


@require_POST
@login_required
def columns(request: HttpRequest, project_id: int, upload_id: int) -> HttpResponse:
    """Take the choice of columns and check the file under it."""
    _member, found = _load(request, project_id, upload_id)
    form = ColumnsForm(found, request.POST)
    try:
        if form.is_valid():
            before = found.report.get("columns")
            found = uploads.choose(found, form.choices(found))
            return _checked_again(request, found, same=found.report.get("columns") == before)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    if not common.by_htmx(request):
        common.say(request, " ".join(common.sentences(form)), messages.ERROR)
        return redirect(_place(found))
    return _around_the_form(request, found, form, common.INVALID)


@never_cache
@require_GET
@login_required
def state(request: HttpRequest, project_id: int, upload_id: int) -> HttpResponse:
    """Say how far check or import are; asked again and again until they are done."""
    member, found = _load(request, project_id, upload_id)
    was = request.GET.get("was")
    if was == "reading" and (found.report.get("columns") or found.state not in uploads.BUSY):
        response = render(request, "projects/setup/_columns.html", common.page(member, **reading(found)))
        response["HX-Retarget"], response["HX-Reswap"] = "#columns", "outerHTML"
        return response
    if was == "check" and found.state not in uploads.BUSY:
        return _around_the_form(request, found)
    return render(request, "projects/setup/_check.html", common.page(member, **checked(found)))


@require_POST
@login_required
def accept(request: HttpRequest, project_id: int, upload_id: int) -> HttpResponse:
    """Go on with a checked file: to the labels in a draft, into the import in a project at work."""
    member, found = _load(request, project_id, upload_id)
    if request.POST.get("bad_rows") == "mend":
        return remove(request, project_id, upload_id)
    actor = common.person(request)
    try:
        found = uploads.accept(found, actor, good_rows_only=request.POST.get("bad_rows") == "leave")
        if member.project.state != Project.State.DRAFT:
            uploads.release(found, actor)
    except Refused as refusal:
        common.say(request, str(refusal), messages.ERROR)
        return redirect(_place(found))
    if member.project.state == Project.State.DRAFT:
        return redirect("setup", project_id, "labels")
    common.say(request, _("The import has begun."))
    return redirect("upload", project_id, found.pk)


@require_POST
@login_required
def remove(request: HttpRequest, project_id: int, upload_id: int) -> HttpResponse:
    """Take a file away that is not imported."""
    member, found = _load(request, project_id, upload_id)
    try:
        uploads.remove(found, common.person(request))
        common.say(request, _("%(name)s was removed. Nothing of it was imported.") % {"name": found.name})
    except Refused as refusal:
        common.say(request, str(refusal), messages.ERROR)
    if member.project.state == Project.State.DRAFT:
        return redirect("setup", project_id, "data")
    return redirect("settings-data", project_id)


@require_GET
@login_required
def picture(request: HttpRequest, project_id: int, upload_id: int) -> HttpResponse:
    """Show the first picture of a zip that is not imported yet, for the preview."""
    _member, found = _load(request, project_id, upload_id)
    first = uploads.first_picture(found)
    if first is None:
        raise Http404
    response = HttpResponse(first.data, content_type=images.TYPES[first.suffix])
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=600"
    return response


def reading(upload: Upload, form: ColumnsForm | None = None) -> dict[str, Any]:
    """Return the context of the columns step: form, first rows, check, and the labelling view on row 1."""
    report, chosen = upload.report, upload.columns
    names = report.get("columns") or []
    roles = {chosen.get("content"): "content", chosen.get("id"): "id"}
    if chosen.get("known"):
        roles[chosen.get("label")] = "label"
    kept = set(chosen.get("keep") or [])
    heads = [{"name": name, "role": roles.get(name) or ("keep" if name in kept else "")} for name in names]
    rows = [
        [(head["role"], row.get(head["name"], "")) for head in heads] for row in report.get("preview") or []
    ]
    return {
        "form": form or ColumnsForm(upload, initial=chosen),
        "heads": heads,
        "rows": rows,
        "panel": common.panel(upload.project, upload),
        **checked(upload),
    }


def checked(upload: Upload) -> dict[str, Any]:
    """Return the context of the check's outcome."""
    return {
        "upload": upload,
        "report": upload.report,
        "draft": upload.project.state == Project.State.DRAFT,
        "busy": upload.state in uploads.BUSY,
        "importing": upload.state in {Upload.State.READY, Upload.State.IMPORTING},
        "problems": rows_told(upload.problems[:PROBLEMS_SHOWN]),
        "problems_left": max(0, upload.report.get("bad", 0) - PROBLEMS_SHOWN),
        "new_labels": uploads.missing_labels(upload),
    }


def _checked_again(request: HttpRequest, upload: Upload, same: bool) -> HttpResponse:
    """Answer a choice of columns: the whole step where the file is now read into other columns."""
    if not common.by_htmx(request):
        return redirect(_place(upload))
    if same:
        return _around_the_form(request, upload)
    context = {"project": upload.project, **reading(upload)}
    return render(request, "projects/setup/_columns.html", context)


def _around_the_form(
    request: HttpRequest, upload: Upload, form: ColumnsForm | None = None, status: int = 200
) -> HttpResponse:
    context = {"project": upload.project, **reading(upload, form)}
    response = render(request, "projects/setup/_columns_changed.html", context, status=status)
    response["HX-Reswap"] = "none"
    return response


def _load(request: HttpRequest, project_id: int, upload_id: int) -> tuple[Membership, Upload]:
    member = access.as_admin(request.user, project_id)
    found = get_object_or_404(Upload.objects.select_related("project"), project_id=project_id, pk=upload_id)
    return member, found


def _place(upload: Upload) -> str:
    """Return the page on which the person handles this file."""
    if upload.project.state == Project.State.DRAFT:
        return reverse("setup", args=[upload.project_id, "columns"])
    return reverse("upload", args=[upload.project_id, upload.pk])
