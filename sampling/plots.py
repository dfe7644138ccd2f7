"""Learning curves as an SVG file of its own: bands, direct labels, no script, for light and dark places."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from projects.charts import ticks

# After Okabe & Ito (2008), darkened where needed: each at least 3 : 1 on white and on near black.
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#b5588f", "#8c6d1f")
QUIET: Final = "#7d7d7d"
DASHES: Final = ("", "8 3", "2 3", "9 3 2 3")
WIDTH, HEIGHT = 430.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 16.0, 40.0, 44.0
LINE: Final = 15.0
LETTER: Final = 6.4

_STYLE: Final = (
    "text{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#777}"
    ".head{font-weight:600;font-size:14px}.grid{stroke:#888;stroke-opacity:.25}.axis{stroke:#888}"
    ".curve{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.band{opacity:.16}"
    ".lead{fill:none;stroke-width:1.2}"
    "@media (prefers-color-scheme:light){text{fill:#444}}"
    "@media (prefers-color-scheme:dark){text{fill:#c4c4c4}}"
)


@dataclass(frozen=True)
class Curve:
    """A mean curve: shares at numbers of labels, and how far its band reaches to each side (or nothing)."""

    labels: Sequence[float]
    mean: Sequence[float]
    reach: Sequence[float] = ()
    quiet: bool = False


@dataclass(frozen=True)
class Panel:
    """The curves of one data set, by name."""

    title: str
    curves: Mapping[str, Curve]


def figure(panels: Sequence[Panel], title: str, note: str) -> str:
    """Draw one panel a data set, two in a row, and the note below. Raises ValueError without any curve."""
    if not panels or not all(panel.curves for panel in panels):
        raise ValueError("panels: at least one is needed, and at least one curve in each")
    names = list(dict.fromkeys(name for panel in panels for name in panel.curves))
    looks = _looks(names, {name for panel in panels for name, one in panel.curves.items() if one.quiet})
    across = WIDTH + max(len(name) for name in names) * LETTER + 34
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    width, height = columns * across, rows * HEIGHT + 34
    body = [
        f'<g transform="translate({_n(place % columns * across)} {_n(place // columns * HEIGHT)})">'
        f"{_panel(panel, looks)}</g>"
        for place, panel in enumerate(panels)
    ]
    body.append(_text(LEFT, height - 12, note))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}"'
        f' height="{_n(height)}" role="img"><title>{escape(title)}</title>'
        f"<desc>{escape(_story(panels))}</desc>"
        f"<style>{_STYLE}</style>{''.join(body)}</svg>\n"
    )


def _looks(names: Sequence[str], quiet: set[str]) -> dict[str, tuple[str, str]]:
    """Colour and dashes by name, the same in every panel; the quiet ones are grey."""
    looks = {}
    loud = [name for name in names if name not in quiet]
    for place, name in enumerate(loud):
        looks[name] = COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)]
    for place, name in enumerate(name for name in names if name in quiet):
        looks[name] = QUIET, DASHES[(place + 1) % len(DASHES)]
    return looks


@dataclass(frozen=True)
class _Frame:
    x0: float
    x1: float
    y0: float
    y1: float

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - self.x0) / (self.x1 - self.x0)

    def y(self, value: float) -> float:
        inside = min(max(value, self.y0), self.y1)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (inside - self.y0) / (self.y1 - self.y0)


def _frame(curves: Sequence[Curve]) -> _Frame:
    xs = [x for one in curves for x in one.labels]
    reaches = [one.reach or [0.0] * len(one.mean) for one in curves]
    low = min(
        y - r
        for one, reach in zip(curves, reaches, strict=True)
        for y, r in zip(one.mean, reach, strict=True)
    )
    high = max(
        y + r
        for one, reach in zip(curves, reaches, strict=True)
        for y, r in zip(one.mean, reach, strict=True)
    )
    if not all(map(math.isfinite, (*xs, low, high))):
        raise ValueError("panels: every number must be finite")
    room = (high - low) * 0.04 or 0.05
    first, last = min(xs), max(xs)
    return _Frame(
        first - (first == last), last + (first == last), max(0.0, low - room), min(1.0, high + room)
    )


def _panel(panel: Panel, looks: Mapping[str, tuple[str, str]]) -> str:
    frame = _frame(list(panel.curves.values()))
    parts = [_text(LEFT, 20, panel.title, "head"), *_axes(frame)]
    parts += [_band(frame, one, looks[name][0]) for name, one in panel.curves.items()]
    # The quiet ones lie below the others.
    for name, one in sorted(panel.curves.items(), key=lambda pair: not pair[1].quiet):
        parts.append(_drawn(frame, one, looks[name]))
    return "".join([*parts, *_named(frame, panel.curves, looks)])


def _axes(frame: _Frame) -> list[str]:
    base, end = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in ticks(frame.y0, frame.y1, 5):
        y = frame.y(value)
        parts.append(f'<path class="grid" d="M{_n(LEFT)} {_n(y)}H{_n(end)}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{round(value * 100, 1):g} %", anchor="end"))
    parts.append(f'<path class="axis" d="M{_n(LEFT)} {_n(base)}H{_n(end)}"/>')
    parts += [_text(frame.x(x), base + 18, f"{x:g}", anchor="middle") for x in ticks(frame.x0, frame.x1, 5)]
    parts.append(_text(end, base + 34, "labels", anchor="end"))
    return parts


def _band(frame: _Frame, one: Curve, colour: str) -> str:
    if not one.reach:
        return ""
    sides = list(zip(one.labels, one.mean, one.reach, strict=True))
    around = [(x, y + r) for x, y, r in sides] + [(x, y - r) for x, y, r in reversed(sides)]
    return f'<polygon class="band" fill="{colour}" points="{_points(frame, around)}"/>'


def _drawn(frame: _Frame, one: Curve, look: tuple[str, str]) -> str:
    colour, dashes = look
    where = list(zip(one.labels, one.mean, strict=True))
    if len(where) == 1:
        x, y = where[0]
        return f'<circle fill="{colour}" cx="{_n(frame.x(x))}" cy="{_n(frame.y(y))}" r="3"/>'
    line = f'stroke="{colour}"{_dashed(dashes)} points="{_points(frame, where)}"'
    return f'<polyline class="curve" {line}/>'


def _points(frame: _Frame, where: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_n(frame.x(x))},{_n(frame.y(y))}" for x, y in where)


def _named(frame: _Frame, curves: Mapping[str, Curve], looks: Mapping[str, tuple[str, str]]) -> list[str]:
    """Each curve's name at its end, moved apart where ends are close, with a line to it."""
    ends = sorted((frame.y(one.mean[-1]), frame.x(one.labels[-1]), name) for name, one in curves.items())
    places = spread([y for y, _, _ in ends], LINE, TOP, HEIGHT - BOTTOM)
    parts = []
    for (y, x, name), place in zip(ends, places, strict=True):
        colour, dashes = looks[name]
        line = f"M{_n(x + 2)} {_n(y)}L{_n(WIDTH - RIGHT + 8)} {_n(place)}H{_n(WIDTH - RIGHT + 22)}"
        parts.append(f'<path class="lead" stroke="{colour}"{_dashed(dashes)} d="{line}"/>')
        parts.append(_text(WIDTH - RIGHT + 26, place + 4, name))
    return parts


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move sorted places apart until neighbours are ``gap`` apart, as little and as far inside as can be."""
    blocks: list[list[float]] = []  # sum of (wanted - offset), number
    for place, y in enumerate(wanted):
        blocks.append([y - place * gap, 1])
        # Those that run into each other move together, to the mean of what they want.
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, number = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += number
    starts = [total / number for total, number in blocks for _ in range(int(number))]
    most = high - (len(wanted) - 1) * gap
    return [max(low, min(start, most)) + place * gap for place, start in enumerate(starts)]


def _dashed(dashes: str) -> str:
    return f' stroke-dasharray="{dashes}"' if dashes else ""


def _story(panels: Sequence[Panel]) -> str:
    """Say in words where each curve ends."""
    return " ".join(
        f"{panel.title}: "
        + "; ".join(
            f"{name} {one.mean[-1]:.1%} with {one.labels[-1]:g} labels" for name, one in panel.curves.items()
        )
        + "."
        for panel in panels
    )


def _text(x: float, y: float, words: str, name: str = "", anchor: str = "start") -> str:
    kind = f' class="{name}"' if name else ""
    turn = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text{kind} x="{_n(x)}" y="{_n(y)}"{turn}>{escape(words)}</text>'


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
