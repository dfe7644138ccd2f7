"""The page of agreement: how far people agree, on what, and who."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from projects import access


@login_required
def agreement(request: HttpRequest, project_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404


@login_required
def pair(request: HttpRequest, project_id: int, first: int, second: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404
