"""The labelling page, and the one address that it talks to while people work."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from projects import (
    access,
    actions,
    choosing,
    examples,
    labelling,
    markdown,
    mine,
    opening,
    pace,
    queries,
    queue,
    reasons,
    shifts,
    suggesting,
)
from projects.errors import Refused
from projects.models import Annotation, Assignment, Membership
from projects.trust import qualification, staleness, talk
from projects.views import my_labels

# A browser sends its outbox in pieces of this size.
MOST_AT_ONCE = 20


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def label(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show the next item; without scripts, take its answer too."""
    member = access.membership(request.user, project_id)
    if request.method == "POST":
        return _answered_by_form(request, member)
    if staleness.must_read(member):
        return redirect("guidelines-read", project_id)
    rules = queries.rules(member.project)
    assignments = queue.lease(member, labelling.AHEAD + 1, policy=rules.policy)
    again = _asked_for(request, member)
    opened = mine.of_item(member, again.item_id) if again else None
    history = mine.newest(member, rules.labels)
    shown = labelling.progress(member, rules.policy)
    beside = _beside(request, member, rules, shown)
    desk = {
        **_desk(request, member, _hand(member, rules, assignments, again, opened), shown),
        **choosing.desk(member, rules, history),
        **_past(request, member, opened),
        "pace": beside["pace"].as_json(),
        "suggest": suggesting.mode(rules.policy),
    }
    context = {
        **_on_stage(member, rules, assignments, again),
        **choosing.page(member, rules),
        **beside,
        "again": opened is not None,
        "chosen": opened.label_ids if opened else [],
        "opened": opened,
        "history": history,
        "progress": shown,
        "submission": uuid4(),
        "desk": desk,
    }
    return render(request, "projects/label.html", context)


def _hand(
    member: Membership,
    rules: queries.Rules,
    assignments: list[Assignment],
    again: Assignment | None,
    opened: mine.Entry | None,
) -> list[dict[str, Any]]:
    """What the page's script holds: first the item that was asked for by name, as it was answered."""
    hand = labelling.in_hand(member, rules, assignments)
    if again is None:
        return hand
    (row,) = mine.on_stage(member, rules, [again])
    first = {**row, "again": bool(opened), "chosen": opened.label_ids if opened else []}
    return [first, *[known for known in hand if known["id"] != first["id"]]]


def _on_stage(
    member: Membership, rules: queries.Rules, assignments: list[Assignment], again: Assignment | None
) -> dict[str, Any]:
    """The item that is shown, with what belongs to it, or why there is none; and what may be answered."""
    project, policy = member.project, rules.policy
    first = again or (assignments[0] if assignments else None)
    item = first and first.item
    return {
        "project": project,
        "membership": member,
        "labels": rules.labels,
        "multi": project.task == project.Task.MULTI,
        "find": choosing.by_typing(rules.labels),
        "suggest": policy.suggest,
        "bulk": policy.bulk,
        "item": item,
        "item_talk": talk.while_labelling(member, item) if item else [],
        "lead_note": labelling.lead_note(first) if first else "",
        "earlier": labelling.earlier([first], project).get(first.item_id, "") if first else "",
        "nothing": None if item else labelling.nothing_to_do(member, policy),
    }


@never_cache
@require_POST
def work(request: HttpRequest, project_id: int) -> JsonResponse:
    """Take what the outbox holds, answer for each id, and fill the browser's hands again, in one round trip.

    The body is JSON: ``submissions`` (see actions.parse), ``want`` (items to hold), ``have`` (item ids).
    ``user`` is whose page it is: answers 401 when the session has ended or is somebody else's, so that the
    browser keeps what it holds and asks to sign in.
    """
    opened = opening.known(request, project_id)
    if opened is None and not request.user.is_authenticated:
        return JsonResponse({"message": "signed out", "signed_in": False}, status=401)
    try:
        submissions, want, have = _read(request)
    except _AnotherPerson:
        # Before the project is looked for: the other person may not find it.
        return JsonResponse({"message": "signed in as somebody else", "signed_in": True}, status=401)
    except Refused as refusal:
        access.membership(request.user, project_id)
        return JsonResponse({"message": str(refusal)}, status=422)
    opened = opened or opening.slowly(request, project_id)
    member, rules = opened.member, opened.rules
    verdicts, assignments = _submit_and_fill(member, submissions, want, rules)
    if any(one.kind == Annotation.Kind.UNDO for one in submissions):
        queries.count_anew(member.project, rules.policy.batch_size)
    answer: dict[str, Any] = {
        "verdicts": _told(verdicts, member, rules),
        "items": labelling.in_hand(member, rules, assignments, have),
        "held": [assignment.item_id for assignment in assignments],
        "progress": labelling.as_json(labelling.progress(member, rules.policy)),
        "quiz": quiz.sentence() if (quiz := qualification.of(member, rules.policy)) else "",
    }
    if want and not assignments:
        answer["nothing"] = labelling.nothing_to_do(member, rules.policy)
    return JsonResponse(answer)


def _told(verdicts: list[actions.Verdict], member: Membership, rules: queries.Rules) -> list[dict[str, Any]]:
    """What became of each answer, and what may be said of its item now that it is answered."""
    names = {label.position: label.name for label in rules.labels}
    return [
        {
            "id": verdict.id,
            "status": verdict.status,
            "message": verdict.message,
            "why": reasons.sentence(verdict.reason, names),
            "thought": suggesting.afterwards(verdict.reason, rules, member.project),
        }
        for verdict in verdicts
    ]


class _AnotherPerson(Exception):
    """An old page of one person speaks with the session of another."""


def _submit_and_fill(
    member: Membership, submissions: list[actions.Submission], want: int, rules: queries.Rules
) -> tuple[list[actions.Verdict], list[Assignment]]:
    """Store the answers, then fill the hands; the usual single answer costs one commit in all.

    Several answers are stored each on its own: whoever holds several items may wait for each other.
    """
    if len(submissions) != 1 or not want:
        verdicts = actions.submit(member, submissions, rules=rules) if submissions else []
        return verdicts, queue.lease(member, want, policy=rules.policy) if want else []
    with transaction.atomic():
        # Whoever answers is held from then on, so limits hold too.
        verdicts = actions.submit(member, submissions, rules=rules)
        return verdicts, queue.fill(member, want, policy=rules.policy)


def _desk(
    request: HttpRequest, member: Membership, hand: list[dict[str, Any]], shown: labelling.Progress
) -> dict[str, Any]:
    """What the page's script starts from."""
    project = member.project
    return {
        "user": request.user.pk,
        "project": project.pk,
        "name": project.name,
        "multi": project.task == project.Task.MULTI,
        "ahead": labelling.AHEAD,
        "work": reverse("work", args=[project.pk]),
        "together": reverse("together", args=[project.pk]),
        "label": reverse("label", args=[project.pk]),
        "signIn": f"{reverse('account_login')}?next={reverse('label', args=[project.pk])}",
        "items": hand,
        "progress": labelling.as_json(shown),
    }


def _beside(
    request: HttpRequest, member: Membership, rules: queries.Rules, shown: labelling.Progress
) -> dict[str, Any]:
    """What stands beside the item and does not change with it."""
    zone = request.COOKIES.get("zone", "")
    return {
        "guidelines": markdown.render(member.project.guidelines),
        "helps": examples.of(member.project, rules.labels),
        "offered": shifts.OFFERED,
        "quiz": qualification.of(member, rules.policy),
        "pace": pace.of(member, rules.policy, shown.labelled, zone),
    }


def _past(request: HttpRequest, member: Membership, opened: mine.Entry | None) -> dict[str, Any]:
    """What the page's script needs to go back to earlier answers, and from one to the list it came from."""
    told: dict[str, Any] = {
        "again": reverse("my-again", args=[member.project_id]),
        "talk": reverse("comment", args=[member.project_id, 0]),
    }
    if opened is None:
        return told
    told["opened"] = mine.opened(member, opened)
    if request.GET.get("back"):
        told["back"] = {"item": opened.item, "address": my_labels.place(request, opened.item)}
    return told


def _asked_for(request: HttpRequest, member: Membership) -> Assignment | None:
    """The item of ``?item=``, where this person had it: to change an answer, or give a refused one anew."""
    wanted = request.GET.get("item", "")
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 19):
        return None
    mine = Assignment.objects.filter(
        item_id=int(wanted), annotator_id=member.user_id, project_id=member.project_id
    )
    return mine.select_related("item", "entry").first()


def _read(request: HttpRequest) -> tuple[list[actions.Submission], int, frozenset[int]]:
    """Read the JSON body, or refuse it in words."""
    try:
        body = json.loads(request.body)
        rows, want, have = body.get("submissions", []), body.get("want", 0), body.get("have", [])
        numbers = [want, *have]
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise Refused(_("The request could not be read.")) from error
    if not isinstance(rows, list) or len(rows) > MOST_AT_ONCE or len(have) > 1000:
        raise Refused(_("The request holds too much at once."))
    if any(type(number) is not int for number in numbers):
        raise Refused(_("The request could not be read."))
    if body.get("user", request.user.pk) != request.user.pk:
        raise _AnotherPerson
    return actions.parse(rows), min(max(want, 0), 4 * labelling.AHEAD), frozenset(have)


def _answered_by_form(request: HttpRequest, member: Membership) -> HttpResponse:
    """Take one judgement from a plain form and go on to the next item."""
    try:
        submission = _from_form(request, member)
        verdict = actions.submit(member, [submission])[0]
    except (ValueError, OverflowError):
        messages.error(request, _("The answer could not be read. Please answer again."))
        return redirect("label", member.project_id)
    if verdict.status == "rejected":
        messages.error(request, verdict.message)
    elif verdict.status == "stored" and verdict.message:
        messages.info(request, verdict.message)
    if submission.kind == Annotation.Kind.UNDO and verdict.status != "rejected":
        return redirect(f"{reverse('label', args=[member.project_id])}?item={submission.item_id}")
    return redirect("label", member.project_id)


def _from_form(request: HttpRequest, member: Membership) -> actions.Submission:
    """Read a plain form. «Undo» means the newest judgement, not the item in view. Raises ValueError."""
    form = request.POST
    kind, _colon, reason = form.get("kind", Annotation.Kind.ANSWER).partition(":")
    labels = () if reason == "none" else tuple(int(pk) for pk in form.getlist("label"))
    item_id = int(form.get("item") or 0)
    if kind == Annotation.Kind.UNDO and (
        last := queries.my_last(member.project_id, member.user_id, 1).first()
    ):
        item_id = last.item_id
    return actions.Submission(
        id=UUID(form.get("submission", "")),
        item_id=item_id,
        kind=kind,
        labels=labels,
        note=form.get("note", "") or form.get("remark", ""),
        reason=reason,
    )
