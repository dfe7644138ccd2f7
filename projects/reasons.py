"""Say in plain words why an item was picked: from the reason that its queue entry keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

# What no model had a say in.
PLAIN: Final[dict[str, Promise]] = {
    "random_holdout": gettext_lazy("Drawn at random, to measure the model"),
    "random_agreement": gettext_lazy("Drawn at random, to measure how far people agree"),
    "random_order": gettext_lazy("Next in random order"),
    "random": gettext_lazy("Drawn at random"),
    "alike": gettext_lazy("Much like an item that the last round picked"),
    "next_best": gettext_lazy("Next best by the last scores"),
    "calibration": gettext_lazy("One of the first items, which everybody labels"),
    "lead_asked": gettext_lazy("A lead asked for another vote"),
    "guidelines": gettext_lazy("Asked again, because the guidelines have changed"),
    "control": gettext_lazy("Drawn at random, to compare the strategy with"),
    "feedback": gettext_lazy("Asked again, because the model was said to be wrong about it in use"),
}
# What a strategy looked for; where the model had a say, what it thinks follows.
SOUGHT: Final[dict[str, Promise]] = {
    "covers": gettext_lazy("Covers a region that has few labels nearby"),
    "spread": gettext_lazy("Picked to be unlike the others"),
    "rare": gettext_lazy("Near a rare label or a named example"),
    "new": gettext_lazy("From a region that is new"),
    "split": gettext_lazy("The committee disagrees about it"),
}
FIRST: Final = {"first", "first_batch", "first-batch"}
# Two labels this close are a toss-up; a model this sure hardly doubts.
CLOSE: Final = 0.25
SURE: Final = 0.9
# From here on the members of the committee contradict each other.
SPLIT: Final = 0.25


def sentence(reason: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """Return one sentence; blank where nothing was kept.

    ``reason`` is a queue entry's reason (all keys optional); ``names`` gives each label position its name.
    """
    why = str(reason.get("why") or "")
    if why == "lead_asked" and reason.get("note"):
        return _("A lead asked for another vote: %(note)s") % {"note": reason["note"]}
    if why in PLAIN:
        return f"{PLAIN[why]}."
    if why == "mislabelled":
        return _doubted(reason, names)
    if why in SOUGHT:
        parts = [str(SOUGHT[why]), _leaning(reason, names), _region(reason)]
    elif why in FIRST or str(reason.get("strategy")) in FIRST:
        # No model has looked at it yet: it stands for what lies around it.
        parts = [_("Typical of what lies around it"), _region(reason)]
    elif doubt := _doubt(reason, names):
        parts = [doubt, _split(reason), _region(reason)]
    elif str(reason.get("strategy")) == "random":
        parts = [str(PLAIN["random"])]
    else:
        parts = [_("Picked by the strategy"), _region(reason)] if reason.get("score") is not None else []
    said = pgettext("between parts of a sentence", ", ").join(part for part in parts if part)
    return f"{said}." if said else ""


def percent(share: float) -> str:
    """Write a share for people; what is nearly certain is not called certain."""
    rounded = round(100 * share)
    if rounded >= 100 and share < 1:
        return _("over 99 %")
    if rounded <= 0 and share > 0:
        return _("under 1 %")
    return _("%(number)d %%") % {"number": rounded}


def top(reason: Mapping[str, Any]) -> list[tuple[int, float]]:
    """Return the likeliest label positions with their probabilities, best first."""
    pairs = [(int(position), float(p)) for position, p in reason.get("top") or ()]
    return sorted(pairs, key=lambda pair: -pair[1])


def _doubt(reason: Mapping[str, Any], names: Mapping[int, str]) -> str:
    likely = [(names[position], p) for position, p in top(reason) if position in names]
    if not likely:
        return ""
    # Probabilities of a single choice never add up to more than one; several labels are questions apart.
    if sum(p for _name, p in likely) > 1.01:
        return _several(likely)
    (first, p), second = likely[0], likely[1] if len(likely) > 1 else ("", 0.0)
    if second[0] and p - second[1] < CLOSE:
        return _("Unsure between %(first)s and %(second)s") % {"first": first, "second": second[0]}
    values = {"label": first, "share": percent(p)}
    if p < SURE:
        return _("Leans to %(label)s, but is not sure (%(share)s)") % values
    return _("Looks like %(label)s (%(share)s)") % values


def _several(likely: list[tuple[str, float]]) -> str:
    name, p = min(likely, key=lambda pair: abs(pair[1] - 0.5))
    return _("Unsure whether %(label)s applies (%(share)s)") % {"label": name, "share": percent(p)}


def _doubted(reason: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """A label that may be wrong; named only to those who may know it."""
    given = [names[position] for position in reason.get("given") or () if position in names]
    if not given:
        return _("Asked again, because its label may be wrong.")
    return _("Asked again, because its label (%(labels)s) may be wrong.") % {"labels": ", ".join(given)}


def _leaning(reason: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """What the model thinks of it, as a part of a sentence."""
    likely = [(names[position], p) for position, p in top(reason) if position in names]
    if not likely:
        return ""
    return _("which looks like %(label)s (%(share)s)") % {
        "label": likely[0][0],
        "share": percent(likely[0][1]),
    }


def _split(reason: Mapping[str, Any]) -> str:
    disagree = float(reason.get("disagreement") or 0) >= SPLIT
    return _("the committee is split") if disagree else ""


def _region(reason: Mapping[str, Any]) -> str:
    size = int(reason.get("cluster_size") or 0)
    if size < 2:
        return ""
    labelled = reason.get("cluster_labelled")
    if labelled is None:
        return _("in a region of %(size)d items") % {"size": size}
    template = ngettext(
        "in a region of %(size)d items with %(count)d label",
        "in a region of %(size)d items with %(count)d labels",
        int(labelled),
    )
    return template % {"size": size, "count": int(labelled)}
