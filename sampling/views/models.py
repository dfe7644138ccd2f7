"""The model pages: every version, what it rests on, and which one is in use."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from projects import access
from projects.errors import Refused
from projects.models import Membership
from projects.views import common
from sampling import measures, packages, versions
from sampling.model_forms import PutInUseForm
from sampling.models import ModelVersion

PAGE = 100


@never_cache
@require_GET
@login_required
def index(request: HttpRequest, project_id: int) -> HttpResponse:
    """List versions, newest first, a page at a time."""
    member = access.as_lead(request.user, project_id)
    found = versions.listed(member.project)
    if (before := common.number(request, "before")) is not None:
        found = found.filter(round__number__lt=before)
    rows = list(found[: PAGE + 1])
    lines = [versions.line(one) for one in rows[:PAGE]]
    older = lines[-1].number if len(rows) > PAGE else None
    context = _page(member, lines=lines, older=older, champion=versions.champion(member.project))
    return render(request, "sampling/models.html", context)


@never_cache
@require_GET
@login_required
def version(request: HttpRequest, project_id: int, number: int) -> HttpResponse:
    """Show one version: its data, figures, and what the gate said."""
    member = access.as_lead(request.user, project_id)
    found = get_object_or_404(versions.listed(member.project), round__number=number)
    return render(request, "sampling/model.html", _one(member, found))


@require_POST
@login_required
def put_in_use(request: HttpRequest, project_id: int, number: int) -> HttpResponse:
    """Put a version in use."""
    member = access.as_admin(request.user, project_id)
    found = get_object_or_404(versions.listed(member.project), round__number=number)
    form, status = PutInUseForm(request.POST), common.INVALID
    if form.is_valid():
        seen, reason = form.cleaned_data["instead_of"], form.cleaned_data["reason"]
        try:
            versions.roll_back(member.project, common.person(request), versions.Change(number, seen, reason))
        except Refused as refusal:
            form.add_error(None, str(refusal))
            status = common.REFUSED
        else:
            common.say(request, _("Model %(number)s is in use.") % {"number": number})
            return redirect("model", project_id, number)
    return render(request, "sampling/model.html", _one(member, found, form), status=status)


@require_POST
@login_required
def download(request: HttpRequest, project_id: int, number: int) -> HttpResponseBase:
    """Give a version away with its card; a POST, because who took it is written down."""
    member = access.as_lead(request.user, project_id)
    found = get_object_or_404(versions.listed(member.project), round__number=number)
    try:
        pieces = packages.take(found, common.person(request))
    except Refused as refusal:
        common.say(request, str(refusal), messages.ERROR)
        return redirect("model", project_id, number)
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{packages.name(found)}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def _one(member: Membership, found: ModelVersion, form: PutInUseForm | None = None) -> dict[str, Any]:
    used = versions.champion(member.project)
    labels = measures.labels_of(found, list(member.project.labels.order_by("order", "position")))
    if form is None:
        form = PutInUseForm(initial={"instead_of": used.round.number if used else None})
    return _page(
        member,
        version=found,
        line=versions.line(found),
        champion=used,
        enough=measures.ENOUGH,
        enough_part=measures.ENOUGH_PART,
        labels=labels,
        compared=versions.compared(found.gate or {}),
        form=form,
    )


def _page(member: Membership, **context: Any) -> dict[str, Any]:
    return common.page(member, "models", **context)
