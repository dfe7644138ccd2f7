"""What follows from new guidelines: merging and splitting labels, suggested lines, reading what is new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from projects import access, guidelines, labelset, markdown, migrating
from projects.errors import Refused
from projects.forms import MergeForm, SplitForm
from projects.models import GuidelineNote, Membership, Project
from projects.trust import staleness
from projects.views import common


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def acknowledge(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show what is new, and note that it was read; who has read everything sees all versions."""
    member = access.membership(request.user, project_id)
    if request.method == "POST":
        typed = request.POST.get("version", "")
        if typed.isascii() and typed.isdigit() and len(typed) < 9:
            staleness.acknowledge(member, common.person(request), int(typed))
        return redirect("label", project_id)
    project, unread = member.project, staleness.unread(member)
    before = guidelines.text_of(project, member.read_version)
    shown = guidelines.versions(project)
    context = common.page(
        member,
        "label",
        unread=[one for one in reversed(shown) if one.row in unread],
        # What nobody has to read, but is new to this person.
        small=[one for one in reversed(shown) if one.row.version > member.read_version and not unread],
        newest=unread[-1].version if unread else project.guideline_version,
        lines=guidelines.comparison(before, project.guidelines) if before != project.guidelines else [],
        rendered=markdown.render(project.guidelines),
        versions=shown,
    )
    return render(request, "projects/guidelines_read.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def merge(request: HttpRequest, project_id: int) -> HttpResponse:
    """Choose two labels, see what a merge would map, then merge them."""
    member = access.as_admin(request.user, project_id)
    project = member.project
    form = MergeForm(project, request.POST or request.GET or None)

    def act(given: dict[str, Any]) -> str:
        wanted = migrating.Merge(given["gone"], given["into"], given["summary"])
        migrating.merge(project, common.person(request), wanted)
        return _("«%(gone)s» is merged. Settled items follow within moments.") % {"gone": given["gone"].name}

    if (done := _done(request, form, act)) is not None:
        return done
    context: dict[str, Any] = {"form": form, "labels": labelset.shown(project)}
    given = _typed(form)
    if (gone := given.get("gone")) and (into := given.get("into")):
        context |= {"gone": gone, "into": into, "same": gone == into}
        context |= {"effect": migrating.merge_effect(project, gone)}
        context |= {"suggested": migrating.merge_words(gone, into)}
    return _asked(request, member, "projects/settings/labels_merge.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def split(request: HttpRequest, project_id: int) -> HttpResponse:
    """Choose a label, see what a split would ask again, then put new ones in its place."""
    member = access.as_admin(request.user, project_id)
    project = member.project
    form = SplitForm(project, request.POST or request.GET or None)

    def act(given: dict[str, Any]) -> str:
        parts = labelset.drafts_from(given["lines"])
        wanted = migrating.Split(given["gone"], parts, given["summary"])
        migrating.split(project, common.person(request), wanted)
        return _("«%(gone)s» is split. Its items are asked again.") % {"gone": given["gone"].name}

    if (done := _done(request, form, act)) is not None:
        return done
    context: dict[str, Any] = {"form": form, "labels": labelset.shown(project)}
    if gone := _typed(form).get("gone"):
        context |= {"gone": gone, "effect": migrating.split_effect(project, gone)}
        context |= {"suggested": migrating.split_words(gone)}
    return _asked(request, member, "projects/settings/labels_split.html", context)


@require_POST
@login_required
def note(request: HttpRequest, project_id: int, note_id: int) -> HttpResponse:
    """Put a suggested line away. Taking one is part of writing: see the guidelines' page."""
    member = access.as_admin(request.user, project_id)
    found = get_object_or_404(GuidelineNote, project_id=project_id, pk=note_id)
    guidelines.drop(member.project, common.person(request), found)
    if common.by_htmx(request):
        return render(request, "projects/_said.html", {"text": _("The line was dropped.")})
    common.say(request, _("The line was dropped."))
    return redirect("settings-guidelines", project_id)


def _done(request: HttpRequest, form: MergeForm, act: Callable[[dict[str, Any]], str]) -> HttpResponse | None:
    """Do what was confirmed and go back to the labels; None where the page is to be shown."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        text = act(form.cleaned_data)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return None
    common.say(request, text, messages.SUCCESS)
    project: Project = form.cleaned_data["gone"].project
    if gone := guidelines.still_named(project):
        common.say(request, guidelines.naming_words(gone), messages.WARNING)
    return redirect("settings-labels", project.pk)


def _typed(form: MergeForm) -> dict[str, Any]:
    """What of a form is in order, whatever else was refused: the page keeps all that was typed."""
    form.is_valid()
    return form.cleaned_data if form.is_bound else {}


def _asked(request: HttpRequest, member: Membership, template: str, context: dict[str, Any]) -> HttpResponse:
    refused = request.method == "POST"
    page = common.page(member, tab="labels", **context)
    return render(request, template, page, status=common.REFUSED if refused else 200)
