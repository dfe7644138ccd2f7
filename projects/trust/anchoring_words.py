"""What the comparison of answers with and without suggestions says, in sentences."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from projects import charts
from projects.quality.anchoring import ENOUGH, Difference, Pace
from projects.trust.anchoring import Period


def wrong(found: Difference) -> str:
    """How much more often people follow a suggestion that proved wrong."""
    if not found.enough:
        return _too_few(found)
    if not found.proven:
        words = _(
            "Nobody can tell yet whether people follow a wrong suggestion more often than without it: "
            "the difference is %(points)s points (95 %% interval %(low)s to %(high)s), from %(arms)s answers."
        )
        return words % _values(found, abs_points=False)
    points = round(abs(found.points) * 100)
    more = ngettext(
        "People follow a wrong suggestion %(points)s point more often than without it "
        "(95 %% interval %(low)s to %(high)s), from %(arms)s answers.",
        "People follow a wrong suggestion %(points)s points more often than without it "
        "(95 %% interval %(low)s to %(high)s), from %(arms)s answers.",
        points,
    )
    less = ngettext(
        "People follow a wrong suggestion %(points)s point less often than without it "
        "(95 %% interval of the difference %(low)s to %(high)s), from %(arms)s answers.",
        "People follow a wrong suggestion %(points)s points less often than without it "
        "(95 %% interval of the difference %(low)s to %(high)s), from %(arms)s answers.",
        points,
    )
    return (more if found.points > 0 else less) % _values(found, abs_points=True)


def _too_few(found: Difference) -> str:
    words = _(
        "Too few answers yet to tell. It takes %(enough)s answers where a wrong suggestion was in reach, "
        "now %(shown)s, and %(enough)s blind ones, now %(blind)s."
    )
    return words % {"shown": f"{found.shown.n:,}", "blind": f"{found.blind.n:,}", "enough": ENOUGH}


def _values(found: Difference, *, abs_points: bool) -> dict[str, str]:
    arms = f"{found.shown.n:,} + {found.blind.n:,}"
    shown = abs(found.points) if abs_points else found.points
    return {"points": points(shown), "low": points(found.low), "high": points(found.high), "arms": arms}


def points(share: float) -> str:
    """A difference of shares in percentage points."""
    return charts.signed(f"{round(100 * share)}".replace("-", "−"))


def pace(found: Pace | None) -> str:
    """What suggestions save, or that nobody knows."""
    if found is None or not found.enough:
        return _("Too few answers with a time yet.")
    values = {"saved": _seconds(abs(found.saved)), "low": _seconds(found.low), "high": _seconds(found.high)}
    if found.low <= 0 <= found.high:
        return (
            _("No clear difference: %(low)s to %(high)s seconds saved an answer (95 %% interval).") % values
        )
    values["minutes"] = f"{abs(found.saved) * 100 / 60:.1f}"
    if found.saved > 0:
        return (
            _(
                "Suggestions save %(saved)s seconds an answer (95 %% interval %(low)s to %(high)s), "
                "%(minutes)s minutes in a hundred."
            )
            % values
        )
    return (
        _(
            "Suggestions cost %(saved)s seconds an answer (95 %% interval of what they save "
            "%(low)s to %(high)s), %(minutes)s minutes in a hundred."
        )
        % values
    )


def _seconds(value: float) -> str:
    return charts.signed(f"{value:.1f}".replace("-", "−"))


def person(every: Difference) -> str:
    """How much more often one person gives the suggested answer where it was in reach."""
    if not every.enough:
        fewest = min(every.shown.n, every.blind.n)
        words = ngettext(
            "too few to say: %(count)d answer on one side",
            "too few to say: %(count)d answers on one side",
            fewest,
        )
        return words % {"count": fewest}
    values = {"points": points(every.points), "low": points(every.low), "high": points(every.high)}
    return _("%(points)s points (%(low)s to %(high)s)") % values


def way(period: Period) -> str:
    """How suggestions are shown in a period."""
    shown = {
        "hidden": _("Suggestions hidden"),
        "key": _("Shown on a key"),
        "always": _("Shown at once"),
    }
    parts = [shown[period.suggest]]
    if period.likely_first:
        parts.append(_("likely labels first"))
    if period.highlight:
        parts.append(_("words marked"))
    return ", ".join(parts)
