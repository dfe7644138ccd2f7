"""Figures and times in words."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils.timesince import timesince, timeuntil
from django.utils.timezone import now
from django.utils.translation import gettext as _

from projects import charts, reasons

register = template.Library()


@register.filter
def age(since: datetime | None) -> str:
    """Say how long ago in one unit: «3 hours»."""
    if since is None:
        return ""
    at = now()
    return timesince(since, at, depth=1) if (at - since).total_seconds() >= 60 else _("less than a minute")


@register.filter
def until(moment: datetime | None) -> str:
    """Say how long it is until then in one unit: «3 hours»."""
    if moment is None:
        return ""
    left = (moment - now()).total_seconds()
    return timeuntil(moment, now(), depth=1) if left >= 60 else _("less than a minute")


@register.filter
def percent(share: float | None) -> str:
    """Write a share as a percentage, a dash where there is none."""
    return "–" if share is None else reasons.percent(float(share))


@register.filter
def decimal(value: float | None) -> str:
    """Write a figure between -1 and 1 with two decimals, a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:.2f}"
    if text.startswith("-"):
        return "0.00" if text == "-0.00" else charts.signed(text.replace("-", "−"))
    return text
