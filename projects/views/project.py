"""A project's own address: on to the page that this person needs."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from projects import access
from projects.models import Project


@require_safe
@login_required
def project(request: HttpRequest, project_id: int) -> HttpResponse:
    """Send an admin of a draft to its set-up, a lead to the progress, anybody else to work."""
    member = access.membership(request.user, project_id)
    if member.project.state == Project.State.DRAFT and member.administers:
        return redirect("setup-resume", project_id)
    return redirect("progress" if member.leads else "label", project_id)
