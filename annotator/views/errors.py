"""Pages for what went wrong, with a way out. None of them needs the database."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 413 for what was too big, else 400."""
    if isinstance(exception, RequestDataTooBig):
        return HttpResponse(render_to_string("413.html"), status=413)
    return HttpResponse(render_to_string("400.html"), status=400)


def csrf_failure(_request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """The form is older than the session, or cookies are off. ``reason`` is in the log."""
    return HttpResponse(render_to_string("403_csrf.html"), status=403)


def server_error(_request: HttpRequest) -> HttpResponse:
    """Say that it is our fault; no context, no database, no session."""
    return HttpResponse(render_to_string("500.html"), status=500)
