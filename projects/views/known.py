"""Known items: the list, candidates, voiding."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from projects import access


@login_required
def known(request: HttpRequest, project_id: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404


@login_required
def change(request: HttpRequest, project_id: int, number: int) -> HttpResponse:
    access.as_lead(request.user, project_id)
    raise Http404
