"""Shifts: a person sizes a stretch of work."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from projects import access


@login_required
def shift(request: HttpRequest, project_id: int) -> HttpResponse:
    access.membership(request.user, project_id)
    raise Http404
