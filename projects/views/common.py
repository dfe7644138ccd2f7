"""What the pages of set-up and settings share: who asks, and how they hear of a refusal."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django_htmx.http import HttpResponseClientRedirect

from projects import labelset, markdown
from projects.models import Item, Membership, Project, Upload

REFUSED = 409
INVALID = 422


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
    """Tell the person what happened without touching the page: only what names its own place is swapped."""
    response = render(request, "projects/_said.html", {"text": text, **context}, status=status)
    response["HX-Reswap"] = "none"
    return response


def panel(project: Project, upload: Upload | None = None) -> dict[str, Any]:
    """Return the context of the labelling view on the first row, as a preview."""
    labels = list(labelset.shown(project))
    return {
        "project": project,
        "labels": labels,
        "multi": project.task == Project.Task.MULTI,
        "find": len(labels) > 10,
        "item": first_item(project, upload),
        "submission": "",
    }


def first_item(project: Project, upload: Upload | None = None) -> Item | None:
    """Return the first item, or one made of the first row of a file that is not imported yet."""
    if upload is None and (item := project.items.order_by("number").first()):
        return item
    upload = upload or project.uploads.order_by("pk").first()
    if upload is None:
        return None
    rows = upload.report.get("preview") or []
    content = upload.columns.get("content", "")
    value = str(rows[0].get(content) or "") if rows and content else ""
    if project.media == Project.Media.IMAGE:
        return Item(project=project, number=0, image=value or "1")
    return Item(project=project, number=0, text=value)


def page(membership: Membership, section: str = "settings", **context: Any) -> dict[str, Any]:
    """Return the context of a page of a project."""
    return {"membership": membership, "project": membership.project, "section": section, **context}


def rendered_guidelines(project: Project) -> str:
    """Return the guidelines as safe HTML."""
    return markdown.render(project.guidelines)


def go(request: HttpRequest, address: str) -> HttpResponse:
    """Send the person on, whether a form or htmx asked."""
    return HttpResponseClientRedirect(address) if by_htmx(request) else redirect(address)


def number(request: HttpRequest, name: str) -> int | None:
    """Read a whole number from the address; anything else is none."""
    typed = request.GET.get(name, "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else None
