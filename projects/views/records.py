"""People's records: for leads about everybody, for everybody about themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from projects import access, person_record, shifts
from projects import records as reading
from projects.errors import Refused
from projects.models import Membership, Resolution
from projects.record_forms import TermsForm
from projects.records import Line
from projects.saying import Said
from projects.trust import exclusion, standing, workload
from projects.views import common

# Columns of the table: name, title, what it sorts by; the highest first but for names.
_NONE: Final = float("-inf")
COLUMNS: Final[dict[str, tuple[Any, Callable[[Line], Any]]]] = {
    "name": (gettext_lazy("Person"), lambda one: str(one.membership.user).casefold()),
    "state": (gettext_lazy("State"), lambda one: one.state not in {"good", "early"}),
    "answers": (gettext_lazy("Answers"), lambda one: one.figures.answers),
    "known": (
        gettext_lazy("Known items"),
        lambda one: _NONE if one.gold.share is None else one.gold.share,
    ),
    "peers": (gettext_lazy("With others"), lambda one: one.figures.peer.share if one.figures.peer else _NONE),
    "rank": (gettext_lazy("Rank"), lambda one: -one.figures.rank if one.figures.rank else _NONE),
    "checks": (gettext_lazy("Checks"), lambda one: one.figures.check_errors),
    "lost": (gettext_lazy("Lost"), lambda one: one.figures.lost_count),
    "skips": (gettext_lazy("Skips"), lambda one: one.figures.skip_rate or 0),
    "flags": (gettext_lazy("Flags"), lambda one: one.figures.flag_rate or 0),
    "seconds": (gettext_lazy("Seconds"), lambda one: one.figures.seconds or _NONE),
    "signs": (gettext_lazy("Signs"), lambda one: len(one.figures.signs)),
}


@never_cache
@require_GET
@login_required
def records(request: HttpRequest, project_id: int) -> HttpResponse:
    """List everybody with what is known of their work."""
    member = access.as_lead(request.user, project_id)
    policy = member.project.policy
    sort = request.GET.get("sort", "")
    sort = sort if sort in COLUMNS else "state"
    lines = sorted(reading.lines(member.project, policy), key=lambda one: COLUMNS["name"][1](one))
    lines.sort(key=COLUMNS[sort][1], reverse=sort != "name")
    context = common.page(
        member,
        "quality",
        tab="records",
        lines=[(line, _signs(member, line)) for line in lines],
        columns=[(name, title) for name, (title, _key) in COLUMNS.items()],
        sort=sort,
        floor=policy.gold_floor,
        few=reading.FEW,
    )
    return render(request, "projects/records.html", context)


@never_cache
@require_GET
@login_required
def record(request: HttpRequest, project_id: int, membership_id: int) -> HttpResponse:
    """Show one person's record with everything that a lead can do about it."""
    member = access.as_lead(request.user, project_id)
    found = _found(project_id, membership_id)
    return _show(request, member, found)


@never_cache
@require_GET
@login_required
def mine(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show a person the own record: nothing of others, and never which items were known."""
    member = access.membership(request.user, project_id)
    own = person_record.own(member, member.project.policy)
    bar = person_record.bar(own.gold, own.floor)
    context = common.page(member, "my-labels", own=own, bar=bar, offered=shifts.OFFERED)
    return render(request, "projects/my_record.html", context)


@require_POST
@login_required
def act(request: HttpRequest, project_id: int, membership_id: int) -> HttpResponse:
    """Do what a lead chose about a person, and come back to the record."""
    member = access.as_lead(request.user, project_id)
    found = _found(project_id, membership_id)
    wanted = request.POST.get("do", "")
    if wanted == "terms":
        return _terms(request, member, found)
    if wanted not in _ACTS:
        common.say(request, _("This cannot be done. Reload the page."), messages.ERROR)
        return redirect("record", project_id, membership_id)
    try:
        words = _ACTS[wanted](request, found, request.POST.get("reason", "").replace("\0", "")[:500])
    except Refused as refusal:
        return _show(request, member, found, refusal=str(refusal), status=common.REFUSED)
    common.say(request, words)
    return redirect("record", project_id, membership_id)


def _pause(request: HttpRequest, found: Membership, reason: str) -> str:
    standing.pause(found, common.person(request), reason)
    return _("Paused. What this person held is with others again.")


def _lift(request: HttpRequest, found: Membership, reason: str) -> str:
    standing.lift(found, common.person(request), reason)
    return _("Done. This person can go on.")


def _exclude(request: HttpRequest, found: Membership, reason: str) -> str:
    return _became(exclusion.exclude(found, common.person(request), reason))


def _include(request: HttpRequest, found: Membership, reason: str) -> str:  # noqa: ARG001
    return _became(exclusion.include(found, common.person(request)))


def _ask(request: HttpRequest, found: Membership, reason: str) -> str:  # noqa: ARG001
    count = standing.ask_others(found, common.person(request))
    words = ngettext("%(n)s item is asked again.", "%(n)s items are asked again.", count)
    return words % {"n": f"{count:,}"}


_ACTS: Final = {"pause": _pause, "lift": _lift, "exclude": _exclude, "include": _include, "ask": _ask}


def _became(effect: exclusion.Effect) -> str:
    words = _("Done: %(changed)s labels changed, %(reopened)s items are asked again, %(disputed)s disputes.")
    names = ("changed", "reopened", "disputed", "items", "left")
    numbers = {name: f"{getattr(effect, name):,}" for name in names}
    if not effect.left:
        return words % numbers
    so_far = _(
        "So far: %(changed)s labels changed, %(reopened)s items are asked again, %(disputed)s disputes."
    )
    rest = _("%(items)s items are done; the other %(left)s follow by themselves.")
    return f"{rest} {so_far}" % numbers


def _terms(request: HttpRequest, member: Membership, found: Membership) -> HttpResponse:
    form = TermsForm(found, request.POST)
    if not form.is_valid():
        return _show(request, member, found, form=form, status=common.INVALID)
    changed = workload.arrange(found, common.person(request), form.terms())
    common.say(request, _("Saved.") if changed else _("Nothing was changed."))
    return redirect("record", member.project_id, found.pk)


def _found(project_id: int, membership_id: int) -> Membership:
    everybody = Membership.objects.select_related("project", "user")
    return get_object_or_404(everybody, project_id=project_id, pk=membership_id)


def _signs(member: Membership, line: Line) -> list[Said]:
    return person_record.sentences(member.project, line.figures.signs)


def _show(
    request: HttpRequest, member: Membership, found: Membership, status: int = 200, **said: Any
) -> HttpResponse:
    """Show a record; ``said`` holds what was refused or filled in wrongly."""
    project, policy = member.project, member.project.policy
    figures = reading.team(project, policy).get(found.user_id, reading.Figures())
    line = Line(found, standing.record(found, policy), figures, policy.gold_floor)
    decided = reading.decisions(project, found.user_id).get(found.user_id, [])
    names = dict(Resolution.Reason.choices)
    asked = request.method == "GET" and "preview" in request.GET and found.excluded_at is None
    context = common.page(
        member,
        "quality",
        tab="records",
        one=found,
        line=line,
        signs=_signs(member, line),
        floor=policy.gold_floor,
        bar=person_record.bar(line.gold, policy.gold_floor),
        few=reading.FEW,
        mix=person_record.mix(found),
        mixed=person_record.mixed(found, decided)[:6],
        decided=person_record.shown(project, [one for one in decided if not one.right][:6]),
        lost=[(names.get(reason, reason), count) for reason, count in figures.lost.most_common()],
        story=person_record.story(found),
        alone=standing.alone(found).count(),
        at_once=standing.ASK_AT_ONCE,
        preview=exclusion.preview(found) if asked else None,
        recounted=exclusion.progress(found),
        **{"form": TermsForm(found), "refusal": "", **said},
    )
    return render(request, "projects/record.html", context, status=status)
