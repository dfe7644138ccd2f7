"""Spot checks: a lead judges settled items blind."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from projects import access


@login_required
def checks(request: HttpRequest, project_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404


@login_required
def check(request: HttpRequest, project_id: int, check_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404
