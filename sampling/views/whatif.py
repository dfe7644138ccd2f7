"""The page «What if»: other strategies replayed on the project's own labels."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects import access
from projects.errors import Refused
from projects.models import Membership
from projects.views import common
from sampling import replays, whatif
from sampling.models import Comparison


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def page(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show the newest comparison; a POST asks for another one."""
    member = access.as_lead(request.user, project_id)
    if request.method != "POST":
        form = replays.CompareForm(member.project)
        return render(request, "sampling/whatif.html", _context(member, form=form))
    form, status = replays.CompareForm(member.project, request.POST), common.INVALID
    if form.is_valid():
        try:
            whatif.ask(member.project, form.cleaned_data["strategies"])
        except Refused as refusal:
            form.add_error(None, str(refusal))
            status = common.REFUSED
        else:
            return redirect("what-if", project_id)
    return render(request, "sampling/whatif.html", _context(member, form=form), status=status)


@require_GET
@login_required
def now_doing(request: HttpRequest, project_id: int) -> HttpResponse:
    """How far it is, for a page that asks every few seconds; 304 while nothing has changed."""
    member = access.as_lead(request.user, project_id)
    context = _context(member)
    tag = f'"{context["shown"].tag if context["shown"] else "none"}-{get_language()}"'
    if request.headers.get("If-None-Match") == tag:
        response = HttpResponse(status=304)
    else:
        response = render(request, "sampling/_whatif.html", context)
    response["ETag"] = tag
    patch_cache_control(response, private=True, no_cache=True)
    return response


@require_POST
@login_required
def stop(request: HttpRequest, project_id: int) -> HttpResponse:
    """Stop the comparison that waits or runs."""
    member = access.as_lead(request.user, project_id)
    if whatif.stop(member.project):
        common.say(request, _("The comparison was stopped."))
    else:
        common.say(request, _("The comparison had ended already."))
    return redirect("what-if", project_id)


def _context(member: Membership, **more: Any) -> dict[str, Any]:
    project = member.project
    labelled = whatif.labelled(project)
    found, before = whatif.newest(project), None
    # What was stopped or failed leaves the result before it in view.
    if found and found.state in (Comparison.State.STOPPED, Comparison.State.FAILED):
        before = whatif.newest(project, state=Comparison.State.DONE)
    return {
        "membership": member,
        "project": project,
        "section": "what-if",
        "shown": replays.shown(found, labelled) if found else None,
        "before": replays.shown(before, labelled) if before else None,
        "labelled": labelled,
        "enough": whatif.ENOUGH,
        "choosable": whatif.choosable(project),
        "least": whatif.LEARN,
        **more,
    }
