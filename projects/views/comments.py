"""Remarks on items."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from projects import access


@login_required
def comment(request: HttpRequest, project_id: int, number: int) -> HttpResponse:
    access.membership(request.user, project_id)
    raise Http404
