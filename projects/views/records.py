"""People's records: for leads about everybody, for everybody about themselves."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from projects import access


@login_required
def records(request: HttpRequest, project_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404


@login_required
def record(request: HttpRequest, project_id: int, membership_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404


@login_required
def mine(request: HttpRequest, project_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404


@login_required
def act(request: HttpRequest, project_id: int, membership_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404
