"""The ways in: one-time links and invitations. Opening one changes nothing; its button does."""

from __future__ import annotations

from typing import cast

from allauth.decorators import rate_limit
from django.contrib import messages
from django.contrib.auth import login
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from annotator import accounts
from annotator.forms import RegisterForm
from annotator.models import Invitation, User
from annotator.views.me import safe_address
from projects.errors import Refused

BACKEND = "django.contrib.auth.backends.ModelBackend"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_link(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button; pressing it uses the link up. Mail scanners open links but press no buttons.

    ``?next=`` may name the page of this site to go to.
    """
    try:
        if request.method != "POST":
            link = accounts.find_link(token)
            return render(request, "annotator/link.html", {"person": link.user})
        user = accounts.use_link(token)
    except Refused as refused:
        return _closed(request, _("This link does not work any more"), refused)
    login(request, user, backend=BACKEND)
    return redirect(safe_address(request, request.GET.get("next", "")) or "home")


@never_cache
@sensitive_post_parameters("password")
@rate_limit(action="signup")  # type: ignore[untyped-decorator]
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Say what is offered; accept it with the account at hand, or with a new one."""
    try:
        found = accounts.find_invitation(token)
        if request.user.is_authenticated:
            return _accept(request, token, found)
        return _register(request, token, found)
    except Refused as refused:
        if accounts.accepted(token, request.user.pk):
            return redirect("home")
        return _closed(request, _("This invitation cannot be accepted"), refused)


def _accept(request: HttpRequest, token: str, found: Invitation) -> HttpResponse:
    if request.method != "POST":
        return render(request, "annotator/invitation.html", {"invitation": found})
    accounts.accept(token, cast(User, request.user))
    return _welcome(request, found)


def _register(request: HttpRequest, token: str, found: Invitation) -> HttpResponse:
    form = RegisterForm(request.POST or None, invitation=found)
    if request.method == "POST" and form.is_valid():
        try:
            user = accounts.register(token, **form.cleaned_data)
        except IntegrityError:
            form.add_error("email", _("There is an account with this address. Sign in to accept."))
        else:
            login(request, user, backend=BACKEND)
            return _welcome(request, found)
    known = bool(found.email) and User.objects.filter(email=found.email).exists()
    context = {"invitation": found, "form": form, "known": known}
    return render(request, "annotator/invitation.html", context, status=422 if form.errors else 200)


def _welcome(request: HttpRequest, found: Invitation) -> HttpResponse:
    if not found.project:
        messages.success(request, _("Welcome. You may create projects here."))
        return redirect("home")
    messages.success(request, _("Welcome to %(project)s.") % {"project": found.project})
    return redirect("project", found.project.pk)


def _closed(request: HttpRequest, title: str, refused: Refused) -> HttpResponse:
    return render(request, "annotator/closed.html", {"heading": title, "reason": str(refused)}, status=410)
