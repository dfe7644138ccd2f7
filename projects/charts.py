"""Charts as inline SVG from plain data: no script, readable in light and dark, with their numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from django.utils.formats import number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language_bidi
from django.utils.translation import gettext as _

Format = Callable[[float], str]

WIDTH: Final = 520.0
HEIGHT: Final = 250.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 16.0, 36.0, 42.0
ROW: Final = 36.0
MOST_BARS: Final = 15  # about as high as the charts beside it are, on a page of two columns


def plain(value: float) -> str:
    """Write a number with its thousands apart, and at most three digits behind the point."""
    whole = int(value) if value == int(value) else round(value, 3)
    written = str(number_format(whole, force_grouping=True))
    return signed(written) if value < 0 else written


def signed(number: str) -> str:
    """Keep a sign before its number, also in a line that runs from right to left."""
    return f"\u200e{number}" if get_language_bidi() else number


def percent(value: float) -> str:
    """Write a share between 0 and 1 as a percentage."""
    digits = 0 if abs(value * 100 - round(value * 100)) < 0.05 else 1
    # Django cuts figures off where we want them rounded.
    return f"{number_format(round(value * 100, digits), digits)} %"


@dataclass(frozen=True)
class Point:
    """One value, and where it is an estimate the ends of its interval."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    """A named curve. The first is drawn strong; ``quiet`` draws a thin dashed one, to compare with."""

    name: str
    points: Sequence[Point]
    quiet: bool = False


@dataclass(frozen=True)
class Bar:
    """One row of a bar chart; ``hue`` 1 to 12 takes a label's colour, ``note`` follows the number."""

    name: str
    value: float
    hue: int = 0
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """A drawing and the table of its numbers; place it with ``includes/chart.html``."""

    title: str
    svg: SafeString
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    # Curves by class name, where there are several.
    legend: list[tuple[str, str]] = field(default_factory=list)
    # Rows that are in the table only.
    undrawn: int = 0

    @property
    def empty(self) -> bool:
        return not self.rows


def line(  # noqa: PLR0913 - options with names
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    y_label: str,
    y_format: Format = plain,
    y_range: tuple[float, float] | None = None,
    x_names: Mapping[float, str] | None = None,
) -> Chart:
    """Draw curves with their points and, where points have intervals, the band between the ends.

    ``y_range`` fixes the vertical scale; without it the scale fits the data. ``x_names`` says what stands at
    each point of the horizontal scale, where that is no number.
    """
    columns = [x_label, *_heads(series)]
    if not any(one.points for one in series):
        return Chart(title, mark_safe(""), columns)
    frame = _frame(series, y_range, x_names)
    body = [_y_axis(frame, y_label, y_format), _x_axis(frame, x_label)]
    body += [_curve(frame, one, y_format, place) for place, one in enumerate(series)]
    legend = [(_class(one, place), one.name) for place, one in enumerate(series)] if len(series) > 1 else []
    svg = _svg(title, _story(series, frame, x_label, y_format), "".join(body), HEIGHT)
    return Chart(title, svg, columns, _numbers(series, frame, y_format), legend)


def bars(
    rows: Sequence[Bar], *, title: str, name_label: str, value_label: str, value_format: Format = plain
) -> Chart:
    """Draw one horizontal bar a row, all from zero on one scale, in the order given.

    Of more than ``MOST_BARS`` rows the highest are drawn; the numbers hold all of them.
    """
    if any(row.value < 0 or not math.isfinite(row.value) for row in rows):
        raise ValueError("rows: every value must be a finite number of at least 0")
    most = max((row.value for row in rows), default=0.0) or 1.0
    if len(rows) > MOST_BARS:
        rows = sorted(rows, key=lambda row: -row.value)
    drawn = rows[:MOST_BARS]
    body = "".join(_bar(row, at * ROW, row.value / most, value_format) for at, row in enumerate(drawn))
    table = [[row.name, _amount(row, value_format)] for row in rows]
    story = "; ".join(f"{name}: {value}" for name, value in table[:12])
    svg = _svg(title, story, body, len(drawn) * ROW) if rows else mark_safe("")
    return Chart(title, svg, [name_label, value_label], table, undrawn=len(rows) - len(drawn))


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return at most ``most`` + 1 round numbers that lie between ``low`` and ``high``."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        raise ValueError(f"low, high: need two finite numbers in order, got {low} and {high}")
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(step * at, 12) for at in range(first, last + 1)]


@dataclass(frozen=True)
class _Frame:
    """Where data lie on the paper."""

    x0: float
    x1: float
    y0: float
    y1: float
    x_ticks: list[float]
    x_names: Mapping[float, str]

    def say(self, x: float) -> str:
        return self.x_names.get(x) or plain(x)

    def x(self, value: float) -> str:
        return _n(LEFT + (WIDTH - LEFT - RIGHT) * (value - self.x0) / (self.x1 - self.x0))

    def y(self, value: float) -> str:
        inside = min(max(value, self.y0), self.y1)
        return _n(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (inside - self.y0) / (self.y1 - self.y0))


def _frame(
    series: Sequence[Series], y_range: tuple[float, float] | None, x_names: Mapping[float, str] | None
) -> _Frame:
    points = [point for one in series for point in one.points]
    levels = [level for p in points for level in (p.y, p.low, p.high) if level is not None]
    if not all(math.isfinite(number) for number in [*levels, *(p.x for p in points)]):
        raise ValueError("series: every number must be finite")
    xs = [point.x for point in points]
    x0, x1 = min(xs), max(xs)
    # A single round stands in the middle, with its own number below.
    x_ticks = _named(x_names) if x_names else ticks(x0, x1, 5) if x0 < x1 else [x0]
    names = x_names or {}
    if x0 == x1:
        x0, x1 = x0 - 1, x1 + 1
    if y_range:
        return _Frame(x0, x1, *y_range, x_ticks, names)
    low, high = min(levels), max(levels)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    # Counts stay at or above zero; a scale that is nearly from zero is from zero.
    low = 0.0 if 0 <= low <= 0.4 * high else low - room
    return _Frame(x0, x1, low, high + room, x_ticks, names)


def _named(names: Mapping[float, str], most: int = 6) -> list[float]:
    """Return at most ``most`` named places at even steps, the last one among them."""
    places = sorted(names)
    return places[::-1][:: math.ceil(len(places) / most)][::-1]


def _y_axis(frame: _Frame, label: str, form: Format) -> str:
    parts = [_text("axis-title", 0, 14, label)]
    for value in ticks(frame.y0, frame.y1, 4):
        y = frame.y(value)
        parts.append(f'<path class="grid" d="M{_n(LEFT)} {y}H{_n(WIDTH - RIGHT)}"/>')
        parts.append(_text("tick", LEFT - 8, float(y) + 4, form(value), "end"))
    return "".join(parts)


def _x_axis(frame: _Frame, label: str) -> str:
    base = HEIGHT - BOTTOM
    parts = [f'<path class="axis" d="M{_n(LEFT)} {_n(base)}H{_n(WIDTH - RIGHT)}"/>']
    last = len(frame.x_ticks) - 1
    for place, value in enumerate(frame.x_ticks):
        # Every second one makes way where the chart is narrow; the newest of named ones stays.
        name = "tick minor" if (place + last * bool(frame.x_names)) % 2 and last > 2 else "tick"
        parts.append(_text(name, float(frame.x(value)), base + 18, frame.say(value), "middle"))
    parts.append(_text("axis-title", WIDTH - RIGHT, HEIGHT - 4, label, "end"))
    return "".join(parts)


def _curve(frame: _Frame, one: Series, form: Format, place: int) -> str:
    points = sorted(one.points, key=lambda point: point.x)
    path = " ".join(f"{frame.x(p.x)},{frame.y(p.y)}" for p in points)
    parts = [_band(frame, points), f'<polyline class="curve" points="{path}"/>']
    if not one.quiet:
        last = len(points) - 1
        parts += [_dot(frame, p, form, newest=at == last) for at, p in enumerate(points)]
    return f'<g class="{_class(one, place)}">{"".join(parts)}</g>'


def _class(one: Series, place: int) -> str:
    return f"series series-{place + 1}" + (" quiet" if one.quiet else "")


def _band(frame: _Frame, points: Sequence[Point]) -> str:
    known = [(p.x, p.low, p.high) for p in points if p.low is not None and p.high is not None]
    if len(known) == 1:
        x, low, high = known[0]
        return f'<path class="whisker" d="M{frame.x(x)} {frame.y(low)}V{frame.y(high)}"/>'
    upper = [f"{frame.x(x)},{frame.y(high)}" for x, _low, high in known]
    lower = [f"{frame.x(x)},{frame.y(low)}" for x, low, _high in reversed(known)]
    return f'<polygon class="band" points="{" ".join(upper + lower)}"/>' if known else ""


def _dot(frame: _Frame, point: Point, form: Format, *, newest: bool) -> str:
    words = f"{frame.say(point.x)}: {form(point.y)}{_interval(point, form)}"
    name = "dot-last" if newest else "dot-data"
    return (
        f'<circle class="{name}" cx="{frame.x(point.x)}" cy="{frame.y(point.y)}" r="{4 if newest else 2.5}">'
        f"<title>{escape(words)}</title></circle>"
    )


def _bar(row: Bar, top: float, share: float, form: Format) -> str:
    name = row.name if len(row.name) <= 36 else row.name[:35] + "…"
    hue = f" hue-{row.hue}" if row.hue else ""
    value = _amount(row, form)
    length = max(WIDTH * share, 3 if row.value else 0)
    # Bars are lines of a list: they begin where lines begin.
    start, near, far = (WIDTH, "end", "start") if get_language_bidi() else (0, "start", "end")
    return (
        f'<g class="bar{hue}"><title>{escape(row.name)}: {escape(value)}</title>'
        f"{_text('name', start, top + 14, name, near)}{_text('value', WIDTH - start, top + 14, value, far)}"
        f'<rect class="rail" x="0" y="{_n(top + 20)}" width="{_n(WIDTH)}" height="6" rx="3"/>'
        f'<rect class="fill" x="{_n(start and start - length)}" y="{_n(top + 20)}" width="{_n(length)}"'
        f' height="6" rx="3"/></g>'
    )


def _amount(row: Bar, form: Format) -> str:
    return " · ".join(filter(None, [form(row.value), row.note]))


def _heads(series: Sequence[Series]) -> list[str]:
    heads = []
    for one in series:
        heads.append(one.name)
        if any(point.low is not None for point in one.points):
            heads.append(_("interval"))
    return heads


def _numbers(series: Sequence[Series], frame: _Frame, form: Format) -> list[list[str]]:
    """One row for each x that any curve has."""
    found = [{point.x: point for point in one.points} for one in series]
    table = []
    for x in sorted({x for points in found for x in points}):
        row = [frame.say(x)]
        for one, points in zip(series, found, strict=True):
            point = points.get(x)
            row.append(form(point.y) if point else "")
            if any(p.low is not None for p in one.points):
                row.append(_interval(point, form).strip(" ()") if point else "")
        table.append(row)
    return table


def _interval(point: Point, form: Format) -> str:
    if point.low is None or point.high is None:
        return ""
    return f" ({form(point.low)} – {form(point.high)})"


def _story(series: Sequence[Series], frame: _Frame, x_label: str, form: Format) -> str:
    """Say in words where each curve begins and ends."""
    words = []
    for one in series:
        if not one.points:
            continue
        first, last = min(one.points, key=lambda p: p.x), max(one.points, key=lambda p: p.x)
        words.append(
            _("%(name)s: from %(start)s at %(from)s to %(end)s at %(to)s %(unit)s.")
            % {
                "name": one.name,
                "start": form(first.y),
                "from": frame.say(first.x),
                "end": form(last.y) + _interval(last, form),
                "to": frame.say(last.x),
                "unit": x_label,
            }
        )
    return " ".join(words)


def _svg(title: str, story: str, body: str, height: float) -> SafeString:
    return mark_safe(  # noqa: S308 - every word in it is escaped
        f'<svg class="chart" role="img" viewBox="0 0 {_n(WIDTH)} {_n(height)}">'
        f"<title>{escape(title)}</title><desc>{escape(story)}</desc>{body}</svg>"
    )


def _text(name: str, x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text class="{name}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escape(words)}</text>'


def _n(number: float) -> str:
    """A coordinate: short, with a point in every language."""
    return f"{number:.1f}".removesuffix(".0")
