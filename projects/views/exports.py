"""Take data out: annotations, settled labels, and the bad rows of an upload. For leads and admins."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.text import slugify
from django.utils.timezone import localdate
from django.views.decorators.http import require_GET

from projects import access
from projects.files.exporting import WHAT
from projects.files.problems import rows_told
from projects.files.writing import FORMATS, as_csv
from projects.models import Item, Project, Upload


@require_GET
@login_required
def index(request: HttpRequest, project_id: int) -> HttpResponse:
    """Offer the exports, with what is in them."""
    member = access.as_lead(request.user, project_id)
    project = member.project
    counts = {
        "items": project.item_count,
        "settled": project.items.filter(state=Item.State.SETTLED).count(),
        "annotations": project.annotations.count(),
    }
    context = {"membership": member, "project": project, "section": "export", "counts": counts}
    return render(request, "projects/exports.html", context)


@require_GET
@login_required
def download(request: HttpRequest, project_id: int, what: str, form: str) -> HttpResponseBase:
    """Stream one export. ``?all=1``: also items without a label; ``?spreadsheet=1``: safe for Excel."""
    project = access.as_lead(request.user, project_id).project
    if what not in WHAT or form not in FORMATS:
        raise Http404("There is no such export.")
    write, kind = FORMATS[form]
    rows = WHAT[what](project, "all" in request.GET)
    pieces = write(rows, form == "csv" and "spreadsheet" in request.GET)
    return attached(pieces, kind, f"{_slug(project)}-{what}-{localdate():%Y-%m-%d}.{form}")


@require_GET
@login_required
def problems(request: HttpRequest, project_id: int, upload_id: int) -> HttpResponseBase:
    """Give the bad rows of an upload as a table, to mend the file by."""
    project = access.as_admin(request.user, project_id).project
    upload = get_object_or_404(Upload, project=project, pk=upload_id)
    name = f"{slugify(upload.name.rpartition('.')[0]) or 'upload'}-problems.csv"
    return attached(as_csv(rows_told(upload.problems), for_spreadsheets=True), FORMATS["csv"][1], name)


def _slug(project: Project) -> str:
    return slugify(project.name) or f"project-{project.pk}"


def attached(pieces: Iterable[bytes], kind: str, name: str) -> StreamingHttpResponse:
    """Return a download that no browser opens in the page's place and no cache keeps."""
    response = StreamingHttpResponse(pieces, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
