"""A person's own page: name, theme, language, keys, password."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from annotator import languages
from annotator.context import THEME_COOKIE, THEMES
from annotator.forms import MeForm
from annotator.models import User


@require_http_methods(["GET", "POST"])
@login_required
def me(request: HttpRequest) -> HttpResponse:
    """Show and keep what one may say about oneself."""
    user = cast(User, request.user)
    form = MeForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        response = redirect("me")
        if "language" in form.changed_data:
            languages.choose(request, response, user.language)
        with translation.override(user.language or translation.get_language()):
            messages.success(request, _("Saved."))
        return response
    if form.errors:
        user.refresh_from_db()
    return render(request, "annotator/me.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme for this person, or for this browser while nobody is signed in."""
    chosen = request.POST.get("theme", "")
    if chosen not in THEMES:
        return HttpResponse(status=422)
    if request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(theme=chosen)
    if request.headers.get("HX-Request"):
        response = trigger_client_event(HttpResponse(status=204), "themechange", {"value": chosen})
    else:
        response = redirect(safe_address(request, request.POST.get("next", "")) or "home")
    response.set_cookie(
        THEME_COOKIE, chosen, max_age=31_536_000, httponly=True, samesite="Lax", secure=request.is_secure()
    )
    return response


def safe_address(request: HttpRequest, address: str) -> str:
    """Return an address of this site as it is, and any other as blank."""
    here = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if here else ""
