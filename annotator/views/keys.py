"""A person's own keys on the labelling page."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from annotator.forms_keys import KeysForm
from annotator.models import User
from projects import keymap


@require_http_methods(["GET", "POST"])
@login_required
def keys(request: HttpRequest) -> HttpResponse:
    """Show which key does what, and keep another choice; «reset» makes all as they were."""
    user = cast(User, request.user)
    if request.method == "POST" and "reset" in request.POST:
        return _kept(request, user, {}, _("All keys are as they were."))
    form = KeysForm(request.POST if request.method == "POST" else None, user)
    if form.is_valid():
        return _kept(request, user, keymap.clean(form.cleaned_data), _("Your keys are saved."))
    yielding = {name: text for name, text in form.yielding().items() if name not in form.errors}
    rows = [
        {"field": form[name], "default": key, "yields": yielding.get(name, "")}
        for name, key in keymap.COMMANDS.items()
    ]
    status = 422 if form.errors else 200
    return render(request, "annotator/keys.html", {"form": form, "rows": rows}, status=status)


def _kept(request: HttpRequest, user: User, keys: dict[str, str], said: str) -> HttpResponse:
    User.objects.filter(pk=user.pk).update(keys=keys)
    messages.success(request, said)
    return redirect("my-keys")
