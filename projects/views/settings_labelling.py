"""The settings of how people label."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from projects import access, policies, setup, suggesting
from projects.models import Project
from projects.policy_labelling import WAYS, LabellingForm
from projects.views import common


@require_http_methods(["GET", "POST"])
@login_required
def labelling(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show suggestions, look-alikes and language; saving makes the next version of the policy."""
    member = access.as_admin(request.user, project_id)
    project, policy = member.project, member.project.policy
    form = LabellingForm(request.POST or None, instance=project.policy, project=project)
    if common.kept(request, form, lambda: _save(request, project, form)):
        return redirect("settings-labelling", project_id)
    context = common.page(
        member,
        tab="labelling",
        form=form,
        ways=WAYS,
        policy=policy,
        blind=suggesting.blind_share(policy),
    )
    status = common.INVALID if form.errors else 200
    return render(request, "projects/settings/labelling.html", context, status=status)


@transaction.atomic
def _save(request: HttpRequest, project: Project, form: LabellingForm) -> str:
    """Put both into force together, or neither; return what to tell."""
    before = project.policy.version
    setup.describe(project, common.person(request), form.of_project())
    reason = form.cleaned_data["reason"]
    after = policies.change(project, common.person(request), form.changes(), reason).version
    return _("Version %(number)s is in force.") % {"number": after} if after != before else _("Saved.")
