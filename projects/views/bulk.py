"""Decisions on several disputes that are alike, after a preview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from projects import access, alike, disputes, labelset, resolving, votes
from projects.errors import Refused
from projects.models import Dispute, Label, Membership, Project, Resolution
from projects.views import common, dispute_page
from projects.views.dispute_page import PLAIN, Shown

# Left-out items that a message names.
NAMED = 10


@dataclass(frozen=True)
class Choice:
    """One of the answers that were given, under a letter; ``value`` is what the form sends."""

    letter: str
    value: str
    said: str
    labels: list[Label]

    @property
    def key(self) -> str:
        return self.letter.lower()


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def bulk(request: HttpRequest, project_id: int, dispute_id: int) -> HttpResponse:
    """Show disputes that are alike and decide them together, or take such a decision back."""
    member = access.as_lead(request.user, project_id)
    found = Dispute.objects.select_related("item")
    dispute = get_object_or_404(found, pk=dispute_id, project_id=project_id)
    if request.method == "POST":
        return _undo(request, member) if "undo" in request.POST else _decide(request, member, dispute)
    return _page(request, member, dispute)


def _decide(request: HttpRequest, member: Membership, dispute: Dispute) -> HttpResponse:
    given = dispute_page.filled(request.POST)
    if "seen" not in request.POST:
        return _page(request, member, dispute, Shown(_("Tick at least one of them."), given, status=422))
    try:
        done = alike.decide(member, dispute_page.decision(request.POST, given), _seen(request))
    except resolving.Stale as stale:
        return _page(request, member, dispute, Shown(str(stale), given, status=409))
    except Refused as refusal:
        return _page(request, member, dispute, Shown(str(refusal), given, status=422))
    _name(request, done)
    return redirect(f"{reverse('disputes', args=[member.project_id])}?together={done.bulk}")


def _undo(request: HttpRequest, member: Membership) -> HttpResponse:
    back = redirect("disputes", member.project_id)
    try:
        done = alike.undo(UUID(request.POST.get("undo", "")), member)
    except ValueError:
        messages.error(request, _("There is no decision here to take back."))
        return back
    except Refused as refusal:
        messages.error(request, str(refusal))
        return back
    number = len(done.disputes)
    words = ngettext("%(n)d decision taken back.", "%(n)d decisions taken back.", number) % {"n": number}
    common.say(request, words)
    _name(request, done)
    return back


def _name(request: HttpRequest, done: alike.Done) -> None:
    """Tell which were left out, and why."""
    if not done.left_out:
        return
    named = [f"{dispute.item.number} ({why})" for dispute, why in done.left_out[:NAMED]]
    more = len(done.left_out) - len(named)
    words = _("Left out: item %(items)s") % {"items": ", ".join(named)}
    tail = f" {_('and %(n)d more') % {'n': more}}" if more else ""
    messages.warning(request, words + tail)


def _page(request: HttpRequest, member: Membership, dispute: Dispute, shown: Shown = PLAIN) -> HttpResponse:
    frame = dispute_page.frame(member)
    group = alike.group(dispute, member)
    context: dict[str, Any] = {
        **frame,
        "dispute": dispute,
        "group": group,
        "refusal": shown.refusal,
        "filled": shown.filled,
    }
    if group:
        context.update(_group(member, group, whole="all" in request.GET))
        left = _left(request, context["together"])
        context.update(left=left, number=len(context["together"]) - len(left))
    elif not shown.refusal:
        return redirect("dispute", member.project_id, dispute.pk)
    return render(request, "projects/dispute_bulk.html", context, status=shown.status)


def _left(request: HttpRequest, together: list[Dispute]) -> set[int]:
    """Those that a refused form left out: not ticked again."""
    ticked = _seen(request)
    return {one.pk for one in together if one.pk not in ticked} if ticked else set()


def _group(member: Membership, group: alike.Group, *, whole: bool) -> dict[str, Any]:
    project, labels = member.project, votes.named(member.project)
    together = group.together()
    shown = together if whole else group.preview()
    names = {pk: label.name for pk, label in labels.items()}
    choices = [
        Choice(letter, choice, votes.worded(choice, names), _of(choice, labels))
        for letter, choice in zip(votes.LETTERS, group.answers.split("~"), strict=False)
        if all(label.retired_at is None for label in _of(choice, labels))
    ]
    leaning = next((label for label in labels.values() if label.position == group.leaning), None)
    gold = Resolution.Reason.GOLD_WRONG
    return {
        "together": together,
        "all": len(group.disputes),
        "rows": disputes.rows(project, shown, member.user_id),
        "unseen": together[len(shown) :],
        "whole": whole,
        "choices": choices,
        "leaning": leaning,
        "multi": project.task == Project.Task.MULTI,
        "labels": list(labelset.shown(project)),
        "voted": {label.pk for one in choices for label in one.labels},
        "cant_tell_said": Resolution.Outcome.CANT_TELL in group.answers.split("~"),
        "why": [choice for choice in Resolution.Reason.choices if choice[0] != gold],
    }


def _of(choice: str, labels: dict[int, Label]) -> list[Label]:
    """The labels that a choice names."""
    ids = dispute_page.numbers(choice.partition(":")[2].split(","))
    return [labels[pk] for pk in ids if pk in labels]


def _seen(request: HttpRequest) -> dict[int, int]:
    """Read {dispute id: version} from fields like «12:1»."""
    pairs = [text.partition(":") for text in request.POST.getlist("seen")]
    read = [(dispute_page.number(pk), dispute_page.number(version)) for pk, _colon, version in pairs]
    return {pk: version for pk, version in read if pk and version}
