"""What rounds measured, in words: whether to stop, what was saved, whether new items differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from projects import charts
from projects.reasons import percent
from sampling.core import rules

TITLES: Final[dict[str, Promise]] = {
    "rule": gettext_lazy("Your rule says: stop"),
    "stop": gettext_lazy("More labels would bring little"),
    "go_on": gettext_lazy("Go on labelling"),
    "early": gettext_lazy("Too early to say"),
}
DETAILS: Final[dict[str, Promise]] = {
    "rule": gettext_lazy("Nothing stops by itself: an admin can pause the project."),
    "stop": gettext_lazy(
        "Two signs at least say so, and none speaks against it. Nothing stops by itself: you decide."
    ),
    "go_on": gettext_lazy("To stop takes two signs that say so, and none against it."),
    "early": gettext_lazy(
        "No sign can tell yet. Each needs some rounds and a hold-out of 20 items at least."
    ),
}
TONES: Final = {"rule": "good", "stop": "good", "go_on": "accent", "early": ""}


@dataclass(frozen=True)
class Reason:
    """A sign in words; ``answer`` is yes, no or open."""

    name: str
    answer: str
    words: str


@dataclass(frozen=True)
class RuleLine:
    """A rule of the policy: where it stands, and what it would have done so far."""

    name: str
    met: bool
    now: str
    would: str


@dataclass(frozen=True)
class Advice:
    """Whether to stop, with reasons; a sentence, never an act."""

    verdict: str
    title: str
    detail: str
    tone: str
    reasons: Sequence[Reason]
    rules: Sequence[RuleLine]


def points(share: float, sign: bool = True) -> str:
    """A difference of shares in points of a hundred, with its sign."""
    number = round(100 * share, 1)
    text = charts.plain(abs(number))
    if not sign or not number:
        return text
    return charts.signed(("+" if number > 0 else "−") + text)


def span(low: float, high: float, sign: bool = True) -> str:
    """The ends of an interval, in points."""
    return _("%(low)s to %(high)s") % {"low": points(low, sign), "high": points(high, sign)}


# --- should we stop -----------------------------------------------------------------------------------------


def advise(past: Sequence[rules.Past], stop_rules: Mapping[str, Any], ahead: int) -> Advice:
    """Weigh rules and signs; ``ahead`` is how many labels the promise of the curve is about."""
    found = rules.rulings(stop_rules, past)
    usual = int(stop_rules.get("plateau_rounds") or rules.USUAL)
    seen = rules.signs(past, usual)
    verdict = rules.verdict(found, seen)
    tellers: dict[str, Callable[[rules.Sign], Reason]] = {
        "plateau": _plateau,
        "stable": _stable,
        "remaining": lambda sign: _remaining(sign, ahead),
    }
    return Advice(
        verdict,
        str(TITLES[verdict]),
        str(DETAILS[verdict]),
        TONES[verdict],
        [tellers[sign.name](sign) for sign in seen],
        [_line(one, stop_rules) for one in found],
    )


def _plateau(sign: rules.Sign) -> Reason:
    name = _("Accuracy has stopped rising")
    if not sign.figures:
        return Reason(name, sign.answer, _("Takes three rounds with a model, and 20 hold-out items."))
    rounds, value, low, high = sign.figures
    said = ngettext(
        "Over the last %(rounds)d round it changed by %(value)s points (%(span)s).",
        "Over the last %(rounds)d rounds it changed by %(value)s points (%(span)s).",
        int(rounds),
    ) % {"rounds": rounds, "value": points(value), "span": span(low, high)}
    more = {
        "yes": _("That is surely less than %(flat)s points."),
        "no": _("It is still rising.")
        if high >= 0
        else _("It fell: look at the disputes and at the last answers before you go on."),
        "open": _("The hold-out is too small, or the time too short, to rule out a rise of %(flat)s points."),
    }[sign.answer]
    return Reason(name, sign.answer, f"{said} {more % {'flat': points(rules.FLAT, sign=False)}}")


def _stable(sign: rules.Sign) -> Reason:
    name = _("Predictions stay the same")
    if not sign.figures:
        return Reason(name, sign.answer, _("Takes two rounds with a model, and open items to compare on."))
    kappa, rounds = sign.figures
    words = ngettext(
        "On open items the newest model agrees with the one before: kappa %(kappa)s (1: always).",
        "On open items the last %(rounds)d models agree with those before: mean kappa %(kappa)s (1: always).",
        int(rounds),
    ) % {"rounds": rounds, "kappa": f"{kappa:.3f}"}
    limit = _("From %(limit)s on, three times in a row, they count as settled.") % {"limit": rules.STABLE}
    return Reason(name, sign.answer, f"{words} {limit}")


def _remaining(sign: rules.Sign, ahead: int) -> Reason:
    name = _("Little is left to gain")
    if not sign.figures:
        words = _("Takes four rounds with a model, the last with twice the labels of the first.")
        return Reason(name, sign.answer, words)
    value, low, high = sign.figures
    values = {"labels": charts.plain(ahead), "value": points(value), "span": span(low, high)}
    said = _("By the curve so far, %(labels)s more labels would add %(value)s points (%(span)s).") % values
    limit = _("Under %(little)s counts as little.") % {"little": points(rules.LITTLE, sign=False)}
    return Reason(name, sign.answer, f"{said} {limit}")


def _line(one: rules.Ruling, stop_rules: Mapping[str, Any]) -> RuleLine:
    would = _("It would not have stopped so far.")
    if one.first is not None:
        values = {"round": one.first.number, "labels": charts.plain(one.first.labels)}
        would = _("It would have stopped after round %(round)s, with %(labels)s labels") % values
        if one.first.accuracy is None:
            would += "."
        else:
            would += _(" and an accuracy of %(accuracy)s.") % {"accuracy": percent(one.first.accuracy)}
    name, now = _rule(one, float(stop_rules.get("label_cost") or 0))
    return RuleLine(name, one.met, now, would)


def _rule(one: rules.Ruling, cost: float) -> tuple[str, str]:
    """A rule's name, and where it stands."""
    if one.rule == "min_accuracy":
        name = _("Accuracy of at least %(limit)s") % {"limit": percent(one.limit)}
        now = "" if one.now is None else _("The lower end is at %(now)s.") % {"now": percent(one.now)}
        return name, now or _("The hold-out is too small to say.")
    if one.rule == "plateau_rounds":
        rounds = int(one.limit)
        name = ngettext("No rise over %(rounds)d round", "No rise over %(rounds)d rounds", rounds)
        return name % {"rounds": rounds}, "" if one.now is not None else _("Cannot be tested yet.")
    now = "" if one.now is None else _("Now: %(now)s.") % {"now": charts.plain(one.now)}
    if one.rule == "max_labels":
        return _("%(limit)s labelled items") % {"limit": charts.plain(one.limit)}, now
    values = {"limit": charts.plain(one.limit), "cost": charts.plain(cost)}
    name = _("A cost of %(limit)s, at %(cost)s an answer") % values
    return name, now or _("What an answer costs is not set.")


# --- what was saved -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Saved:
    """Labels saved against the random control: a sentence with an interval, or why there is none."""

    verdict: str
    title: str
    words: str
    control: int
    labels: int
    round_number: int
    chart: charts.Chart


def saved(found: Mapping[str, Any], round_number: int) -> Saved:
    """What a round found about its random control, in words."""
    title, words = _saving(found)
    return Saved(
        found["verdict"],
        title,
        words,
        found["control"],
        found["labels"],
        round_number,
        _control_chart(found),
    )


def _saving(found: Mapping[str, Any]) -> tuple[str, str]:
    labels, low, high = found["labels"], found["low"], found["high"]
    if found["verdict"] == "unknown":
        return _("It cannot be said yet"), _lacking(found)
    beyond = charts.plain(found["limit"])
    floor = beyond if low is None else charts.plain(round(low))
    if high is None:
        random = _("%(floor)s or more") % {"floor": floor}
    else:
        random = _("%(low)s to %(high)s") % {"low": floor, "high": charts.plain(round(high))}
    words = _("%(labels)s labels made a model as good as %(random)s random ones would.") % {
        "labels": charts.plain(labels),
        "random": random,
    }
    if found["verdict"] == "not_shown":
        return _("No saving is shown"), f"{words} {_('That may be fewer or more.')}"
    if found["verdict"] == "cost":
        more = _("Random order would have been better: think of another strategy or other features.")
        return _("No saving: it took more labels"), f"{words} {more}"
    least = percent(1 - labels / (found["limit"] if low is None else low))
    if high is None:
        return _("At least %(least)s of the labels saved") % {"least": least}, words
    values = {"least": least, "most": percent(1 - labels / high)}
    return _("%(least)s to %(most)s of the labels saved") % values, words


def _lacking(found: Mapping[str, Any]) -> str:
    if found["missing_holdout"]:
        return ngettext(
            "The hold-out needs %(n)s more labelled item.",
            "The hold-out needs %(n)s more labelled items.",
            found["missing_holdout"],
        ) % {"n": charts.plain(found["missing_holdout"])}
    return ngettext(
        "The random control needs %(n)s more labelled item.",
        "The random control needs %(n)s more labelled items.",
        found["missing"],
    ) % {"n": charts.plain(found["missing"])}


def _control_chart(found: Mapping[str, Any]) -> charts.Chart:
    curve = [charts.Point(*point) for point in found["curve"]]
    series = [charts.Series(_("random control"), curve, quiet=True)] if curve else []
    if curve and found["accuracy"] is not None:
        model = charts.Point(found["labels"], found["accuracy"])
        series = [charts.Series(_("the loop's model"), [model]), *series]
    return charts.line(
        series,
        title=_("Accuracy after so many random labels, and what the loop reached"),
        x_label=_("items learnt from"),
        y_label=_("accuracy"),
        y_format=charts.percent,
    )


# --- new items ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drifted:
    """New items that are unlike the old ones, and how that shows."""

    new: int
    old: int
    signs: Sequence[str]


def drifted(found: Mapping[str, Any] | None) -> Drifted | None:
    """What the newest round says about new items; None without an alert."""
    if not found or not found.get("alert"):
        return None
    tellers = {
        "classifier": _(
            "A classifier tells them apart: area under the curve %(value)s, where 0.50 is chance."
        ),
        "labels": _("The model gives them other labels: stability index %(value)s, where 0.20 is large."),
        "clusters": _("They lie in other regions: stability index %(value)s, where 0.20 is large."),
    }
    words = [
        text % {"value": f"{found[name]['value']:.2f}"}
        for name, text in tellers.items()
        if found.get(name) and found[name]["alert"]
    ]
    return Drifted(found["new"], found["old"], words)
