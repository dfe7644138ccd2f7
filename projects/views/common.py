"""What the pages of set-up and settings share: who asks, and how they hear of a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from projects import choosing, keymap, labelset, uploads
from projects.errors import Refused
from projects.models import Membership, Project, Upload

REFUSED = 409
INVALID = 422


def sentences(form: BaseForm) -> list[str]:
    """Return everything that is wrong with a form, for a page that does not show it."""
    return [str(error) for errors in form.errors.values() for error in errors]


def person(request: HttpRequest) -> AbstractBaseUser:
    """Return who is signed in; the view is behind login_required."""
    assert isinstance(request.user, AbstractBaseUser)
    return request.user


def by_htmx(request: HttpRequest) -> bool:
    """Say whether htmx asks, which wants a fragment."""
    return bool(getattr(request, "htmx", False))


def say(request: HttpRequest, text: str, level: int = messages.SUCCESS) -> None:
    """Tell the person what happened: on the next page."""
    messages.add_message(request, level, text)


def said(request: HttpRequest, text: str, status: int = 200, **context: Any) -> HttpResponse:
    """Tell the person what happened and leave the page: only what names its own place is swapped."""
    response = render(request, "projects/_said.html", {"text": text, **context}, status=status)
    response["HX-Reswap"] = "none"
    return response


def kept(request: HttpRequest, form: BaseForm, save: Callable[[], str]) -> bool:
    """Save what a form that was sent holds, and say what ``save`` says; a refusal stands with the form."""
    if request.method != "POST" or not form.is_valid():
        return False
    try:
        say(request, save())
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return False
    return True


def panel(project: Project, upload: Upload | None = None) -> dict[str, Any]:
    """Return the context of the labelling view on the first row, as a preview."""
    labels = list(labelset.shown(project))
    waiting = upload or uploads.newest(project).first()
    item, picture = None if upload else project.items.order_by("number").first(), ""
    if item is None and waiting:
        item = uploads.first_item(waiting)
        if item and item.image:
            picture = reverse("upload-picture", args=[project.pk, waiting.pk])
    return {
        "project": project,
        "labels": labels,
        "multi": project.task == Project.Task.MULTI,
        "find": choosing.by_typing(labels),
        "keys": keymap.pressed(choosing.keys({}, labels), choosing.by_typing(labels)),
        "item": item,
        "picture": picture,
    }


def page(membership: Membership, section: str = "settings", **context: Any) -> dict[str, Any]:
    """Return the context of a page of a project."""
    return {"membership": membership, "project": membership.project, "section": section, **context}


def go(request: HttpRequest, address: str) -> HttpResponse:
    """Send the person on, whether a form or htmx asked."""
    return HttpResponseClientRedirect(address) if by_htmx(request) else redirect(address)


def number(request: HttpRequest, name: str) -> int | None:
    """Read a whole number from the address; anything else is none."""
    typed = request.GET.get(name, "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else None
