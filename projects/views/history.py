"""Who changed what, when, from what to what."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.text import slugify
from django.utils.timezone import localdate
from django.views.decorators.http import require_GET

from projects import access, history
from projects.files.writing import FORMATS
from projects.history_forms import HistoryForm
from projects.views import common
from projects.views.exports import attached


@require_GET
@login_required
def changes(request: HttpRequest, project_id: int) -> HttpResponse:
    """List the events that are wanted, newest first, a page at a time."""
    member = access.as_lead(request.user, project_id)
    form = HistoryForm(member.project, request.GET)
    wanted = form.wanted()
    page = history.page(member.project, wanted, common.number(request, "before"), _act(request))
    chosen = {name: value for name, value in request.GET.items() if name in form.fields and value}
    context = common.page(
        member,
        tab="history",
        form=form,
        page=page,
        older=page.older,
        events=[row.event for row in page.rows],
        wanted=wanted,
        query=urlencode(chosen),
        with_items=urlencode(chosen | {"all": "on"}),
        filtered=bool(chosen),
    )
    return render(request, "projects/settings/history.html", context)


@require_GET
@login_required
def download(request: HttpRequest, project_id: int, form: str) -> HttpResponseBase:
    """Stream the events that are wanted, oldest first; ``?spreadsheet=1``: safe for Excel."""
    project = access.as_lead(request.user, project_id).project
    if form not in FORMATS:
        raise Http404("There is no such export.")
    write, kind = FORMATS[form]
    found = history.matching(project, HistoryForm(project, request.GET).wanted())
    pieces = write(history.rows(found), form == "csv" and "spreadsheet" in request.GET)
    name = f"{slugify(project.name) or f'project-{project.pk}'}-history-{localdate():%Y-%m-%d}.{form}"
    return attached(pieces, kind, name)


def _act(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET.get("past", ""))
    except ValueError:
        return None
