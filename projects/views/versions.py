"""What follows from new guidelines: merging and splitting labels, acknowledgement."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from projects import access


@login_required
def merge(request: HttpRequest, project_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404


@login_required
def split(request: HttpRequest, project_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404


@login_required
def acknowledge(request: HttpRequest, project_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404


@login_required
def note(request: HttpRequest, project_id: int, note_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404
