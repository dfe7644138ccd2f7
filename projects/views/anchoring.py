"""The page on suggestions: how far people follow them, and what they save."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from projects import access
from projects.quality.anchoring import ENOUGH, Difference
from projects.trust import anchoring, anchoring_words
from projects.views import common


@require_GET
@login_required
def suggestions(request: HttpRequest, project_id: int) -> HttpResponse:
    """Compare answers with and without the model's suggestion, for leads; a period may be chosen."""
    member = access.as_lead(request.user, project_id)
    periods = anchoring.periods(member.project)
    wanted = common.number(request, "period")
    chosen = next((one for one in periods if one.number == wanted), periods[0] if periods else None)
    report = anchoring.report(member.project, chosen) if chosen else None
    context = common.page(member, "quality", tab="suggestions", report=report, enough=ENOUGH)
    if report:
        context |= {
            "headline": anchoring_words.wrong(report.wrong),
            "time": anchoring_words.pace(report.pace),
            "arms": [(one, *_interval(one)) for one in (report.wrong, report.every)],
            "people": [(line, anchoring_words.person(line.every)) for line in report.people],
            "periods": [(one, anchoring_words.way(one), one == chosen) for one in periods],
        }
    return render(request, "projects/anchoring.html", context)


def _interval(found: Difference) -> list[str]:
    return [anchoring_words.points(one) for one in (found.points, found.low, found.high)]
