"""What the figures of agreement say, in sentences."""

from __future__ import annotations

from math import ceil
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from projects.quality.agreement import Agreement

# Krippendorff's own marks: nothing is to be concluded below the first, one may rely on the second.
TENTATIVE: Final = 0.667
RELIABLE: Final = 0.8
# An interval that reaches so far to either side tells enough.
NARROW: Final = 0.1


def verdict(whole: Agreement) -> str:
    """Say what the figure allows, by its interval and not by its middle."""
    if whole.undefined == "no_pairs":
        return _("No item of the agreement sample has two answers yet.")
    if whole.undefined == "one_class":
        return _("Everybody gave one and the same label so far: there is nothing to disagree on yet.")
    if whole.low is None or whole.high is None:
        return _("Too few items to say how sure this is.")
    if whole.low >= RELIABLE:
        return _("People agree well: labels can be relied on.")
    if whole.high < TENTATIVE:
        return _(
            "People agree too little to rely on the labels. See what is mixed up, and sharpen the guidelines."
        )
    if whole.low >= TENTATIVE:
        return _("People agree fairly well: enough for cautious conclusions.")
    if whole.high - whole.low > 2 * NARROW:
        return _("Too early to tell: the interval is wide. More items with two answers make it narrower.")
    return _("People agree only in part. See what is mixed up, and sharpen the guidelines.")


def band(figures: Agreement) -> str:
    """Say in a few words between which of Krippendorff's marks the interval lies."""
    if figures.low is None or figures.high is None:
        return "–"
    if figures.low >= RELIABLE:
        return _("above .8")
    if figures.high < TENTATIVE:
        return _("below .667")
    if figures.low >= TENTATIVE:
        return _("above .667") if figures.high >= RELIABLE else _(".667 to .8")
    return _("below .8") if figures.high < RELIABLE else _("too wide to tell")


def size(figures: Agreement) -> str:
    """Say what a figure rests on."""
    items = ngettext("%(n)s item", "%(n)s items", figures.items) % {"n": f"{figures.items:,}"}
    people = ngettext("%(n)s person", "%(n)s people", figures.people) % {"n": figures.people}
    return _("%(items)s with two answers, by %(people)s") % {"items": items, "people": people}


def missing(figures: Agreement) -> int:
    """How many more items with two answers make the interval reach ±.10; 0: it does.

    An interval shrinks with the root of the number of items.
    """
    if figures.low is None or figures.high is None:
        return 0
    half = (figures.high - figures.low) / 2
    return max(0, ceil(figures.items * (half / NARROW) ** 2) - figures.items)


def width(figures: Agreement) -> str:
    """Say how wide the interval is, and what it takes to make it narrow."""
    if figures.low is None or figures.high is None:
        return ""
    half = f"{(figures.high - figures.low) / 2:.2f}"
    more = missing(figures)
    if not more:
        return _("The interval reaches ±%(half)s: narrow enough to tell.") % {"half": half}
    return ngettext(
        "The interval reaches ±%(half)s. About %(n)s more item with two answers makes it ±0.10.",
        "The interval reaches ±%(half)s. About %(n)s more items with two answers make it ±0.10.",
        more,
    ) % {"half": half, "n": f"{more:,}"}
