"""Every model that a project has had: what it learnt from, how good it is, and which one is in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from projects import audit, charts
from projects.errors import Refused
from projects.models import Event, Project
from sampling.measures import Figures, figures
from sampling.models import ModelVersion

_State = ModelVersion.State
PUT_IN_USE: Final = "model.put_in_use"

LEARNERS: Final = {
    "logistic": gettext_lazy("Logistic regression"),
    "svm": gettext_lazy("Linear support vector machine"),
    "naive-bayes": gettext_lazy("Naive Bayes"),
    "forest": gettext_lazy("Random forest"),
    "mlp": gettext_lazy("Small neural network"),
    "ridge": gettext_lazy("Ridge regression"),
}


@dataclass(frozen=True)
class Line:
    """A version in a list, with what stands beside it."""

    model: ModelVersion
    number: int
    learner: str
    figures: Figures
    verdict: str


@dataclass(frozen=True)
class Compared:
    """One line of a verdict: champion and challenger on the same items."""

    name: str  # blank: all items
    n: int
    champion: float | None
    challenger: float | None
    points: str
    enough: bool
    worse: bool


# --- reads -------------------------------------------------------------------------------------------------


def listed(project: Project) -> QuerySet[ModelVersion]:
    """All versions, newest first, with the round, policy and features that each came from.

    A version is called by the number of its round.
    """
    found = ModelVersion.objects.filter(project=project).order_by("-round__number")
    return found.select_related("round__policy", "round__feature_set")


def line(version: ModelVersion) -> Line:
    """A version with its words."""
    learner = str(LEARNERS.get(version.learner, version.learner))
    return Line(version, version.round.number, learner, figures(version), verdict(version))


def champion(project: Project) -> ModelVersion | None:
    """The version in use, or None before there is one."""
    return listed(project).filter(state=_State.CHAMPION).first()


def compared(gate: Mapping[str, Any]) -> list[Compared]:
    """The figures of a verdict, all items first; empty where nothing was compared."""
    rows = [gate["overall"], *gate.get("slices", [])] if gate.get("overall") else []
    return [
        Compared(
            name=row["name"],
            n=row["n"],
            champion=row["champion"],
            challenger=row["challenger"],
            points=_interval(row),
            enough=row["enough"],
            worse=row["worse"],
        )
        for row in rows
    ]


def state_of(version: ModelVersion) -> dict[str, Any]:
    """The arrays of the model itself, without its committee."""
    from sampling import shards  # Loads numpy: only for whoever asks.

    prefix, found = "champion.", shards.load(version.path)
    return {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}


def verdict(version: ModelVersion, *, named: bool = True) -> str:
    """What the gate said of a version, in words; ``named`` says who overruled it, and why they did."""
    gate = version.gate or {}
    lines = compared(gate)
    if not lines:
        return _("There was no model that it could be compared with.")
    against = {"number": gate.get("against")}
    worse = [line for line in lines if line.worse]
    if worse:
        where = _listing([line.name for line in worse])
        if gate.get("applied", True):
            if version.state == _State.REJECTED:
                return _("Held back: worse than model %(number)s %(where)s.") % {**against, "where": where}
            said = _("The gate had held it back: worse than model %(number)s %(where)s.")
            return f"{_by_hand(version, named)} {said % {**against, 'where': where}}"
        said = _("Worse than model %(number)s %(where)s; it took over because the gate is off.")
        return said % {**against, "where": where}
    if not lines[0].enough:
        said = _("Took over from model %(number)s: the hold-out is too small to hold a model back.")
        return said % against
    return _("Took over from model %(number)s: not shown to be worse.") % against


def _by_hand(version: ModelVersion, named: bool) -> str:
    event = None
    if named:
        events = Event.objects.filter(project=version.project_id, action=PUT_IN_USE)
        by_number = events.filter(after__model=version.round.number).select_related("actor")
        event = by_number.order_by("pk").last()
    if event is None or event.actor is None:
        return _("Put in use by hand.")
    return _("Put in use by %(who)s: “%(reason)s”.") % {"who": event.actor, "reason": event.reason}


def _listing(names: Sequence[str]) -> str:
    return ", ".join(_("on %(slice)s") % {"slice": name} if name else _("over all items") for name in names)


def _interval(row: Mapping[str, Any]) -> str:
    if row["difference"] is None:
        return "–"
    signed = [
        charts.signed(f"{100 * row[key]:+.1f}".replace("-", "−")) for key in ("difference", "low", "high")
    ]
    return _("%(points)s points (%(low)s to %(high)s)") % dict(
        zip(("points", "low", "high"), signed, strict=True)
    )


# --- writes ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A wish to put a version in use, as its page was seen: with which other one in use, and why."""

    number: int
    instead_of: int | None  # the number of the version that was in use
    reason: str = ""


def roll_back(project: Project, actor: AbstractBaseUser | None, change: Change) -> ModelVersion:
    """Put an older (or a newer, or a held-back) version in use; the one that was is kept as replaced.

    Opinions, predictions and downloads follow at once; the next round's model is compared with it. Refuses
    where another version is in use by now, where it is in use already, or its file is gone.
    """
    try:
        return _swap(project, actor, change)
    except IntegrityError:
        raise Refused(_stale()) from None


@transaction.atomic
def _swap(project: Project, actor: AbstractBaseUser | None, change: Change) -> ModelVersion:
    held = audit.hold(project)
    wanted = listed(held).filter(round__number=change.number).first()
    if wanted is None:
        raise Refused(_("There is no model %(number)s.") % {"number": change.number})
    if wanted.state == _State.CHAMPION:
        raise Refused(_("Model %(number)s is in use already.") % {"number": change.number})
    if not default_storage.exists(wanted.path):
        raise Refused(
            _("The file of model %(number)s is gone. Choose another one.") % {"number": change.number}
        )
    used = champion(held)
    if (used.round.number if used else None) != change.instead_of:
        raise Refused(_stale())
    # Compare and swap: a round may publish at this moment, and two in use the database refuses.
    rows = ModelVersion.objects.filter(state=_State.CHAMPION)
    if used and not rows.filter(pk=used.pk).update(state=_State.RETIRED):
        raise Refused(_stale())
    ModelVersion.objects.filter(pk=wanted.pk).update(state=_State.CHAMPION)
    before, after = {"model": change.instead_of}, {"model": change.number}
    audit.record(
        held,
        actor,
        PUT_IN_USE,
        gettext_noop("Model %(number)s") % {"number": change.number},
        before=before,
        after=after,
        reason=change.reason,
    )
    wanted.state = _State.CHAMPION
    return wanted


def _stale() -> str:
    return _("Another model was put in use meanwhile. Look at the list and choose again.")
