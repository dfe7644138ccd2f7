"""Spot checks: a lead judges settled items blind."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from projects import access, labelset
from projects.errors import Refused
from projects.models import Dispute, Label, Membership, Project, SpotCheck
from projects.trust import spotchecks
from projects.views import common


@never_cache
@require_GET
@login_required
def checks(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show how often «settled» is wrong, and what waits to be checked."""
    member = access.as_lead(request.user, project_id)
    project = member.project
    context = common.page(
        member,
        "quality",
        tab="checks",
        policy=project.policy,
        figures=spotchecks.figures(project),
        enough=spotchecks.ENOUGH,
        waiting=spotchecks.waiting(project).count(),
        mine=spotchecks.waiting_for(member).count(),
        first=spotchecks.next_for(member),
        last=_last(request, member),
    )
    return render(request, "projects/checks.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def check(request: HttpRequest, project_id: int, check_id: int) -> HttpResponse:
    """Show one item and the labels, nothing else; take the answer and go on to the next."""
    member = access.as_lead(request.user, project_id)
    found = get_object_or_404(SpotCheck.objects.select_related("item"), pk=check_id, project_id=project_id)
    if request.method == "POST" and "undo" in request.POST:
        return _undo(request, member, found)
    if request.method == "POST":
        try:
            spotchecks.answer(member, found.pk, _said(request))
        except Refused as refusal:
            common.say(request, str(refusal), messages.ERROR)
            return _on(member, found)
        return _on(member, found, last=found.pk)
    if not spotchecks.waiting_for(member).filter(pk=found.pk).exists():
        return redirect("checks", project_id)
    labels = list(labelset.shown(member.project))
    context = common.page(
        member,
        "quality",
        check=found,
        item=found.item,
        labels=labels,
        many=len(labels) > 10,
        multi=member.project.task == Project.Task.MULTI,
        left=spotchecks.waiting_for(member).count(),
        following=_following(member, found),
        last=_last(request, member),
    )
    return render(request, "projects/check.html", context)


def _undo(request: HttpRequest, member: Membership, found: SpotCheck) -> HttpResponse:
    """Take the last answer back, and open the check again."""
    try:
        spotchecks.undo(member, found.pk)
    except Refused as refusal:
        common.say(request, str(refusal), messages.ERROR)
        return redirect("checks", member.project_id)
    return redirect("check", member.project_id, found.pk)


def _following(member: Membership, found: SpotCheck) -> SpotCheck | None:
    following = spotchecks.next_for(member, found.pk)
    return following if following and following.pk != found.pk else None


def _on(member: Membership, found: SpotCheck, last: int = 0) -> HttpResponse:
    """Open the next check, or the figures when none is left; both say what became of this one."""
    following = _following(member, found)
    address = (
        reverse("check", args=[member.project_id, following.pk])
        if following
        else reverse("checks", args=[member.project_id])
    )
    return redirect(f"{address}?last={last}" if last else address)


def _said(request: HttpRequest) -> list[int] | None:
    """Read the labels of the form, None for «can't tell». Raises Refused for what no form of ours sends."""
    kind = request.POST.get("kind", "")
    if kind == "cant_tell":
        return None
    texts = [] if kind == "answer:none" else request.POST.getlist("label")
    if not texts and kind != "answer:none":
        raise Refused(_("Choose a label first."))
    if any(not (text.isascii() and text.isdigit() and len(text) < 19) for text in texts):
        raise Refused(_("The answer could not be read. Please answer again."))
    return [int(text) for text in texts]


def _last(request: HttpRequest, member: Membership) -> dict[str, Any] | None:
    """What became of the check that this lead answered just before, from ?last=."""
    number = common.number(request, "last")
    answered = SpotCheck.objects.filter(project=member.project, lead=member.user_id, right__isnull=False)
    found = answered.select_related("item").filter(pk=number or 0).first()
    if found is None:
        return None
    labels = {label.pk: label for label in member.project.labels.all()}
    return {
        "check": found,
        "item": found.item,
        "mine": _named(found.labels, labels),
        "settled": _named(found.settled_labels, labels),
        "dispute": Dispute.objects.filter(item=found.item, state=Dispute.State.OPEN).first(),
    }


def _named(ids: list[int] | None, labels: dict[int, Label]) -> dict[str, Any]:
    chosen = [labels[pk] for pk in ids or [] if pk in labels]
    return {"labels": chosen, "words": _("Can't tell") if ids is None else _("None of these")}
