"""The settings of a project at work: general, labels, loop, quality, data, pause and archive."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from projects import access, policies, policy_quality, setup, uploads
from projects.errors import Refused
from projects.forms import GeneralForm, ReasonForm, SourceForm
from projects.models import Project, Upload
from projects.policy_forms import PolicyForm
from projects.policy_quality import QualityForm
from projects.trust import estimates
from projects.views import common
from projects.views.labels import editing


@require_http_methods(["GET", "POST"])
@login_required
def general(request: HttpRequest, project_id: int) -> HttpResponse:
    """Name and question. A draft is set up in the wizard instead."""
    member = access.as_admin(request.user, project_id)
    if member.project.state == Project.State.DRAFT:
        return redirect("setup-resume", project_id)
    form = GeneralForm(request.POST or None, instance=Project.objects.get(pk=project_id))
    if request.method == "POST" and form.is_valid():
        setup.describe(member.project, common.person(request), form.cleaned_data)
        common.say(request, _("Saved."))
        return redirect("settings", project_id)
    context = common.page(member, tab="general", form=form)
    return render(request, "projects/settings/general.html", context, status=_status(form.errors))


@require_GET
@login_required
def labels(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show the label set for editing; views.labels takes the changes."""
    member = access.as_admin(request.user, project_id)
    context = common.page(member, tab="labels", **editing(member.project))
    return render(request, "projects/settings/labels.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def loop(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show the policy in force and its versions; saving makes the next."""
    member = access.as_admin(request.user, project_id)
    project = member.project
    form = PolicyForm(request.POST or None, instance=project.policy)
    if common.kept(request, form, lambda: _loop_kept(request, project, form)):
        return redirect("settings-loop", project_id)
    context = common.page(member, tab="loop", form=form, versions=policies.versions(project))
    status = _status(form.errors) if form.more.is_valid() else common.INVALID
    return render(request, "projects/settings/loop.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def quality(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show what makes labels trustworthy; saving makes the next version of the policy."""
    member = access.as_admin(request.user, project_id)
    project, policy = member.project, member.project.policy
    form = QualityForm(request.POST or None, instance=project.policy, project=project)
    if common.kept(request, form, lambda: _quality_kept(request, project, form)):
        return redirect("settings-quality", project_id)
    estimate = project.estimates.order_by("-version").first()
    # Counting takes seconds in a large project: only where somebody asks.
    changes = estimates.consequences(project) if estimate and "compare" in request.GET else {}
    context = common.page(
        member,
        tab="quality",
        form=form,
        policy=policy,
        estimate=estimate,
        methods=policy_quality.methods(estimate, changes) if estimate else [],
        compared=bool(changes),
    )
    return render(request, "projects/settings/quality.html", context, status=_status(form.errors))


@require_http_methods(["GET", "POST"])
@login_required
def data(request: HttpRequest, project_id: int) -> HttpResponse:
    """List the files that came in, and take another."""
    member = access.as_admin(request.user, project_id)
    project = member.project
    form = SourceForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            upload = _added(request, project, form)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return common.go(request, reverse("upload", args=[project_id, upload.pk]))
    context = common.page(member, tab="data", source=form, files=uploads.newest(project)[:100])
    fragment = request.method == "POST" and common.by_htmx(request)
    template = "projects/settings/_add_data.html" if fragment else "projects/settings/data.html"
    return render(request, template, context, status=_status(form.errors))


@require_http_methods(["GET", "POST"])
@login_required
def danger(request: HttpRequest, project_id: int) -> HttpResponse:
    """Pause, resume, archive."""
    member = access.as_admin(request.user, project_id)
    acts = {"pause": setup.pause, "resume": setup.resume, "archive": setup.archive}
    act = acts.get(request.POST.get("act", ""))
    form = ReasonForm(request.POST or None)
    if act and form.is_valid():
        try:
            act(member.project, common.person(request), form.cleaned_data["reason"])
            common.say(request, _("Done."))
        except Refused as refusal:
            common.say(request, str(refusal), messages.ERROR)
        return redirect("settings-danger", project_id)
    return render(
        request, "projects/settings/danger.html", common.page(member, tab="danger", form=ReasonForm())
    )


def _loop_kept(request: HttpRequest, project: Project, form: PolicyForm) -> str:
    before, reason = project.policy.version, form.cleaned_data["reason"]
    after = policies.change(project, common.person(request), form.changes(), reason).version
    if after == before:
        return _("Nothing was changed.")
    return _("Version %(number)s is in force.") % {"number": after}


@transaction.atomic
def _quality_kept(request: HttpRequest, project: Project, form: QualityForm) -> str:
    setup.describe(project, common.person(request), form.of_project())
    reason = form.cleaned_data["reason"]
    after = policies.change(project, common.person(request), form.changes(), reason).version
    return _("Version %(number)s is in force.") % {"number": after}


def _added(request: HttpRequest, project: Project, form: SourceForm) -> Upload:
    file: Any = form.cleaned_data.get("file")
    actor = common.person(request)
    if file:
        return uploads.add(project, actor, file)
    return uploads.add_lines(project, actor, form.cleaned_data["lines"])


def _status(errors: object) -> int:
    return common.INVALID if errors else 200
