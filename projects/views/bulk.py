"""Decisions on several disputes that are alike, after a preview."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from projects import access


@login_required
def bulk(request: HttpRequest, project_id: int, dispute_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404
