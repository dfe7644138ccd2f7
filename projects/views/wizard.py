"""Set up a project in four steps: data, columns, labels, loop. Each can be left and taken up again."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects import access, policies, setup, uploads
from projects.errors import Refused
from projects.forms import ProjectForm, SourceForm
from projects.models import Membership, Project, Upload
from projects.policy_forms import PolicyForm
from projects.views import common
from projects.views.guidelines import writing
from projects.views.labels import editing
from projects.views.uploads import reading

STEPS: Final = {
    "data": gettext_lazy("Data"),
    "columns": gettext_lazy("Columns"),
    "labels": gettext_lazy("Labels"),
    "loop": gettext_lazy("Loop"),
}


@require_http_methods(["GET", "POST"])
@login_required
def new(request: HttpRequest) -> HttpResponse:
    """Begin a project: the first step, with nothing behind it yet."""
    if not getattr(request.user, "is_staff", False):
        raise PermissionDenied(_("Only people who run this site may create projects. Ask one of them."))
    draft = Project()
    if request.method == "GET":
        context = {"form": ProjectForm(instance=draft), "source": SourceForm(), "steps": _steps(None, "data")}
        return render(request, "projects/setup/data.html", context)
    form, source = ProjectForm(request.POST, instance=draft), SourceForm(request.POST, request.FILES)
    if not (form.is_valid() & source.is_valid()):
        return _data_again(request, None, form, source)
    made = form.cleaned_data
    project = setup.create_project(common.person(request), made["name"], made["media"], made["task"])
    return _take(request, project, form, source)


@require_GET
@login_required
def resume(request: HttpRequest, project_id: int) -> HttpResponse:
    """Go to the first step that is not done."""
    project = access.as_admin(request.user, project_id).project
    return redirect("setup", project.pk, first_open_step(project))


@require_http_methods(["GET", "POST"])
@login_required
def step(request: HttpRequest, project_id: int, step: str) -> HttpResponse:
    """Show or take one step."""
    member = access.as_admin(request.user, project_id)
    if step not in STEPS:
        raise Http404
    if member.project.state != Project.State.DRAFT:
        return common.go(request, reverse("settings", args=[project_id]))
    pages = {"data": _data, "columns": _columns, "labels": _labels, "loop": _loop}
    return pages[step](request, member)


@require_POST
@login_required
def start(request: HttpRequest, project_id: int) -> HttpResponse:
    """End the set-up: the import runs and people may label."""
    member = access.as_admin(request.user, project_id)
    try:
        setup.start(member.project, common.person(request))
    except Refused as refusal:
        common.say(request, str(refusal), messages.ERROR)
        return redirect("setup", project_id, first_open_step(member.project))
    common.say(request, _("Labelling is open. The items come in while you read this."))
    return redirect("project", project_id)


def done_steps(project: Project) -> set[str]:
    """Return the steps that are complete."""
    sources = list(project.uploads.exclude(state=Upload.State.REFUSED))
    ready = [
        u.state == Upload.State.CHECKED and (u.good_rows_only or not u.report.get("bad")) for u in sources
    ]
    done = {"data"} if sources else set()
    if sources and all(ready):
        done.add("columns")
    if project.labels.filter(retired_at=None).count() >= 2:
        done.add("labels")
    if project.policy.version > 1:
        done.add("loop")
    return done


def first_open_step(project: Project) -> str:
    """Return the step to go on with."""
    done = done_steps(project)
    return next((name for name in STEPS if name not in done), "loop")


def _steps(project: Project | None, here: str) -> list[dict[str, Any]]:
    done = done_steps(project) if project else set()
    return [
        {
            "name": name,
            "title": title,
            "here": name == here,
            "done": name in done and name != here,
            "address": reverse("setup", args=[project.pk, name]) if project else "",
        }
        for name, title in STEPS.items()
    ]


def _page(member: Membership, here: str, **context: Any) -> dict[str, Any]:
    return common.page(member, steps=_steps(member.project, here), **context)


# --- data ---


def _data(request: HttpRequest, member: Membership) -> HttpResponse:
    project = member.project
    upload = uploads.newest(project).first()
    if request.method == "GET":
        context = _page(
            member, "data", form=ProjectForm(instance=project), source=SourceForm(), upload=upload
        )
        return render(request, "projects/setup/data.html", context)
    form = ProjectForm(request.POST, instance=Project(pk=project.pk))
    source = SourceForm(request.POST, request.FILES)
    source.may_be_empty = bool(upload and upload.state != Upload.State.REFUSED)
    if not (form.is_valid() & source.is_valid()):
        return _data_again(request, member, form, source)
    return _take(request, project, form, source)


def _take(request: HttpRequest, project: Project, form: ProjectForm, source: SourceForm) -> HttpResponse:
    """Keep kind and file. The project is made by now, so a refusal is shown on its own data step."""
    actor = common.person(request)
    file, lines = source.cleaned_data.get("file"), source.cleaned_data.get("lines", "")
    changes = {name: form.cleaned_data[name] for name in ("name", "media", "task")}
    upload: Upload | None
    try:
        if file or lines.strip():
            upload = setup.replace_data(project, actor, changes, file, lines)
        else:
            upload = uploads.newest(setup.describe(project, actor, changes)).first()
    except Refused as refusal:
        common.say(request, str(refusal), messages.ERROR)
        return common.go(request, reverse("setup", args=[project.pk, "data"]))
    if upload is None or upload.state == Upload.State.REFUSED:
        return common.go(request, reverse("setup", args=[project.pk, "data"]))
    return common.go(request, reverse("setup", args=[project.pk, "columns"]))


def _data_again(
    request: HttpRequest, member: Membership | None, form: ProjectForm, source: SourceForm
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "source": source, "steps": _steps(None, "data")}
    if member:
        upload = uploads.newest(member.project).first()
        context = _page(member, "data", form=form, source=source, upload=upload)
    template = "projects/setup/_data.html" if common.by_htmx(request) else "projects/setup/data.html"
    return render(request, template, context, status=common.INVALID)


# --- columns ---


def _columns(request: HttpRequest, member: Membership) -> HttpResponse:
    upload = uploads.newest(member.project).first()
    if upload is None:
        common.say(request, _("Add your data first."), messages.INFO)
        return redirect("setup", member.project_id, "data")
    context = _page(member, "columns", **reading(upload))
    return render(request, "projects/setup/columns.html", context)


# --- labels ---


def _labels(request: HttpRequest, member: Membership) -> HttpResponse:
    project = member.project
    context = _page(member, "labels", **writing(project), **editing(project))
    return render(request, "projects/setup/labels.html", context)


# --- loop ---


def _loop(request: HttpRequest, member: Membership) -> HttpResponse:
    project = member.project
    form = PolicyForm(request.POST or None, instance=project.policy)
    status = 200
    if request.method == "POST":
        try:
            if form.is_valid():
                policies.change(project, common.person(request), form.changes(), form.cleaned_data["reason"])
                if "start" in request.POST:
                    return start(request, project.pk)
                common.say(request, _("Saved. You can leave now and start later."))
                return redirect("setup", project.pk, "loop")
        except Refused as refusal:
            form.add_error(None, str(refusal))
        status = common.INVALID
    context = _page(
        member,
        "loop",
        form=form,
        upload=uploads.newest(project).first(),
        label_count=project.labels.filter(retired_at=None).count(),
        missing=setup.missing(project),
    )
    return render(request, "projects/setup/loop.html", context, status=status)
