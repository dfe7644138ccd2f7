"""What a person said so far: the list with its filters, a change in place, and one put back on the stage."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from projects import access, actions, mine, queries
from projects.models import Annotation, Membership, Project
from projects.trust import talk
from projects.views import common

_Kind = Annotation.Kind


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def my_labels(request: HttpRequest, project_id: int) -> HttpResponse:
    """List a person's judgements, newest first, as the filter leaves them; keep one that was changed here."""
    member = access.membership(request.user, project_id)
    if request.method == "POST":
        return _changed(request, member)
    if (wanted := common.number(request, "row")) is not None and common.by_htmx(request):
        return _row(request, member, wanted, editing=request.GET.get("edit") == str(wanted))
    found = mine.page(
        member, _wanted(request), common.number(request, "before"), common.number(request, "after")
    )
    context = {
        "membership": member,
        "project": member.project,
        "page": found,
        "rows": _with_talk(member, found.rows),
        "labels": member.project.labels.order_by("order", "position"),
        "editing": common.number(request, "edit"),
        "kinds": mine.KINDS.items(),
        "wanted": _wanted(request),
        "query": _query(request),
        "whole": _query(request, "before", "after"),
        **_choices(member),
    }
    return render(request, "projects/my_labels.html", context)


@never_cache
@require_GET
@login_required
def again(request: HttpRequest, project_id: int) -> JsonResponse:
    """Return one judgement with its item, to be put on the stage: of ``item``, or the next before ``before``.

    ``together``: the items of what else was said in the same act.
    """
    member = access.membership(request.user, project_id)
    item, before = common.number(request, "item"), common.number(request, "before")
    found = None
    if item is not None:
        found = mine.of_item(member, item)
    elif before is not None:
        found = mine.older(member, before)
    if found is None:
        raise Http404("There is no such answer.")
    return JsonResponse(mine.opened(member, found))


def _wanted(request: HttpRequest) -> mine.Wanted:
    """Read the filter; what cannot be read looks for nothing."""
    given = request.GET
    kind = given.get("kind", "")
    return mine.Wanted(
        label=common.number(request, "label"),
        kind=kind if kind in mine.KINDS else "",
        text=given.get("text", "").replace("\0", "").strip()[:200],
        since=_day(given.get("since", "")),
        until=_day(given.get("until", "")),
        corrected=given.get("corrected") == "on",
    )


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


def place(request: HttpRequest, item_id: int) -> str:
    """Return the address of the list where an answer was opened from it, with its filter."""
    project_id = request.resolver_match.kwargs["project_id"] if request.resolver_match else 0
    address = reverse("my-labels", args=[project_id])
    return f"{address}?{_query(request, 'before', 'after')}#item-{item_id}"


def _query(request: HttpRequest, *further: str) -> str:
    """The filter as it stands in the address, to go along with links."""
    names = ("label", "kind", "text", "since", "until", "corrected", *further)
    return urlencode({name: request.GET[name] for name in names if request.GET.get(name)})


def _with_talk(member: Membership, rows: Any) -> list[tuple[mine.Entry, int]]:
    said = talk.for_annotator(member.user_id, member.project, [row.item for row in rows])
    return [(row, len(said.get(row.item, []))) for row in rows]


def _choices(member: Membership) -> dict[str, Any]:
    """What a change in place needs."""
    return {
        "offered": queries.active_labels(member.project_id),
        "multi": member.project.task == Project.Task.MULTI,
        "submission": uuid4(),
    }


def _row(request: HttpRequest, member: Membership, pk: int, *, editing: bool, **more: Any) -> HttpResponse:
    """One row of the list, to be read or to be changed."""
    found = mine.one(member, pk)
    if found is None:
        raise Http404("There is no such answer.")
    ((row, comments),) = _with_talk(member, [found])
    context = {
        "membership": member,
        "project": member.project,
        "row": row,
        "comments": comments,
        "editing": pk if editing else None,
        "whole": _query(request, "before", "after"),
        **_choices(member),
        **more,
    }
    return render(request, "projects/_my_label.html", context)


def _changed(request: HttpRequest, member: Membership) -> HttpResponse:
    """Keep another answer as the next revision. Sent twice, it is stored once."""
    item = request.POST.get("item", "")
    entry = mine.of_item(member, int(item)) if item.isascii() and item.isdigit() and len(item) < 19 else None
    if entry is None:
        raise Http404("There is no such answer.")
    verdict = actions.submit(member, [_submission(request, entry)])[0]
    refused = verdict.message if verdict.status == "rejected" else ""
    if common.by_htmx(request):
        changed = mine.of_item(member, entry.item) or entry
        told = refused or verdict.message or _("Saved. Your earlier answer is kept in the record.")
        return _row(request, member, changed.pk, editing=bool(refused), told=told, refused=refused)
    common.say(
        request, refused or verdict.message or _("Saved."), messages.ERROR if refused else messages.SUCCESS
    )
    return redirect(place(request, entry.item))


def _submission(request: HttpRequest, entry: mine.Entry) -> actions.Submission:
    """What was chosen in a row: labels, none of them, or can't tell. The note stays, but a flag's."""
    chosen = request.POST.getlist("label")
    labels = tuple(int(pk) for pk in chosen if pk.isascii() and pk.isdigit() and len(pk) < 19)
    try:
        key = UUID(request.POST.get("submission", ""))
    except ValueError:
        key = uuid4()
    kind = _Kind.CANT_TELL if _Kind.CANT_TELL in chosen else _Kind.ANSWER
    return actions.Submission(
        id=key,
        item_id=entry.item,
        kind=kind,
        labels=labels if kind == _Kind.ANSWER else (),
        note="" if entry.kind == _Kind.FLAG else entry.note,
    )
