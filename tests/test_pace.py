"""How a person gets on: today's answers and time, the pace, what is left; at a cost that does not grow."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from projects import pace
from projects.models import Annotation
from tests.factories import answer, make_items, make_member, make_project

pytestmark = pytest.mark.django_db


def worked(member, seconds, **fields):
    """Answer one item for each number of seconds."""
    items = member.project.items.filter(annotations=None).order_by("number")
    for item, one in zip(items, seconds, strict=False):
        answer(member, item, member.project.labels.first(), active_ms=round(1000 * one), **fields)


def of(member, labelled=0, zone=""):
    return pace.of(member, member.project.policy, labelled, zone)


def test_today_holds_what_stands_and_all_the_time_that_was_spent():
    project = make_project(items=9)
    member = make_member(project)
    worked(member, [10], at=now() - timedelta(days=2))
    worked(member, [20, 40])
    taken_back = Annotation.objects.latest("pk").item
    answer(member, taken_back, kind="undo")
    found = of(member)
    assert (found.today, found.today_ms) == (1, 60_000)


def test_a_long_day_is_counted_whole(monkeypatch):
    monkeypatch.setattr(pace, "MANY", 2)
    project = make_project(items=9)
    member = make_member(project)
    worked(member, [1] * 5)
    assert of(member).today == 5


def test_the_pace_by_hand():
    project = make_project(items=9)
    member = make_member(project)
    worked(member, [2, 2, 2, 4, 10])
    found = of(member, labelled=5)
    assert (found.median, found.mean, found.hourly) == (2, 4, 900)
    # Standard deviation √12, so the mean lies within 1.645 · √(12/5) of four.
    assert found.most == pytest.approx(4 + 1.645 * (12 / 5) ** 0.5)
    assert found.least == 2


def test_below_five_timed_answers_nobody_names_a_pace():
    project = make_project(items=9)
    member = make_member(project)
    worked(member, [2, 2, 2, 4])
    found = of(member)
    assert (found.mean, found.hourly, found.minutes) == (None, None, "")


def test_what_is_left_lies_between_an_equal_share_and_everything():
    project = make_project(items=10)
    member = make_member(project)
    assert (of(member, 1).low, of(member, 1).high) == (9, 9)
    for _ in range(3):
        make_member(project)
    found = of(member, 1)
    assert (found.low, found.high, found.left) == (3, 9, "3 to 9")


def test_items_that_several_answer_are_due_from_everybody_who_has_not():
    project = make_project(items=10, policy={"overlap": 2, "agreement_share": 0.0})
    member, other = make_member(project), make_member(project)
    assert of(member).left == "10"
    worked(member, [1] * 4)
    assert (of(member).left, of(other).left) == ("6", "10")
    make_member(project)
    assert of(other).left == "7 to 10"


def test_nobody_is_told_of_more_than_the_own_limit():
    project = make_project(items=10)
    member = make_member(project, quota=4)
    worked(member, [1, 1, 1])
    assert of(member, 3).high == 1


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0.4, "under a minute"),
        (1.6, "2 min"),
        (33, "35 min"),
        (59.9, "60 min"),
        (61, "1 h"),
        (94, "1 h 35 min"),
        (600, "10 h"),
        (1234, "21 h"),
    ],
)
def test_durations_are_no_more_exact_than_they_can_be(minutes, words):
    assert pace.duration(minutes) == words


def test_a_day_begins_where_the_person_is():
    at = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    assert pace.midnight(at, "Asia/Tokyo") == datetime(2026, 3, 1, 15, tzinfo=UTC)
    assert pace.midnight(at, "America/New_York") == datetime(2026, 3, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "\0", "x" * 300])
def test_a_zone_that_is_none_is_the_sites_own(zone):
    at = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    assert pace.midnight(at, zone) == datetime(2026, 3, 1, tzinfo=UTC)


def test_the_page_shows_it_by_the_zone_of_the_browser(client):
    project = make_project(items=9)
    member = make_member(project)
    worked(member, [3] * 6)
    client.force_login(member.user)
    client.cookies["zone"] = "Pacific/Auckland"
    page = client.get(reverse("label", args=[project.pk]))
    assert page.context["desk"]["pace"]["today"] == 6
    assert "A typical answer takes" in page.content.decode()


def test_it_costs_the_same_at_any_size():
    project = make_project(items=6)
    member, counts = make_member(project), []
    for _ in range(2):
        worked(member, [3] * 500)
        with CaptureQueriesContext(connection) as seen:
            of(member, 6)
        counts.append([query["sql"].count("projects_item") for query in seen])
        make_items(project, 60)
    assert counts[0] == counts[1]
    assert len(counts[0]) <= 6
    assert not any(counts[0])
