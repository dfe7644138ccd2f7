"""The page of agreement: how far people agree, on what, and who."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from projects import access
from projects import agreement as measured
from projects.agreement import LabelLine, Report
from projects.models import Membership, Project
from projects.trust import cardchecks
from projects.views import common

# Pairs of labels, and labels, that the page lists before somebody asks for all.
PAIRS: Final = 10
LABELS: Final = 20


@require_GET
@login_required
def agreement(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show how far people agree; with two people in the address, send on to their own page."""
    member = access.as_lead(request.user, project_id)
    first, second = common.number(request, "first"), common.number(request, "second")
    if first and second and first != second:
        return redirect("agreement-pair", project_id, first, second)
    project = member.project
    report = measured.report(project)
    around = common.number(request, "around")
    every = request.GET.get("pairs") == "all"
    lines = _label_lines(report, every=request.GET.get("labels") == "all")
    context = common.page(
        member,
        "quality",
        tab="agreement",
        report=report,
        **_headline(project, report),
        grid=measured.grid(report, around),
        around=around,
        pairs=report.mixed if every else report.mixed[:PAIRS],
        more=0 if every else max(0, len(report.mixed) - PAIRS),
        labels=lines,
        more_labels=len(report.labels) - len(lines),
        few=measured.FEW,
        same=bool(first and first == second),
        weeks=measured.week_chart(report.weeks),
        versions=measured.version_chart(report.versions),
        waiting=None if report.whole.items else _waiting(project),
        cards=cardchecks.report(project),
    )
    return render(request, "projects/agreement.html", context)


@require_GET
@login_required
def pair(request: HttpRequest, project_id: int, first: int, second: int) -> HttpResponse:
    """Compare two people."""
    member = access.as_lead(request.user, project_id)
    members = Membership.objects.filter(project=member.project, user_id__in=(first, second))
    names = {one.user_id: str(one.user) for one in members.select_related("user")}
    if first == second or len(names) < 2:
        raise Http404
    found = measured.pair(member.project, first, second)
    context = common.page(
        member,
        "quality",
        tab="agreement",
        pair=found,
        people=[(first, names[first]), (second, names[second])],
        few=measured.FEW,
    )
    return render(request, "projects/agreement_pair.html", context)


def _label_lines(report: Report, *, every: bool) -> Sequence[LabelLine]:
    """Return all labels in their order, or where they are many those in which people agree least."""
    if every or len(report.labels) <= LABELS:
        return report.labels
    return sorted(report.labels, key=lambda line: (line.figures.alpha is None, line.figures.alpha))[:LABELS]


def _headline(project: Project, report: Report) -> dict[str, Any]:
    """Return what stands at the head, and the eras before the last breaking change."""
    whole = report.whole
    return {
        "verdict": measured.verdict(whole),
        "size": measured.size(whole),
        "width": measured.width(whole),
        "band": measured.band(whole),
        "samples": [
            (name, why, mark, figures, measured.band(figures))
            for name, why, mark, figures in _samples(report)
            if figures is not None
        ],
        "eras": _eras(project, report),
        "people": sorted(report.people, key=lambda line: line.name.casefold()),
    }


def _eras(project: Project, report: Report) -> list[tuple[str, Any, str]]:
    """Name what lies before each breaking change by its guideline versions."""
    found = []
    for one in report.eras:
        numbers = [version.at for version in report.versions if version.era == one.at]
        if numbers[-1] >= project.agreed_version:
            continue
        name = _("Agreement sample, version %(number)s") % {"number": numbers[0]}
        if len(numbers) > 1:
            name = _("Agreement sample, versions %(first)s to %(last)s") % {
                "first": numbers[0],
                "last": numbers[-1],
            }
        found.append((name, one.figures, measured.band(one.figures)))
    return found


def _samples(report: Report) -> list[tuple[str, str, str, Any]]:
    return [
        (
            _("Agreement sample"),
            _("Drawn at random before anybody saw the items, suggestions hidden: the project's figure."),
            "agreed",
            report.whole,
        ),
        (
            _("First items, for everybody"),
            _("Labelled at the beginning, to find out what the guidelines leave open."),
            "first",
            report.first,
        ),
        (
            _("Items that rounds picked"),
            _("Picked because they are hard, asked again where people differ: lower than the project's."),
            "",
            report.picked,
        ),
    ]


def _waiting(project: Project) -> dict[str, int]:
    """Why there is no figure yet: how many items are drawn, and on how many labels mean what they do now."""
    drawn = project.items.filter(agreement=True)
    since = project.agreed_version
    return {
        "drawn": drawn.count(),
        "answered": drawn.filter(annotations__guideline_version__gte=since).distinct().count(),
        "people": project.memberships.filter(active=True).count(),
    }
