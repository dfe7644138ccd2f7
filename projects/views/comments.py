"""Remarks on items: the talk about one item, and a new remark."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from projects import access, votes
from projects.errors import Refused
from projects.models import Annotation, Comment, Dispute, Item, Label, Membership, QueueEntry, Resolution
from projects.trust import talk


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def comment(request: HttpRequest, project_id: int, number: int) -> HttpResponse:
    """Show what a person may read of the talk about an item, or add to it.

    Whoever neither leads nor has answered or holds the item has nothing to look for here.
    """
    member = access.membership(request.user, project_id)
    item = get_object_or_404(Item, project_id=project_id, number=number)
    if not talk.may_speak(member, item):
        raise PermissionDenied(_("Comments are for those who answered the item."))
    if request.method == "POST":
        return _share(request, member, item) if "share" in request.POST else _add(request, member, item)
    return redirect(_leads_place(member, item)) if member.leads else _page(request, member, item)


def _add(request: HttpRequest, member: Membership, item: Item) -> HttpResponse:
    text = request.POST.get("text", "")
    try:
        talk.add(member, item, text, shared=request.POST.get("open") == "1")
    except Refused as refusal:
        if not member.leads:
            return _page(request, member, item, refusal=str(refusal), text=text, status=422)
        messages.error(request, str(refusal))
    return redirect(_back(request, member, item))


def _share(request: HttpRequest, member: Membership, item: Item) -> HttpResponse:
    if not member.leads:
        raise PermissionDenied(_("Leads choose what annotators see."))
    chosen = request.POST.get("remark", "")
    pk = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else 0
    found = get_object_or_404(Comment, pk=pk, item=item)
    talk.share(member, found.pk, shared=request.POST.get("share") == "1")
    return redirect(_back(request, member, item))


def _back(request: HttpRequest, member: Membership, item: Item) -> str:
    """Where the form was, if that is a page of this site; else where this person reads the talk."""
    given = request.POST.get("next", "")
    if given and url_has_allowed_host_and_scheme(given, None) and given.startswith("/"):
        return f"{given}?talk"
    return _leads_place(member, item) if member.leads else reverse("comment", args=_ids(item))


def _leads_place(member: Membership, item: Item) -> str:
    dispute = Dispute.objects.filter(item=item, state=Dispute.State.OPEN).first()
    if dispute:
        return reverse("dispute", args=[member.project_id, dispute.pk]) + "?talk"
    return reverse("item", args=_ids(item)) + "?talk"


def _ids(item: Item) -> list[int]:
    return [item.project_id, item.number]


def _page(
    request: HttpRequest, member: Membership, item: Item, *, status: int = 200, **shown: str
) -> HttpResponse:
    labels = votes.named(member.project)
    mine = _mine(member, item)
    context: dict[str, Any] = {
        "membership": member,
        "project": member.project,
        "section": "mine",
        "item": item,
        "remarks": talk.remarks(member, item),
        "said": votes.alone(mine, labels) if mine else None,
        "decision": _decision(item, mine, labels) if mine else None,
        **shown,
    }
    return render(request, "projects/comments.html", context, status=status)


def _mine(member: Membership, item: Item) -> Annotation | None:
    said = Annotation.objects.filter(item=item, annotator_id=member.user_id, superseded_by=None)
    return said.filter(kind__in=votes.JUDGED).first()


def _decision(
    item: Item, mine: Annotation, labels: dict[int, Label]
) -> tuple[Resolution, list[Label]] | None:
    """What a lead decided after this person answered, while it stands; of known items nothing is told."""
    if mine.stream == QueueEntry.Stream.GOLD or item.settled_source != Item.Source.ADJUDICATED:
        return None
    standing = Resolution.objects.filter(item=item, dispute__state=Dispute.State.RESOLVED)
    newest = standing.filter(created_at__gte=mine.created_at).order_by("-pk").first()
    return (newest, [labels[pk] for pk in newest.labels if pk in labels]) if newest else None
