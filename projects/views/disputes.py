"""The leads' pages: the list of disputes, and one dispute with its decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from projects import access, disputes, labelset, markdown, resolving
from projects.errors import Refused
from projects.models import Dispute, Label, Membership, Project, Resolution


@dataclass(frozen=True)
class Filled:
    """What the lead had filled in: shown again where a decision was refused."""

    choice: str = ""
    labels: frozenset[int] = field(default_factory=frozenset)
    note: str = ""


@never_cache
@require_GET
@login_required
def index(request: HttpRequest, project_id: int) -> HttpResponse:
    """List the disputes that wait, oldest first, or those that were decided, newest first."""
    member = access.as_lead(request.user, project_id)
    show = "decided" if request.GET.get("show") == "decided" else "waiting"
    reason = request.GET.get("reason", "")
    reason = reason if reason in Dispute.Reason.values else ""
    found = disputes.decided(project_id) if show == "decided" else disputes.waiting(project_id, reason)
    number = _number(request.GET.get("page")) or 1
    start = (number - 1) * disputes.PAGE_SIZE
    page = list(found.select_related("item")[start : start + disputes.PAGE_SIZE + 1])
    counts = disputes.counts(project_id)
    context = {
        **_frame(member),
        "show": show,
        "reason": reason,
        "reasons": [(value, name, counts[value]) for value, name in Dispute.Reason.choices],
        "counts": counts,
        "rows": disputes.rows(member.project, page[: disputes.PAGE_SIZE], member.user_id),
        "first": disputes.next_for(project_id, member.user_id),
        "page": number,
        "more": len(page) > disputes.PAGE_SIZE,
        "last": _last(request, member),
    }
    return render(request, "projects/disputes.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def detail(request: HttpRequest, project_id: int, dispute_id: int) -> HttpResponse:
    """Show one dispute; take its decision and go on to the next, or take a decision back."""
    member = access.as_lead(request.user, project_id)
    found = Dispute.objects.select_related("item", "resolution__lead")
    dispute = get_object_or_404(found, pk=dispute_id, project_id=project_id)
    if request.method == "POST":
        return (
            _undo(request, member, dispute) if "undo" in request.POST else _decide(request, member, dispute)
        )
    return _page(request, member, dispute)


def _decide(request: HttpRequest, member: Membership, dispute: Dispute) -> HttpResponse:
    form = request.POST
    filled = Filled(
        form.get("choice", ""),
        frozenset(_numbers(form.getlist("label"))),
        form.get("note", "").replace("\0", ""),
    )
    outcome, labels = _meant(filled)
    decision = resolving.Decision(
        outcome=outcome,
        reason=form.get("reason", ""),
        version=_number(form.get("version")) or 0,
        labels=labels,
        note=filled.note,
    )
    try:
        resolving.resolve(dispute.pk, member, decision)
    except resolving.Stale as stale:
        fresh = Dispute.objects.select_related("item", "resolution__lead").get(pk=dispute.pk)
        return _page(request, member, fresh, refusal=str(stale), filled=filled, status=409)
    except Refused as refusal:
        return _page(request, member, dispute, refusal=str(refusal), filled=filled, status=422)
    return _on(member, dispute)


def _undo(request: HttpRequest, member: Membership, dispute: Dispute) -> HttpResponse:
    try:
        again = resolving.undo(dispute.pk, member)
    except Refused as refusal:
        return _page(request, member, dispute, refusal=str(refusal), status=409)
    return redirect("dispute", member.project_id, again.pk)


def _on(member: Membership, dispute: Dispute) -> HttpResponse:
    """Open the next dispute, or the list when none is left; both show what was just decided."""
    following = disputes.next_for(member.project_id, member.user_id, dispute)
    address = (
        reverse("dispute", args=[member.project_id, following.pk])
        if following
        else reverse("disputes", args=[member.project_id])
    )
    return redirect(f"{address}?last={dispute.pk}")


def _page(  # noqa: PLR0913 - what a page was refused for, and what was filled in
    request: HttpRequest,
    member: Membership,
    dispute: Dispute,
    *,
    refusal: str = "",
    filled: Filled | None = None,
    status: int = 200,
) -> HttpResponse:
    project, item = member.project, dispute.item
    is_open = dispute.state == Dispute.State.OPEN
    votes = disputes.votes(project, item)
    given = {label.pk: label for vote in votes for label in vote.labels}
    context = {
        **_frame(member),
        "dispute": dispute,
        "item": item,
        "reasons": [str(dict(Dispute.Reason.choices).get(reason, reason)) for reason in dispute.reasons],
        "votes": votes,
        "flags": disputes.flags(item),
        "own": resolving.voted_on(item.pk, member.user_id),
        "is_open": is_open,
        "refusal": refusal,
        "filled": filled or Filled(),
        "waiting": disputes.waiting(project.pk).count(),
        "following": disputes.next_for(project.pk, member.user_id, dispute),
        "opinion": disputes.opinion(project, item),
        "recent": disputes.recent(project, given.values(), item.pk),
        "earlier": disputes.earlier(project, dispute),
        "guidelines": markdown.render(project.guidelines),
        "concerned": sorted(given.values(), key=lambda label: label.position),
        "last": _last(request, member),
        **(_choices(project, dispute, votes) if is_open else {"done": _done(project, dispute)}),
    }
    return render(request, "projects/dispute.html", context, status=status)


def _choices(project: Project, dispute: Dispute, votes: list[disputes.Vote]) -> dict[str, Any]:
    """What else may be decided: the labels nobody voted for, and the reasons."""
    labels: list[Label] = list(labelset.shown(project))
    multi = project.task == Project.Task.MULTI
    said = {vote.choice for vote in votes}
    gold = Resolution.Reason.GOLD_WRONG
    return {
        "multi": multi,
        "others": [(one, choice) for one in labels if (choice := f"labels:{one.pk}") not in said or multi],
        "askable": disputes.askable(project.pk, dispute.item),
        "cant_tell_said": Resolution.Outcome.CANT_TELL in said,
        "why": [choice for choice in Resolution.Reason.choices if choice[0] != gold],
    }


def _done(project: Project, dispute: Dispute) -> dict[str, Any] | None:
    return disputes.summary(project, dispute) if hasattr(dispute, "resolution") else None


def _frame(member: Membership) -> dict[str, Any]:
    # Read once: votes, decisions and the model's view all name labels.
    prefetch_related_objects([member.project], "labels")
    return {"membership": member, "project": member.project, "section": "disputes"}


def _last(request: HttpRequest, member: Membership) -> dict[str, Any] | None:
    """What was decided just before, from ?last=, while it still stands."""
    number = _number(request.GET.get("last"))
    if number is None:
        return None
    found = disputes.decided(member.project_id).select_related("item", "resolution__lead")
    dispute = found.filter(pk=number).first()
    return disputes.summary(member.project, dispute) if dispute else None


def _meant(filled: Filled) -> tuple[str, tuple[int, ...]]:
    """Read a choice: «labels:3,7», «labels:» for none of these, «other» with boxes, or an outcome by name."""
    kind, _colon, ids = filled.choice.partition(":")
    if kind == "other":
        return Resolution.Outcome.LABELLED, tuple(sorted(filled.labels))
    if kind == "labels":
        return Resolution.Outcome.LABELLED, tuple(_numbers(ids.split(",")) if ids else [])
    return kind, ()


def _numbers(texts: list[str]) -> list[int]:
    return [number for text in texts if (number := _number(text)) is not None]


def _number(text: str | None) -> int | None:
    """Read a positive whole number that fits a column, or None."""
    if not text or len(text) > 18 or not (text.isascii() and text.isdigit()):
        return None
    return int(text) or None
