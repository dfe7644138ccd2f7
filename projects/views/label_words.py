"""What people read beside a label: its words and its examples, on a page of its own."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from projects import access, examples, labelset
from projects.errors import Refused
from projects.label_forms import ExampleForm, ItemExampleForm, LabelWordsForm
from projects.models import Item, Label, Membership, Project
from projects.views import common


@require_http_methods(["GET", "POST"])
@login_required
def words(request: HttpRequest, project_id: int, label_id: int) -> HttpResponse:
    """Show a label's words and examples; keep its words."""
    member, label = _load(request, project_id, label_id)
    if request.method != "POST":
        return _page(request, member, label)
    form = LabelWordsForm(request.POST, instance=Label(pk=label.pk, project=label.project))
    if not form.is_valid():
        return _page(request, member, label, common.INVALID, words=form)
    given = {name: form.cleaned_data[name] for name in ("description", "group", "synonyms")}
    try:
        labelset.change(label, common.person(request), given)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _page(request, member, label, common.REFUSED, words=form)
    common.say(request, _("«%(name)s» saved.") % {"name": label.name})
    return redirect("label-words", project_id, label_id)


@require_POST
@login_required
def add(request: HttpRequest, project_id: int, label_id: int) -> HttpResponse:
    """Add an example to a label."""
    member, label = _load(request, project_id, label_id)
    form = ExampleForm(request.POST)
    if not form.is_valid():
        return _page(request, member, label, common.INVALID, example=form)
    try:
        examples.add(label, common.person(request), form.example())
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _page(request, member, label, common.REFUSED, example=form)
    common.say(request, _("The example was added."))
    return redirect("label-words", project_id, label_id)


@require_POST
@login_required
def remove(request: HttpRequest, project_id: int, label_id: int) -> HttpResponse:
    """Take an example away."""
    _member, label = _load(request, project_id, label_id)
    place = request.POST.get("place", "")
    try:
        number = int(place) if place.isascii() and place.isdigit() and len(place) < 4 else -1
        examples.remove(label, common.person(request), number, request.POST.get("example", ""))
    except Refused as refusal:
        common.say(request, str(refusal), messages.ERROR)
    else:
        common.say(request, _("The example was removed."))
    return redirect("label-words", project_id, label_id)


@require_POST
@login_required
def of_item(request: HttpRequest, project_id: int, number: int) -> HttpResponse:
    """Make an item that a lead looks at an example of a label."""
    member = access.as_lead(request.user, project_id)
    item = get_object_or_404(Item, project_id=project_id, number=number)
    form = ItemExampleForm(member.project, request.POST)
    try:
        if not form.is_valid():
            raise Refused(" ".join(common.sentences(form)))
        label = form.cleaned_data["label"]
        examples.add(label, common.person(request), form.of_item(item.number))
    except Refused as refusal:
        common.say(request, str(refusal), messages.ERROR)
    else:
        common.say(request, _("This item is an example of «%(name)s» now.") % {"name": label.name})
    return redirect("item", project_id, number)


def _load(request: HttpRequest, project_id: int, label_id: int) -> tuple[Membership, Label]:
    member = access.as_admin(request.user, project_id)
    labels = Label.objects.select_related("project").filter(retired_at=None)
    return member, get_object_or_404(labels, project_id=project_id, pk=label_id)


def _page(
    request: HttpRequest, member: Membership, label: Label, status: int = 200, **forms: BaseForm
) -> HttpResponse:
    """Show both forms, ``words`` and ``example``: as they were typed, where they were not accepted."""
    project = member.project
    groups = labelset.shown(project).exclude(group="").values_list("group", flat=True)
    seen = examples.of(project, [label])
    both: dict[str, Any] = {"words": LabelWordsForm(instance=label), "example": ExampleForm(), **forms}
    context = common.page(
        member,
        tab="labels",
        label=label,
        rows=[(place, row, examples.words(row)) for place, row in enumerate(label.examples)],
        hidden=len(label.examples) - sum(len(one.fits) + len(one.others) for one in seen),
        groups=sorted(set(groups)),
        draft=project.state == Project.State.DRAFT,
        **both,
    )
    return render(request, "projects/settings/label_words.html", context, status=status)
