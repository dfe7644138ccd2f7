"""What the page of one dispute shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now

from projects import alike, assigning, disputes, labelset, outcomes, precedents, returning, votes
from projects.models import Dispute, Label, Membership, Project, Resolution
from projects.trust import talk
from projects.views import stories
from projects.votes import Vote


@dataclass(frozen=True)
class Filled:
    """What the lead had filled in: shown again where a decision was refused."""

    choice: str = ""
    labels: frozenset[int] = field(default_factory=frozenset)
    note: str = ""
    line: str = ""


@dataclass(frozen=True)
class Shown:
    """How a page is answered: what was refused, and whether the model's word is unfolded."""

    refusal: str = ""
    filled: Filled = Filled()
    model: bool = False
    status: int = 200


PLAIN: Final = Shown()


def page(request: HttpRequest, member: Membership, dispute: Dispute, shown: Shown = PLAIN) -> HttpResponse:
    """Answer with the page of one dispute."""
    project, item = member.project, dispute.item
    is_open = dispute.state == Dispute.State.OPEN
    fastest = votes.fastest_ms(project, project.policy) if is_open else 0
    cast = votes.with_check(votes.votes(project, item, fastest), dispute, votes.named(project))
    given = {label.pk: label for vote in cast for label in vote.labels}
    naming, others = precedents.sections(project.guidelines, given.values())
    context = {
        **frame(member),
        "dispute": dispute,
        "item": item,
        "reasons": disputes.reasons(dispute),
        "votes": cast,
        "flags": votes.flags(item),
        "question": assigning.question(dispute),
        "before": precedents.before(dispute, votes.named(project)),
        "late": is_open and dispute.due_at is not None and dispute.due_at < now(),
        "own": votes.voted_on(item.pk, member.user_id),
        "for_another": is_open and disputes.for_another(dispute, member.user_id),
        "own_check": is_open and disputes.checked_apart(dispute, member.user_id),
        "is_open": is_open,
        "refusal": shown.refusal,
        "filled": shown.filled,
        "model_shown": shown.model,
        "waiting": disputes.waiting(project.pk).count(),
        "following": disputes.next_for(project.pk, member.user_id, dispute),
        "opinion": precedents.opinion(project, item) if shown.model else None,
        "recent": precedents.recent(project, given.values(), item.pk),
        "decided_before": precedents.earlier(project, dispute),
        "story": stories.story(project, item, names=not is_open and disputes.told(item)),
        "remarks": talk.remarks(member, item),
        "naming": naming,
        "guidelines": others,
        "concerned": sorted(given.values(), key=lambda label: label.position),
        "last": last(request, member),
        **(_choices(member, dispute, cast) if is_open else {"done": _done(project, dispute)}),
    }
    return render(request, "projects/dispute.html", context, status=shown.status)


def _choices(member: Membership, dispute: Dispute, cast: Sequence[Vote]) -> dict[str, Any]:
    """What else may be decided: the labels nobody voted for, the ways to ask somebody, the reasons."""
    project = member.project
    labels: list[Label] = list(labelset.shown(project))
    multi = project.task == Project.Task.MULTI
    said = {vote.choice for vote in cast}
    gold = Resolution.Reason.GOLD_WRONG
    reasons = [one for one in Resolution.Reason.choices if one[0] != gold or outcomes.known_item(dispute)]
    return {
        "multi": multi,
        "others": [(one, choice) for one in labels if (choice := f"labels:{one.pk}") not in said or multi],
        "labels": labels,
        "voted": {label.pk for vote in cast for label in vote.labels},
        "askable": disputes.askable(project.pk, dispute.item),
        "returnable": bool(returning.people(dispute.item)),
        "colleagues": disputes.colleagues(project.pk, dispute.item_id, member.user_id),
        "alike": alike.group(dispute, member),
        "cant_tell_said": Resolution.Outcome.CANT_TELL in said,
        "why": reasons,
    }


def _done(project: Project, dispute: Dispute) -> dict[str, Any] | None:
    return disputes.summary(project, dispute) if hasattr(dispute, "resolution") else None


def frame(member: Membership) -> dict[str, Any]:
    """What every page of disputes needs."""
    # Read once: votes, decisions and the model's view all name labels.
    prefetch_related_objects([member.project], "labels")
    return {"membership": member, "project": member.project, "section": "disputes"}


def last(request: HttpRequest, member: Membership) -> dict[str, Any] | None:
    """What was decided just before, from ?last=, while it still stands."""
    chosen = number(request.GET.get("last"))
    if chosen is None:
        return None
    found = disputes.decided(member.project_id).select_related("item", "resolution__lead")
    dispute = found.filter(pk=chosen).first()
    return disputes.summary(member.project, dispute) if dispute else None


def filled(form: Any) -> Filled:
    """Read what a form holds, whatever is wrong with it."""
    return Filled(
        form.get("choice", ""),
        frozenset(numbers(form.getlist("label"))),
        form.get("note", "").replace("\0", ""),
        form.get("line", "").replace("\0", ""),
    )


def decision(form: Any, given: Filled) -> outcomes.Decision:
    """Read a decision: «labels:3,7», «labels:» for none, «other» with boxes, or an outcome by name."""
    kind, _colon, ids = given.choice.partition(":")
    labels: tuple[int, ...] = ()
    if kind == Resolution.Outcome.BOTH:
        labels = tuple(sorted(numbers(form.getlist("accept"))))
    elif kind == "other":
        kind, labels = Resolution.Outcome.LABELLED, tuple(sorted(given.labels))
    elif kind == "labels":
        kind, labels = Resolution.Outcome.LABELLED, tuple(numbers(ids.split(",")) if ids else [])
    version = number(form.get("version")) or 0
    return outcomes.Decision(kind, form.get("reason", ""), version, labels, given.note, given.line)


def numbers(texts: Sequence[str]) -> list[int]:
    """Read the positive whole numbers among texts."""
    return [found for text in texts if (found := number(text)) is not None]


def number(text: str | None) -> int | None:
    """Read a positive whole number that fits a column, or None."""
    if not text or len(text) > 18 or not (text.isascii() and text.isdigit()):
        return None
    return int(text) or None
