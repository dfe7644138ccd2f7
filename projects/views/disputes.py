"""The leads' pages: the list of disputes, and one dispute with what a lead does about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from projects import access, assigning, disputes, precedents, resolving
from projects.errors import Refused
from projects.models import Dispute, Membership, Resolution
from projects.views import common, dispute_page
from projects.views.dispute_page import Shown, number


@never_cache
@require_GET
@login_required
def index(request: HttpRequest, project_id: int) -> HttpResponse:
    """List the disputes that wait, most urgent first, or those that were decided, newest first."""
    member = access.as_lead(request.user, project_id)
    show = "decided" if request.GET.get("show") == "decided" else "waiting"
    wanted = _wanted(request)
    found = (
        disputes.decided(project_id)
        if show == "decided"
        else disputes.waiting(project_id, wanted, member.user_id).select_related("assigned_to")
    )
    at = number(request.GET.get("page")) or 1
    start = (at - 1) * disputes.PAGE_SIZE
    page = list(found.select_related("item__spot_check")[start : start + disputes.PAGE_SIZE + 1])
    counts = disputes.counts(project_id, member.user_id)
    frame = dispute_page.frame(member)
    context = {
        **frame,
        "show": show,
        "wanted": wanted,
        "query": urlencode({"show": show, **_query(wanted)}),
        "reasons": [(value, name, counts[value]) for value, name in Dispute.Reason.choices if counts[value]],
        "counts": counts,
        "pairs": disputes.pairs(member.project) if counts["all"] > 1 else [],
        "rows": disputes.rows(member.project, page[: disputes.PAGE_SIZE], member.user_id),
        "first": disputes.next_for(project_id, member.user_id),
        "page": at,
        "more": len(page) > disputes.PAGE_SIZE,
        "last": dispute_page.last(request, member),
        "together": _together(request, member),
    }
    return render(request, "projects/disputes.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def detail(request: HttpRequest, project_id: int, dispute_id: int) -> HttpResponse:
    """Show one dispute; take its decision and go on to the next, or do what another button says."""
    member = access.as_lead(request.user, project_id)
    found = Dispute.objects.select_related("item", "item__spot_check", "assigned_to", "resolution__lead")
    dispute = get_object_or_404(found, pk=dispute_id, project_id=project_id)
    if request.method == "POST":
        act = next((act for name, act in _ACTS.items() if name in request.POST), _decide)
        return act(request, member, dispute)
    return dispute_page.page(request, member, dispute)


def _decide(request: HttpRequest, member: Membership, dispute: Dispute) -> HttpResponse:
    given = dispute_page.filled(request.POST)
    try:
        resolving.resolve(dispute.pk, member, dispute_page.decision(request.POST, given))
    except resolving.Stale as stale:
        fresh = Dispute.objects.select_related("item", "assigned_to", "resolution__lead").get(pk=dispute.pk)
        return dispute_page.page(request, member, fresh, Shown(str(stale), given, status=409))
    except Refused as refusal:
        return dispute_page.page(request, member, dispute, Shown(str(refusal), given, status=422))
    return _on(member, dispute, f"?last={dispute.pk}")


def _undo(request: HttpRequest, member: Membership, dispute: Dispute) -> HttpResponse:
    try:
        again = resolving.undo(dispute.pk, member)
    except Refused as refusal:
        return dispute_page.page(request, member, dispute, Shown(str(refusal), status=409))
    return redirect("dispute", member.project_id, again.pk)


def _take(request: HttpRequest, member: Membership, dispute: Dispute) -> HttpResponse:
    return _assign(request, member, dispute, lambda: assigning.take(dispute.pk, member))


def _release(request: HttpRequest, member: Membership, dispute: Dispute) -> HttpResponse:
    return _assign(request, member, dispute, lambda: assigning.release(dispute.pk, member))


def _assign(
    request: HttpRequest, member: Membership, dispute: Dispute, act: Callable[[], Dispute]
) -> HttpResponse:
    """Take a dispute or leave it to others, and stay where the button was."""
    try:
        act()
    except Refused as refusal:
        messages.error(request, str(refusal))
    if request.POST.get("from") == "list":
        return redirect("disputes", member.project_id)
    return redirect("dispute", member.project_id, dispute.pk)


def _ask(request: HttpRequest, member: Membership, dispute: Dispute) -> HttpResponse:
    """Hand it to another lead and go on to the next."""
    colleague = number(request.POST.get("colleague")) or 0
    try:
        asked = assigning.ask(dispute.pk, member, colleague, request.POST.get("text", ""))
    except Refused as refusal:
        return dispute_page.page(request, member, dispute, Shown(str(refusal), status=422))
    values = {"number": dispute.item.number, "lead": asked.assigned_to}
    common.say(request, _("Item %(number)s waits for %(lead)s now.") % values)
    return _on(member, dispute)


def _model(request: HttpRequest, member: Membership, dispute: Dispute) -> HttpResponse:
    """Show what the model says. Who has chosen by then was not led by it, so only others are noted."""
    if dispute.state == Dispute.State.OPEN and not request.POST.get("choice"):
        assigning.model_shown(dispute, member)
    if not common.by_htmx(request):
        given = dispute_page.filled(request.POST)
        return dispute_page.page(request, member, dispute, Shown(filled=given, model=True))
    opinion = precedents.opinion(member.project, dispute.item)
    context = {**dispute_page.frame(member), "item": dispute.item, "opinion": opinion}
    return render(request, "projects/_dispute_opinion.html", context)


_ACTS: Final = {"undo": _undo, "take": _take, "release": _release, "ask": _ask, "model": _model}


def _on(member: Membership, dispute: Dispute, query: str = "") -> HttpResponse:
    """Open the next dispute, or the list when none is left; both show what was just decided."""
    following = disputes.next_for(member.project_id, member.user_id, dispute)
    address = (
        reverse("dispute", args=[member.project_id, following.pk])
        if following
        else reverse("disputes", args=[member.project_id])
    )
    return redirect(f"{address}{query}")


def _wanted(request: HttpRequest) -> disputes.Wanted:
    """Read the filter; what means nothing is left out."""
    given = request.GET
    reason, who, answers = given.get("reason", ""), given.get("who", ""), given.get("answers", "")
    return disputes.Wanted(
        reason=reason if reason in Dispute.Reason.values else "",
        who=who if who in disputes.WHO else "",
        late=given.get("late") == "1",
        answers=answers if len(answers) < 400 else "",
    )


def _query(wanted: disputes.Wanted) -> dict[str, Any]:
    """The filter as an address holds it."""
    found = {"reason": wanted.reason, "who": wanted.who, "late": "1" if wanted.late else ""}
    return {name: value for name, value in {**found, "answers": wanted.answers}.items() if value}


def _together(request: HttpRequest, member: Membership) -> dict[str, Any] | None:
    """What was decided together just before, from ?together=, while some of it still stands."""
    try:
        bulk = UUID(request.GET.get("together", ""))
    except ValueError:
        return None
    found = Resolution.objects.filter(bulk=bulk, dispute__project_id=member.project_id)
    standing = found.exclude(dispute__state=Dispute.State.UNDONE).select_related("dispute")
    first = standing.order_by("pk").first()
    if first is None:
        return None
    summary = disputes.summary(member.project, first.dispute)
    return {**summary, "count": standing.count(), "bulk": bulk}
