"""The label set, edited in place: the same list in the wizard and in the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from projects import access, labelset, uploads
from projects.errors import Refused
from projects.forms import LabelForm, LabelLinesForm
from projects.models import Label, Membership, Project
from projects.views import common

MOST_NAMED = 8


@require_POST
@login_required
def add(request: HttpRequest, project_id: int) -> HttpResponse:
    """Add the labels of the box, one a line."""
    member = access.as_admin(request.user, project_id)
    form = LabelLinesForm(member.project, request.POST)
    try:
        if not form.is_valid():
            raise Refused(" ".join(common.sentences(form)))
        drafts = form.cleaned_data["lines"]
        added = labelset.add(member.project, common.person(request), drafts, form.news())
    except Refused as refusal:
        if common.by_htmx(request):
            # What was typed stays where it is.
            return common.said(request, str(refusal), common.REFUSED, place="add-problem")
        return _list(request, member, refused=str(refusal), status=common.REFUSED)
    return _list(request, member, _added(drafts, added))


def _added(drafts: list[labelset.Draft], added: list[Label]) -> str:
    """Say how many labels came, and which were left out."""
    new = {label.name.casefold() for label in added}
    left = {draft.name.casefold(): draft.name for draft in drafts if draft.name.casefold() not in new}
    if not added:
        return _("Nothing added: these labels are there already.")
    text = ngettext("%(count)s label added.", "%(count)s labels added.", len(added)) % {"count": len(added)}
    if not left:
        return text
    told = ngettext(
        "%(names)s is there already; left out.", "%(names)s are there already; left out.", len(left)
    )
    names = [*list(left.values())[:MOST_NAMED], *(["…"] if len(left) > MOST_NAMED else [])]
    return f"{text} {told % {'names': ', '.join(names)}}"


@require_POST
@login_required
def sort(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show the labels from A to Z."""
    member = access.as_admin(request.user, project_id)
    labelset.sort_by_name(member.project, common.person(request))
    return _list(request, member, _("Sorted from A to Z."))


@require_POST
@login_required
def change(request: HttpRequest, project_id: int, label_id: int) -> HttpResponse:
    """Keep what was typed into one row."""
    member, label = _load(request, project_id, label_id)
    form = LabelForm(request.POST, instance=Label(pk=label.pk, project=label.project))
    if not form.is_valid():
        return _row(request, member, label, " ".join(common.sentences(form)), common.INVALID)
    try:
        if _is_kept(member.project, label) and form.cleaned_data["name"] != label.name:
            raise Refused(_("This name comes from your file. You can change it after the import."))
        label = labelset.change(label, common.person(request), form.cleaned_data)
    except Refused as refusal:
        return _row(request, member, label, str(refusal), common.REFUSED)
    return _row(request, member, label)


@require_POST
@login_required
def retire(request: HttpRequest, project_id: int, label_id: int) -> HttpResponse:
    """Take a label out of use."""

    def act(label: Label) -> str:
        if _is_kept(label.project, label):
            raise Refused(
                _("Rows of your file carry this label. Take it out of the file, or retire it later.")
            )
        labelset.retire(label, common.person(request))
        return _("«%(name)s» is out of use.") % {"name": label.name}

    return _act(request, project_id, label_id, act)


@require_POST
@login_required
def restore(request: HttpRequest, project_id: int, label_id: int) -> HttpResponse:
    """Bring a retired label back."""

    def act(label: Label) -> str:
        labelset.restore(label, common.person(request))
        return _("«%(name)s» is back.") % {"name": label.name}

    return _act(request, project_id, label_id, act)


@require_POST
@login_required
def move(request: HttpRequest, project_id: int, label_id: int) -> HttpResponse:
    """Show a label further up or down."""

    def act(label: Label) -> str:
        labelset.move(label, common.person(request), -1 if request.POST.get("to") == "up" else 1)
        return _("«%(name)s» was moved.") % {"name": label.name}

    return _act(request, project_id, label_id, act)


def editing(project: Project) -> dict[str, Any]:
    """Return the context of the list of labels."""
    return {
        "labels": list(labelset.shown(project)),
        "retired": list(labelset.retired(project)),
        "kept": uploads.label_names_of_file(project),
        "lines": LabelLinesForm(project),
        "panel": common.panel(project),
    }


def _act(request: HttpRequest, project_id: int, label_id: int, act: Callable[[Label], str]) -> HttpResponse:
    member, label = _load(request, project_id, label_id)
    try:
        return _list(request, member, act(label))
    except Refused as refusal:
        return _list(request, member, refused=str(refusal), status=common.REFUSED)


def _load(request: HttpRequest, project_id: int, label_id: int) -> tuple[Membership, Label]:
    member = access.as_admin(request.user, project_id)
    labels = Label.objects.select_related("project")
    return member, get_object_or_404(labels, project_id=project_id, pk=label_id)


def _is_kept(project: Project, label: Label) -> bool:
    return label.name in uploads.label_names_of_file(project)


def _list(
    request: HttpRequest, member: Membership, text: str = "", refused: str = "", status: int = 200
) -> HttpResponse:
    if not common.by_htmx(request):
        common.say(request, refused or text, messages.ERROR if refused else messages.SUCCESS)
        return redirect(_place(member), *_arguments(member))
    context = common.page(member, **editing(member.project), refused=refused, text=text)
    return render(request, "projects/setup/_labels_changed.html", context, status=status)


def _row(
    request: HttpRequest, member: Membership, label: Label, problem: str = "", status: int = 200
) -> HttpResponse:
    if not common.by_htmx(request):
        common.say(request, problem or _("Saved."), messages.ERROR if problem else messages.SUCCESS)
        return redirect(_place(member), *_arguments(member))
    context = {
        "label": label,
        "problem": problem,
        "project": member.project,
        "panel": common.panel(member.project),
    }
    response = render(request, "projects/setup/_label_changed.html", context, status=status)
    response["HX-Reswap"] = "none"
    return response


def _place(member: Membership) -> str:
    return "setup" if member.project.state == Project.State.DRAFT else "settings-labels"


def _arguments(member: Membership) -> list[Any]:
    draft = member.project.state == Project.State.DRAFT
    return [member.project_id, "labels"] if draft else [member.project_id]
