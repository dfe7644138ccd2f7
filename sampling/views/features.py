"""The settings page of a project's features, and the fragment that says how far new ones are."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from projects import access
from projects.errors import Refused
from projects.models import Membership
from projects.views import common
from sampling import encoders
from sampling.feature_forms import FeaturesForm


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def page(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show what the model reads of items, and change it."""
    member = access.as_admin(request.user, project_id)
    form = FeaturesForm(request.POST or None, project=member.project)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            changed = encoders.change(
                member.project, common.person(request), asked["featurizer"], asked.get("columns", [])
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            said = _("Saved. The old features serve until the new ones are there.")
            common.say(request, said if changed else _("Nothing was changed."))
            return redirect("settings-features", project_id)
    status = common.INVALID if form.errors else 200
    return render(request, "sampling/features.html", _page(member, form=form), status=status)


@never_cache
@require_GET
@login_required
def now_doing(request: HttpRequest, project_id: int) -> HttpResponse:
    """How far the features are, for a page that asks every few seconds."""
    member = access.as_admin(request.user, project_id)
    return render(request, "sampling/_features.html", _page(member))


def _page(member: Membership, **context: Any) -> dict[str, Any]:
    found = encoders.progress(member.project)
    told: dict[str, Any] = {
        "progress": found,
        "serving_name": encoders.told(found.serving.featurizer) if found.serving else "",
        "coming_name": encoders.told(found.coming.featurizer) if found.coming else "",
    }
    return common.page(member, tab="features", **told, **context)
