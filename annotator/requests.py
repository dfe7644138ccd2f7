"""Give each request an id: in the answer's header, in the events that it writes and in the log."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from projects.tracing import REQUEST

HEADER = "X-Request-ID"
Answer = Callable[[HttpRequest], HttpResponseBase]


def identified(answer: Answer) -> Answer:
    """Set ``REQUEST`` while a request is answered; the id is ours, whatever the browser sent."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        name = str(uuid4())
        token = REQUEST.set(name)
        try:
            response = answer(request)
        finally:
            REQUEST.reset(token)
        response[HEADER] = name
        return response

    return middleware
