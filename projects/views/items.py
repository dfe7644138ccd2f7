"""The table of items for leads, and one item with its whole story."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from projects import access, browsing, examples, history, labelset, reasons
from projects.forms import ItemsForm
from projects.models import Annotation, Item, Label
from projects.trust import talk
from projects.views import common


@require_GET
@login_required
def items(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show a page of items that the filter leaves."""
    member = access.as_lead(request.user, project_id)
    form = ItemsForm(member.project, request.GET or None)
    wanted = browsing.Filter()
    if form.is_valid():
        given = form.cleaned_data
        label = given["label"].pk if given["label"] else None
        named = (given["state"], label, given["stream"], given["mark"], given["text"].strip())
        wanted = browsing.Filter(*named, _ids(given["mixed"]), _ids(given["person"]))
    found = browsing.matching(member.project, wanted)
    page = browsing.page(found, common.number(request, "after"), common.number(request, "before"))
    chosen = {name: value for name, value in request.GET.items() if name in form.fields and value}
    names = dict(member.project.labels.values_list("pk", "name"))
    hues = dict(member.project.labels.values_list("pk", "hue"))
    context = common.page(
        member,
        "items",
        form=form,
        page=page,
        rows=[
            (item, [(names.get(pk, "?"), hues.get(pk, 1)) for pk in item.settled_labels or []])
            for item in page.items
        ],
        told=browsing.told(member.project, wanted),
        query=urlencode(chosen),
        filtered=bool(chosen),
    )
    template = "projects/_items.html" if common.by_htmx(request) else "projects/items.html"
    return render(request, template, context)


def _ids(joined: str) -> tuple[int, ...]:
    return tuple(int(pk) for pk in joined.split("-") if pk)


@require_GET
@login_required
def item(request: HttpRequest, project_id: int, number: int) -> HttpResponse:
    """Show an item: what it says, what people said, why it was asked, what was decided."""
    member = access.as_lead(request.user, project_id)
    found = get_object_or_404(Item, project_id=project_id, number=number)
    labels = {label.pk: label for label in member.project.labels.all()}
    columns = {label.position: label.name for label in labels.values()}
    # Names stay hidden from whoever has to decide between them.
    blind = browsing.has_open_dispute(found)
    context = common.page(
        member,
        "items",
        item=found,
        blind=blind,
        remarks=talk.remarks(member, found),
        settled=_labels(found.settled_labels, labels),
        gold=[_labels(one, labels) for one in found.gold or []],
        votes=_rows(browsing.present_votes(found), labels, blind),
        earlier=_rows(browsing.earlier_votes(found), labels, blind),
        entries=[(entry, reasons.sentence(entry.reason, columns)) for entry in found.entries.order_by("pk")],
        disputes=found.disputes.select_related("resolution__lead").order_by("pk"),
        resolutions=[(one, _labels(one.labels, labels)) for one in found.resolutions.select_related("lead")],
        story=history.story(found),
        former=_labels((found.former or {}).get("labels"), labels),
        offered=labelset.shown(member.project),
        not_example=examples.refusal(found),
        previous=number - 1 if number > 1 else None,
        next=number + 1 if number < member.project.item_count else None,
    )
    return render(request, "projects/item.html", context)


def _labels(ids: list[int] | None, labels: dict[int, Label]) -> list[Label]:
    return [labels[pk] for pk in ids or [] if pk in labels]


def _rows(votes: list[Annotation], labels: dict[int, Label], blind: bool) -> list[dict[str, Any]]:
    people: dict[int, int] = {}
    return [
        {
            "vote": vote,
            "labels": _labels(vote.labels, labels),
            "number": people.setdefault(vote.annotator_id, len(people) + 1),
            "who": None if blind else vote.annotator,
        }
        for vote in votes
    ]
