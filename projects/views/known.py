"""Known items: the list, candidates, one item, who waits to join, and how far the first items are."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from projects import access
from projects.errors import Refused
from projects.models import Item, Membership, Project
from projects.trust import calibration, gold, knownlist, qualification
from projects.trust import known as acts
from projects.views import common


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def known(request: HttpRequest, project_id: int) -> HttpResponse:
    """List known items and what may become one; confirm some, let somebody in, end the first items."""
    member = access.as_lead(request.user, project_id)
    if request.method == "POST":
        try:
            common.say(request, _act(member, request.POST))
        except Refused as refusal:
            common.say(request, str(refusal), messages.ERROR)
        return redirect("known", project_id)
    project, policy = member.project, member.project.policy
    number = common.number(request, "page") or 1
    start = (number - 1) * knownlist.PAGE_SIZE
    page = list(knownlist.listed(project)[start : start + knownlist.PAGE_SIZE + 1])
    decided = acts.candidates(project)
    context = common.page(
        member,
        "quality",
        tab="known",
        policy=policy,
        stock=knownlist.stock(project, policy),
        rows=knownlist.rows(project, page[: knownlist.PAGE_SIZE]),
        page=number,
        more=len(page) > knownlist.PAGE_SIZE,
        candidates=knownlist.candidates(project, list(decided[: knownlist.PAGE_SIZE])),
        candidate_count=decided.count(),
        joining=qualification.waiting(project, policy),
        batch=calibration.progress(project),
    )
    return render(request, "projects/known.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def change(request: HttpRequest, project_id: int, number: int) -> HttpResponse:
    """Show a known item with what is right on it; change that, or void it."""
    member = access.as_lead(request.user, project_id)
    if request.method == "POST":
        return _changed(request, member, number)
    item = get_object_or_404(Item, project_id=project_id, number=number, gold__isnull=False)
    return _page(request, member, item)


def _act(member: Membership, form: QueryDict) -> str:
    """Do what one of the page's forms asks for; return what to say."""
    project = member.project
    if form.get("act") == "let-in":
        joined = qualification.let_in_by_lead(member, _number(form.get("member")) or 0)
        return _("%(person)s may label now.") % {"person": joined.user}
    if form.get("act") == "end":
        calibration.end(project, member.user, form.get("reason", ""))
        return _("The first items are over. What had answers was decided on these.")
    numbers = [number for text in form.getlist("number") if (number := _number(text)) is not None]
    if not numbers:
        raise Refused(_("Choose at least one item."))
    count = acts.confirm(member, numbers)
    words = ngettext("%(count)d item is a known item now.", "%(count)d items are known items now.", count)
    return words % {"count": count}


def _changed(request: HttpRequest, member: Membership, number: int) -> HttpResponse:
    form = request.POST
    void = form.get("act") == "void"
    try:
        if not void and not (wanted := _wanted(member.project, form)):
            raise Refused(_("Choose at least one right answer, or void the item."))
        acts.change(member, number, [] if void else wanted, form.get("reason", "").replace("\0", ""))
    except Refused as refusal:
        item = Item.objects.filter(project=member.project, number=number, gold__isnull=False).first()
        if item is None:
            common.say(request, str(refusal), messages.ERROR)
            return redirect("known", member.project_id)
        return _page(request, member, item, refusal=str(refusal), status=422)
    if void:
        common.say(request, _("Voided. Every record is what it would have been without it."))
        return redirect("known", member.project_id)
    common.say(request, _("Saved. Every record follows what is right now."))
    return redirect("known-change", member.project_id, number)


def _page(
    request: HttpRequest, member: Membership, item: Item, refusal: str = "", status: int = 200
) -> HttpResponse:
    project = member.project
    labels = {label.pk: label for label in project.labels.all()}
    multi = project.task == Project.Task.MULTI
    shown = [label for label in labels.values() if label.retired_at is None]
    rights = item.gold or []
    context = common.page(
        member,
        "quality",
        tab="known",
        item=item,
        row=knownlist.rows(project, [item])[0],
        given=knownlist.given(project, item),
        decision=item.resolutions.select_related("lead").order_by("-pk").first(),
        dispute=item.disputes.filter(state="open").first(),
        multi=multi,
        labels=shown,
        chosen={pk for one in rights for pk in one},
        # Of several labels at once: each right answer by itself, and room for one more.
        sets=[(at, set(one)) for at, one in enumerate([*rights, []])] if multi else [],
        refusal=refusal,
        serving=gold.serving(project.pk).filter(item=item).exists(),
    )
    return render(request, "projects/known_item.html", context, status=status)


def _wanted(project: Project, form: QueryDict) -> list[list[int]]:
    """Read the right answers: each label that is ticked, or each set of labels."""
    if project.task == Project.Task.SINGLE:
        return [[pk] for pk in _numbers(form.getlist("label"))]
    names = sorted(name for name in form if name.startswith("set-"))
    return [one for name in names if (one := _numbers(form.getlist(name)))]


def _numbers(texts: list[str]) -> list[int]:
    return [number for text in texts if (number := _number(text)) is not None]


def _number(text: Any) -> int | None:
    """Read a positive whole number that fits a column, or None."""
    if not isinstance(text, str) or len(text) > 18 or not (text.isascii() and text.isdigit()):
        return None
    return int(text) or None
