"""Statements written by hand do what the ORM would do."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from django.utils.timezone import now

from projects import actions, hot, queries, queue, returning, serving, shifts, sql
from projects.models import Annotation, Assignment, Event, Item, Membership, Project, QueueEntry, Shift
from tests.factories import answer, hand, make_items, make_lead, make_member, make_project, submission

pytestmark = pytest.mark.django_db


def values(row, *without):
    """Every column of a row, as Python sees it."""
    names = [field.attname for field in row._meta.concrete_fields if field.attname not in without]
    return {name: getattr(row, name) for name in names}


@pytest.fixture
def member():
    """Somebody in a project with all kinds of answers, on items that need two."""
    project = make_project(items=8, policy={"overlap": 2, "max_overlap": 3, "agreement_overlap": 2})
    member, other = make_member(project), make_member(project)
    first, second, _ = project.labels.all()
    items = list(project.items.order_by("number"))
    answer(member, items[0], first, note="sure", active_ms=1200, suggestion=None)
    answer(other, items[0], first)
    answer(member, items[1], kind="skip", reason="later")
    answer(other, items[2], second)
    answer(other, items[2], first)
    hand(member, items[3])
    return member


@pytest.mark.parametrize(
    "model", [Project, Membership, Item, QueueEntry, Assignment, Annotation, Event], ids=lambda m: m.__name__
)
def test_rows_are_read_as_the_orm_reads_them(member, model):
    Item.objects.filter(number=5).update(gold=[[1]], soft={"1": 0.5}, image="a.jpg", width=3)
    columns = sql.Columns(model)
    table = model._meta.db_table
    read = [columns.read(row) for row in sql.rows(f"SELECT {columns.of('t')} FROM {table} t ORDER BY id")]
    assert read
    assert [values(row) for row in read] == [values(row) for row in model.objects.order_by("pk")]


def test_columns_that_are_left_out_come_when_they_are_asked_for(member):
    columns = sql.Columns(Item, without=("text",))
    item = columns.read(sql.first(f"SELECT {columns.of('t')} FROM projects_item t ORDER BY number"))
    assert item.get_deferred_fields() == {"text"}
    assert item.text == "text number 1"


def test_a_row_is_added_as_the_orm_adds_it(member):
    item = member.project.items.get(number=6)
    fields = {"project": member.project, "item": item, "annotator_id": member.user_id, "kind": "answer"}
    more = {"labels": [3, 5], "suggestion": {"p": 0.5}, "created_at": now(), "note": "it's 100 %"}
    ours = Annotation(**fields, **more, revision=1, submission=uuid4())
    assert sql.add(ours)
    theirs = Annotation.objects.create(
        **fields, **more, revision=2, submission=uuid4(), supersedes_id=ours.pk
    )
    apart = ("id", "revision", "submission", "supersedes_id")
    one, two = Annotation.objects.filter(pk__in=[ours.pk, theirs.pk]).order_by("pk")
    assert one.submission == ours.submission
    assert values(one, *apart) == values(two, *apart)


def test_a_row_that_is_in_the_way_is_left_as_it_is(member):
    present = Annotation.objects.first()
    twin = Annotation(project=member.project, item_id=present.item_id, annotator_id=member.user_id)
    twin.submission, before = present.submission, Annotation.objects.count()
    assert not sql.add(twin, "DO NOTHING")
    assert (twin.pk, Annotation.objects.count()) == (None, before)


def test_a_row_is_changed_as_the_orm_changes_it(member):
    one, two = member.project.items.order_by("-number")[:2]
    changed = {
        "state": "settled",
        "settled_labels": [1],
        "settled_at": now(),
        "soft": {"1": 0.9},
        "former": None,
    }
    for item in (one, two):
        for name, value in changed.items():
            setattr(item, name, value)
    sql.save(one, *changed)
    two.save(update_fields=list(changed))
    read = [values(item) for item in Item.objects.filter(pk__in=[one.pk, two.pk])]
    assert [{name: row[name] for name in changed} for row in read] == [changed, changed]


def test_what_was_said_of_an_item_is_read_with_its_entry(member):
    Membership.objects.exclude(pk=member.pk).update(excluded_at=now())
    for item in member.project.items.all():
        assignment = hand(member, item)
        expected = list(queries.revisions([item.pk]))
        found = hot.said(Assignment.objects.get(pk=assignment.pk))
        assert [(one.pk, one.kind, one.labels, one.excluded_at) for one in found] == [
            (one.pk, one.kind, one.labels, one.excluded_at) for one in expected
        ]


def test_a_person_is_held_with_everything_that_decides(member):
    project, at = member.project, now()
    hot.hold(member)
    assert (member.shift, member.returned, member.known_items, member.seniors, member.remarks) == (
        None, False, False, False, False,
    )  # fmt: skip
    shift = shifts.start(member, 30, at)
    make_items(project, 1, gold=[[project.labels.first().pk]])
    Membership.objects.filter(pk=member.pk).update(quota=7, senior=True, skills=["fr"], paused_at=at)
    fresh = Membership.objects.get(pk=member.pk)
    hot.hold(fresh)
    assert (fresh.quota, fresh.skills, fresh.paused_at) == (7, ["fr"], at)
    assert (fresh.known_items, fresh.seniors, fresh.remarks) == (True, True, False)
    assert values(fresh.shift) == values(Shift.objects.get(pk=shift.pk))


def test_the_next_entries_are_those_that_the_orm_would_choose(member):
    project = member.project
    queue.publish(project, [queue.Pick(item.pk, "strategy") for item in project.items.order_by("-pk")], 3)
    Assignment.objects.filter(item__number=2).update(state="expired")
    QueueEntry.objects.filter(item__number=7).update(stream="returned")
    policy = project.policy
    for person in Membership.objects.filter(project=project):
        expected = [entry.pk for entry in serving.servable(person, policy)]
        assert len(expected) > 2
        found = hot.coming(person, 100)
        assert [entry.pk for entry in found] == expected
        assert [entry.pk for entry in hot.hold_these(person, expected[1:3])] == expected[1:3]
        assert [row[0] for row in hot.window(person, 100)] == expected
        entry = QueueEntry.objects.get(pk=expected[0])
        assert hot.window(person, 1) == [(entry.pk, entry.item_id, entry.free, entry.places, entry.stream)]


def test_taking_takes_the_best_free_places():
    project = make_project(items=12)
    queue.publish(project, [queue.Pick(item.pk, "strategy") for item in project.items.all()], 1)
    person = make_member(project)
    expected = [entry.pk for entry in serving.servable(person, project.policy)[:5]]
    assert [entry.pk for entry in hot.take(person, 5)] == expected
    assert set(QueueEntry.objects.filter(free=0).values_list("pk", flat=True)) == set(expected)


def test_half_answered_entries_are_not_simply_taken(member):
    QueueEntry.objects.update(state="live", free=F("places"))
    QueueEntry.objects.filter(item__number=3).update(free=1)
    assert hot.take(make_member(member.project), 3) == []


def test_a_place_is_taken_only_where_one_is_free():
    project = make_project(items=2)
    queue.publish(project, [queue.Pick(item.pk, "strategy") for item in project.items.all()], 1)
    one, two = QueueEntry.objects.values_list("pk", flat=True)
    assert hot.take_these([one, two]) == {one, two}
    assert hot.take_these([one, two]) == set()


def test_leases_that_ran_out_are_held_by_nobody(member):
    assert [one.item.number for one in hot.held(member, now())] == [4]
    assert hot.held(member, now() + timedelta(hours=1)) == []


def test_answers_since_a_round_are_counted_as_ever(member):
    project = member.project
    for mark in Annotation.objects.values_list("pk", flat=True):
        Project.objects.filter(pk=project.pk).update(round_mark=mark)
        project.refresh_from_db()
        assert hot.answers_since(project.pk, mark, 100) == queries.answers_since_round(project)
    assert hot.answers_since(project.pk, 0, 2) == 2


def test_own_answers_count_at_once_towards_the_next_round():
    project = make_project(items=4, has_model=True)
    member, label = make_member(project), project.labels.first()
    assert queries.since_round(project, 50) == 0
    for number, item in enumerate(project.items.all(), start=1):
        answer(member, item, label)
        assert queries.since_round(project, 50) == number
    actions.submit(member, [submission(item, kind="undo")])
    assert queries.since_round(project, 50) == 3


def test_what_items_were_settled_as_leaves_out_the_hold_out():
    project = make_project()
    make_items(project, 3, state="settled", settled_labels=[4])
    make_items(project, 2, state="settled", settled_labels=[5], holdout=[0, 1])
    make_items(project, 1, state="settled", settled_labels=None)
    assert hot.settled_as(project.pk, 200) == [[4]] * 3


def test_somebody_is_left_to_ask_where_the_orm_finds_one(member):
    project = member.project
    lead = make_lead(project)
    items = list(project.items.order_by("number")[:4])
    changes: list[dict[str, Any]] = [
        {},
        {"paused_at": now()},
        {"excluded_at": now(), "paused_at": None},
        {"excluded_at": None, "active": False},
        {"active": True, "role": "lead"},
    ]
    for state in ("leased", "submitted", "sent_back", "expired"):
        Assignment.objects.filter(item__in=items[1:]).update(state=state)
        for change in changes:
            Membership.objects.filter(project=project).exclude(pk=lead.pk).update(**change)
            for item in items:
                mine = Assignment.objects.filter(item=item)
                submitted = mine.filter(state="submitted").values("annotator")
                able = queries.crew(project.pk).exclude(user__in=submitted)
                expected = able.exists() or returning.held(mine).exists()
                assert hot.anybody(project.pk, item.pk) == expected
        Membership.objects.filter(project=project).exclude(pk=lead.pk).update(role="annotator")
