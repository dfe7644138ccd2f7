"""Charts: the drawing says what the numbers say, and nothing in it can break out of it."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
from django.template.loader import render_to_string
from hypothesis import assume, given
from hypothesis import strategies as st

from projects import charts
from projects.charts import Bar, Chart, Point, Series

numbers = st.floats(-1e9, 1e9, allow_nan=False).map(lambda number: round(number, 4))


def accuracy(points: list[Point]) -> Chart:
    return charts.line(
        [Series("model", points)],
        title="Accuracy",
        x_label="labels",
        y_label="share",
        y_format=charts.percent,
    )


def shapes(chart: Chart, name: str) -> list[ElementTree.Element]:
    """Everything in the drawing with this class, after proving that it is well-formed."""
    root = ElementTree.fromstring(str(chart.svg))
    return [element for element in root.iter() if element.get("class") == name]


def test_a_curve_has_a_dot_a_point_and_a_row_a_point():
    chart = accuracy([Point(50, 0.6, 0.5, 0.7), Point(100, 0.7, 0.62, 0.78), Point(150, 0.8, 0.74, 0.86)])
    assert len(shapes(chart, "dot-data")) == 2
    assert len(shapes(chart, "dot-last")) == len(shapes(chart, "band")) == 1
    assert chart.columns == ["labels", "model", "interval"]
    assert chart.rows[-1] == ["150", "80 %", "74 % – 86 %"]


def test_the_description_says_where_the_curve_begins_and_ends():
    chart = accuracy([Point(50, 0.6), Point(1200, 0.8, 0.74, 0.86)])
    assert "model: from 60 % at 50 to 80 % (74 % – 86 %) at 1,200 labels." in chart.svg
    assert 'role="img"' in chart.svg


def test_a_single_point_is_a_chart_too():
    chart = accuracy([Point(50, 0.6, 0.5, 0.7)])
    assert len(shapes(chart, "whisker")) == 1
    assert [tick.text for tick in shapes(chart, "tick")][-1] == "50"


def test_no_points_say_so_in_words():
    chart = accuracy([])
    assert chart.empty
    assert "No figures yet" in render_to_string("includes/chart.html", {"chart": chart})


def test_curves_without_a_common_point_leave_gaps_in_the_table():
    chart = charts.line(
        [Series("model", [Point(1, 5)]), Series("random", [Point(2, 3)], quiet=True)],
        title="t",
        x_label="x",
        y_label="y",
    )
    assert chart.rows == [["1", "5", ""], ["2", "", "3"]]
    assert [name for _, name in chart.legend] == ["model", "random"]


def test_names_cannot_break_out_of_the_drawing():
    evil = "<script>\"&'</script>"
    bars = charts.bars([Bar(evil, 3)], title=evil, name_label=evil, value_label="n")
    curve = charts.line([Series(evil, [Point(1, 2)])], title=evil, x_label=evil, y_label=evil)
    for chart in (bars, curve):
        assert "<script" not in render_to_string("includes/chart.html", {"chart": chart})
        ElementTree.fromstring(str(chart.svg))


def test_nothing_in_a_drawing_offends_the_content_security_policy():
    chart = accuracy([Point(1, 0.5, 0.4, 0.6), Point(2, 0.6, 0.5, 0.7)])
    root = ElementTree.fromstring(str(chart.svg))
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_bars_share_one_scale_from_zero():
    rows = [Bar("a", 10, hue=3, note="50 %"), Bar("b", 5), Bar("c", 0)]
    chart = charts.bars(rows, title="t", name_label="n", value_label="v")
    widths = [float(bar.get("width", "")) for bar in shapes(chart, "fill")]
    assert widths == [charts.WIDTH, charts.WIDTH / 2, 0]
    assert chart.rows[0] == ["a", "10 · 50 %"]
    assert shapes(chart, "bar hue-3")


def test_of_many_bars_the_highest_are_drawn_and_all_are_told():
    rows = [Bar(f"label {n}", n) for n in range(40)]
    chart = charts.bars(rows, title="t", name_label="n", value_label="v")
    assert len(shapes(chart, "fill")) == charts.MOST_BARS
    assert [row[0] for row in chart.rows[:2]] == ["label 39", "label 38"]
    assert len(chart.rows) == 40
    assert "25 more are among the numbers" in render_to_string("includes/chart.html", {"chart": chart})


@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_a_bar_that_cannot_be_drawn_is_refused(value):
    with pytest.raises(ValueError, match="rows"):
        charts.bars([Bar("a", value)], title="t", name_label="n", value_label="v")


def test_a_curve_with_a_hole_in_its_numbers_is_refused():
    with pytest.raises(ValueError, match="finite"):
        accuracy([Point(1, math.nan)])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 1204, [0, 250, 500, 750, 1000]), (-5, 5, [-4, -2, 0, 2, 4])],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert charts.ticks(low, high) == expected


@given(low=numbers, span=st.floats(1e-3, 1e9))
def test_ticks_lie_inside_and_are_few(low, span):
    assume(span > abs(low) * 1e-6)
    found = charts.ticks(low, low + span)
    assert 1 <= len(found) <= 6
    assert all(low - span * 1e-6 <= tick <= low + span * (1 + 1e-6) for tick in found)


@given(points=st.lists(st.builds(Point, numbers, numbers), min_size=1, max_size=20))
def test_every_curve_stays_on_the_paper(points):
    chart = charts.line([Series("s", points)], title="t", x_label="x", y_label="y")
    for dot in [*shapes(chart, "dot-data"), *shapes(chart, "dot-last")]:
        assert 0 <= float(dot.get("cx", "")) <= charts.WIDTH
        assert 0 <= float(dot.get("cy", "")) <= charts.HEIGHT


@pytest.mark.parametrize(("share", "words"), [(0, "0 %"), (0.874, "87.4 %"), (1, "100 %"), (0.5, "50 %")])
def test_shares_are_written_as_percentages(share, words):
    assert charts.percent(share) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.5596, "56 %"), (0.5567, "55.7 %"), (0.29, "29 %"), (1.0, "100 %"), (0.99996, "100 %")],
)
def test_percentages_are_rounded_not_cut_off(share, words):
    assert charts.percent(share) == words


def test_points_may_have_names_and_as_many_are_shown_as_fit():
    names = {float(week): f"week {week}" for week in range(1, 14)}
    points = [Point(week, 0.5, 0.4, 0.6) for week in names]
    chart = charts.line([Series("s", points)], title="t", x_label="week", y_label="y", x_names=names)
    shown = [one.text for one in shapes(chart, "tick") + shapes(chart, "tick minor")]
    assert [row[0] for row in chart.rows] == list(names.values())
    assert {name for name in shown if "week" in name} == {"week 1", "week 4", "week 7", "week 10", "week 13"}
