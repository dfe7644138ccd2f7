"""The progress page, and the fragment that says what the loop is doing now."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control
from django.utils.timezone import now
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from projects import access, agreement
from projects.models import Membership, Project
from sampling import advice, live, progress


@never_cache
@require_GET
@login_required
def page(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show how far the project is, how good the model is, how far people agree, who did what."""
    member = access.as_lead(request.user, project_id)
    if member.project.state == Project.State.DRAFT and member.administers:
        return redirect("project", project_id)
    return render(request, "sampling/progress.html", {**_frame(member), **_figures(member.project)})


@require_GET
@login_required
def now_doing(request: HttpRequest, project_id: int) -> HttpResponse:
    """What the loop is doing, for a page that asks every few seconds; 304 while nothing has changed."""
    member = access.as_lead(request.user, project_id)
    seen = live.look(member, now())
    tag = f'"{seen.tag}-{get_language()}"'
    if request.headers.get("If-None-Match") == tag:
        response = HttpResponse(status=304)
    else:
        response = render(request, "sampling/_live.html", _live(member, seen))
    response["ETag"] = tag
    patch_cache_control(response, private=True, no_cache=True)
    return response


def _frame(member: Membership) -> dict[str, Any]:
    return {"section": "progress", **_live(member, live.look(member, now()))}


def _live(member: Membership, seen: live.Live) -> dict[str, Any]:
    names = list(live.STEPS)
    step = live.PARTS.get(seen.step, seen.step)
    at = names.index(step) if step in names else -1
    steps = [(name, place < at, place == at) for place, name in enumerate(live.STEPS.values())]
    return {
        "membership": member,
        "project": member.project,
        "live": seen,
        "steps": steps if seen.step else [],
    }


def _figures(project: Project) -> dict[str, Any]:
    labels = list(project.labels.order_by("order", "position"))
    done, used = progress.rounds_done(project), progress.in_use(project)
    latest = progress.newest(project, "evaluation", "drift")
    report = latest["evaluation"] if used is None or used.held_back else used.report
    counted = progress.settled(project)
    agreed = agreement.report(project)
    return {
        "settled": counted,
        "accuracy": progress.accuracy(done, used),
        "in_use": used,
        "enough": progress.ENOUGH,
        "over_time": progress.over_time(project),
        "labels": progress.label_chart(labels, counted),
        "agreed": agreed,
        "agreed_size": agreement.size(agreed.whole),
        "agreed_words": agreement.verdict(agreed.whole),
        "people": progress.people(project),
        "measured": progress.measured(report, labels),
        "advice": progress.advised(progress.as_used(done, used), project.policy.stop_rules),
        "saved": progress.saved(project),
        "drifted": advice.drifted(latest["drift"]),
        "picked": progress.picked(project, labels, done[-1].number if done else None),
        "rounds": done[::-1],
        "oldest": progress.oldest_dispute(project),
    }
