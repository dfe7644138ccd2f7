"""How a person likes to read: kept by a tiny request, while the page has long changed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from annotator.models import User
from projects import reading


@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """Keep what the form says of each choice. Answers 401 where its ``user`` is not who is signed in."""
    if str(request.user.pk or "") != request.POST.get("user", "") or not request.user.is_authenticated:
        return HttpResponse(status=401)
    said = {name: request.POST[name] for name in reading.CHOICES if name in request.POST}
    if any(value not in reading.CHOICES[name] for name, value in said.items()):
        return HttpResponse(status=422)
    known = reading.preferences(request.user.reading)
    User.objects.filter(pk=request.user.pk).update(reading=known | said)
    return HttpResponse(status=204)
