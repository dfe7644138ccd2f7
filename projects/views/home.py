"""The start page: my projects, and what to do next in each."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from projects import overview
from projects.models import Project


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Show everything that this person belongs to; what is archived lies below."""
    cards = overview.cards(cast(int, request.user.pk))
    context = {
        "cards": [card for card in cards if card.project.state != Project.State.ARCHIVED],
        "archived": [card for card in cards if card.project.state == Project.State.ARCHIVED],
        "may_create": request.user.is_staff,
    }
    return render(request, "projects/home.html", context)
