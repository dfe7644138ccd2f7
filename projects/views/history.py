"""Who changed what, when, from what to what."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from projects import access, history
from projects.views import common


@require_GET
@login_required
def changes(request: HttpRequest, project_id: int) -> HttpResponse:
    """List the project's events, newest first, a page at a time."""
    member = access.as_lead(request.user, project_id)
    about = request.GET.get("about", "")
    by, before = common.number(request, "by"), common.number(request, "before")
    found = history.events(member.project, about, by)
    if before:
        found = found.filter(pk__lt=before)
    rows = list(found[: history.PAGE_SIZE + 1])
    people = member.project.events.exclude(actor=None).values("actor").distinct()
    context = common.page(
        member,
        tab="history",
        events=rows[: history.PAGE_SIZE],
        older=rows[history.PAGE_SIZE - 1].pk if len(rows) > history.PAGE_SIZE else None,
        subjects=history.SUBJECTS.items(),
        actors=get_user_model().objects.filter(pk__in=people).order_by("email"),
        about=about if about in history.SUBJECTS else "",
        by=by,
    )
    return render(request, "projects/settings/history.html", context)
