"""The language of the pages: of a person, or of a browser while nobody is signed in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from annotator import languages
from annotator.models import User
from annotator.views.me import safe_address


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Keep the language and show the page again in it; blank means whatever the browser asks for."""
    chosen = request.POST.get("language", "")
    if chosen and not languages.offered(chosen):
        return HttpResponse(status=422)
    response = redirect(safe_address(request, request.POST.get("next", "")) or "home")
    if request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(language=chosen)
        request.user.language = chosen
    languages.choose(request, response, chosen)
    return response
