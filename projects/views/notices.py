"""What a person is told: the list of notices."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse


@login_required
def notices(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    raise Http404
