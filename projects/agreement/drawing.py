"""Agreement over time, as charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from projects import charts
from projects.agreement.figures import Period
from projects.charts import Chart, Point, Series, plain
from projects.templatetags.words import decimal


def week_chart(periods: Sequence[Period]) -> Chart:
    """Draw alpha with its interval, week by week."""
    days = {float(one.at): date(1970, 1, 1) + timedelta(days=one.at) for one in periods}
    names = {at: date_format(day, "MONTH_DAY_FORMAT") for at, day in days.items()}
    series = [Series(_("alpha"), _points(periods))]
    return _chart(series, periods, names, (_("Agreement by week"), _("week from")))


def version_chart(periods: Sequence[Period]) -> Chart:
    """Draw alpha by version of the guidelines; each side of a breaking change has a curve of its own."""
    names = {float(one.at): _("version %(number)s") % {"number": one.at} for one in periods}
    newest = max((one.era for one in periods), default=0)
    eras = [[one for one in periods if one.era == era] for era in range(newest, -1, -1)]
    heads = [_("alpha"), *(_("before a breaking change") for _era in eras[1:])]
    series = [Series(name, _points(era)) for name, era in zip(heads, eras, strict=True)]
    drawn = [one for one in series if one.points]
    return _chart(drawn, periods, names, (_("Agreement by version"), _("guidelines")))


def _points(periods: Sequence[Period]) -> list[Point]:
    return [
        Point(one.at, one.figures.alpha, one.figures.low, one.figures.high)
        for one in periods
        if one.figures.alpha is not None
    ]


def _chart(
    series: Sequence[Series], periods: Sequence[Period], names: Mapping[float, str], words: tuple[str, str]
) -> Chart:
    title, x_label = words
    items = {float(one.at): one.figures.items for one in periods}
    points = [point for one in series for point in one.points]
    shown = {at: name for at, name in names.items() if any(point.x == at for point in points)}
    lowest = min((point.y if point.low is None else point.low for point in points), default=0.0)
    chart = charts.line(
        series if len(points) > 1 else [],
        title=title,
        x_label=x_label,
        y_label=_("alpha"),
        y_format=decimal,
        y_range=(min(0.0, lowest), 1.0),
        x_names=shown,
    )
    # A figure is worth as much as what it rests on: the table says on how many items.
    rows = [[*row, plain(items[at])] for at, row in zip(sorted(shown), chart.rows, strict=False)]
    return replace(chart, columns=[*chart.columns, _("items")], rows=rows)
