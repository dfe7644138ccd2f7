"""What the loop is doing now, in words: cheap enough to be asked every few seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from django.db.models import Max
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import labelling, queries
from projects.models import Annotation, Dispute, Membership, Project
from sampling import claims, due, generations
from sampling.models import FeatureSet, Round

# What a round does, in order.
STEPS: Final[dict[str, Promise]] = {
    "read": gettext_lazy("Read labels"),
    "train": gettext_lazy("Train"),
    "evaluate": gettext_lazy("Measure"),
    "select": gettext_lazy("Score and pick"),
    "publish": gettext_lazy("Publish"),
}
# What a round says besides, as part of which of these.
PARTS: Final = {"score": "select", "measure": "publish"}
# A worker looks every two seconds; after this long without one, people should know.
PATIENCE: Final = timedelta(seconds=20)


@dataclass(frozen=True)
class Live:
    """One look at the loop. ``tone`` is blank, good, warn or bad; ``step`` is one of STEPS in a round."""

    title: str
    detail: str = ""
    tone: str = ""
    advice: str = ""
    error: str = ""
    step: str = ""
    value: int = 0
    most: int = 0
    answered: int = 0
    items: int = 0
    disputes: int = 0
    # The newest published round, -1 before any.
    round_number: int = -1

    @property
    def tag(self) -> str:
        """Changes whenever anything shown changes."""
        return blake2b(repr(self).encode(), digest_size=12).hexdigest()

    @property
    def figures(self) -> str:
        """Changes when the page's figures are worth drawing again: a round, a decision, some answers."""
        return f"{self.round_number}-{self.disputes}-{self.answered // 5}"


@dataclass(frozen=True)
class _Look:
    """What the sentences are made from."""

    membership: Membership
    at: datetime
    open_round: Round | None
    feature_set: FeatureSet | None

    @property
    def project(self) -> Project:
        return self.membership.project


def look(membership: Membership, at: datetime) -> Live:
    """Say what the loop of this person's project is doing."""
    project = membership.project
    newest_set = project.feature_sets.order_by("-generation").first()
    open_round = project.rounds.exclude(state=Round.State.DONE).order_by("-number").first()
    done = project.rounds.filter(state=Round.State.DONE).aggregate(newest=Max("number"))["newest"]
    said = _said(_Look(membership, at, open_round, newest_set))
    return replace(
        said,
        answered=queries.answered(project.pk),
        items=project.item_count,
        disputes=Dispute.objects.filter(project=project, state=Dispute.State.OPEN).count(),
        round_number=-1 if done is None else done,
    )


def _said(seen: _Look) -> Live:
    project = seen.project
    if project.state == Project.State.DRAFT:
        return Live(_("The project is being set up"), _("Its admin has not started the labelling yet."))
    if project.state != Project.State.ACTIVE:
        detail = _("Nothing is asked or trained until an admin resumes the project.")
        return Live(_("The project is paused"), detail, "warn")
    if not project.item_count:
        return Live(_("No items yet"), _("An admin can add a file under Settings, Data."))
    if seen.open_round is not None:
        return _round(seen, seen.open_round)
    if generations.usable(project) is None:
        return _features(seen)
    return _collecting(seen)


def _round(seen: _Look, round_: Round) -> Live:
    names = {"number": round_.number}
    if round_.state == Round.State.FAILED:
        again = _("It is tried again by itself at %(time)s. Labelling goes on meanwhile.")
        detail = again % {"time": _clock(round_.heartbeat_at)}
        return Live(_("Round %(number)d failed") % names, detail, "bad", error=_(round_.error))
    if round_.state == Round.State.QUEUED:
        return _due(seen, _("Round %(number)d is due") % names, round_.created_at)
    sign = round_.heartbeat_at or round_.created_at
    if sign < claims.stale_before(seen.at):
        return _silent(seen, _("Round %(number)d stands still") % names, sign)
    return Live(_("Round %(number)d is running") % names, tone="good", step=round_.step or "read")


def _features(seen: _Look) -> Live:
    feature_set, items = seen.feature_set, seen.project.item_count
    title = _("Reading the items for the model")
    if feature_set is None:
        return _due(seen, title, seen.project.created_at)
    if feature_set.error:
        detail = _("It is tried again by itself. Labelling goes on meanwhile, in random order.")
        return Live(_("Reading the items failed"), detail, "bad", error=feature_set.error)
    done = generations.ready_rows(feature_set)
    last = feature_set.shards.aggregate(last=Max("claimed_at"))["last"]
    sign = max(time for time in (last, feature_set.claimed_at, feature_set.created_at) if time)
    if sign < claims.stale_before(seen.at):
        return replace(_silent(seen, title, sign), value=done, most=items)
    detail = _("Once per item. Until then labelling goes on in random order.")
    return Live(title, detail, "good", value=done, most=items)


def _collecting(seen: _Look) -> Live:
    project = seen.project
    policy = project.policy
    if due.is_due(project):
        # The worker itself opens rounds: one that is due and not there means that nobody looks.
        return _due(seen, _("The next round is due"), _due_since(project, policy.batch_size))
    shown = labelling.progress(seen.membership, policy)
    detail = (
        _("Then the model is trained again, measured, and picks what to ask next.")
        if shown.learning
        else _("The first model needs five answers for each of two labels.")
    )
    return Live(shown.sentence(), detail, value=shown.since, most=shown.batch)


def _due_since(project: Project, batch: int) -> datetime:
    """When the answer came that made a round due."""
    said = project.annotations.filter(kind__in=Annotation.COUNTED, pk__gt=project.round_mark)
    at = said.order_by("pk").values_list("created_at", flat=True)
    return next(iter(at[batch - 1 : batch]), None) or at.last() or project.created_at


def _due(seen: _Look, title: str, since: datetime) -> Live:
    if seen.at - since > PATIENCE:
        return _silent(seen, title, since)
    return Live(title, _("A worker takes it in a moment."), "good")


def _silent(seen: _Look, title: str, since: datetime) -> Live:
    short = seen.at - since < timedelta(minutes=1)
    for_long = _("half a minute") if short else timesince(since, seen.at, depth=1)
    sentence = _("No worker has been heard of for %(time)s. Labelling goes on, but nothing is learnt.")
    advice = _("Start one with: python manage.py serve. If it runs, look at what it printed last.")
    return Live(title, sentence % {"time": for_long}, "bad", advice)


def _clock(at: datetime | None) -> str:
    return date_format(localtime(at), "H:i:s") if at else "–"
