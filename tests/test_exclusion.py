"""Votes of many items are left out a chunk at a time, by whoever comes; and excluded people rest."""

from __future__ import annotations

import pytest
from django.urls import reverse

from projects import queue, replaying, returning, tasks
from projects.errors import Refused
from projects.models import Event, Membership
from projects.trust import exclusion, workload
from tests.factories import answer, hand, make_lead, make_member, make_project
from tests.test_records import THREE, facts, fresh

pytestmark = pytest.mark.django_db
ITEMS = 12


@pytest.fixture
def many(monkeypatch):
    """Twelve items of three votes each, Mal at odds with the others; a request judges two, a chunk is two."""
    project = make_project(items=ITEMS, policy=THREE, labels=["a", "b", "c"])
    lead, people = make_lead(project), [make_member(project, name) for name in ("Ann", "Ben", "Mal")]
    a, b, c = project.labels.all()
    said = [(a, a, b), (a, b, b), (a, b, c), (a, a, a)]
    for number, item in enumerate(project.items.order_by("number")):
        for person, label in zip(people, said[number % len(said)], strict=True):
            answer(person, item, label)
    monkeypatch.setattr(exclusion, "CHUNK", 2)
    monkeypatch.setattr(exclusion, "PAUSE", 0)
    monkeypatch.setattr(exclusion, "REQUEST_SECONDS", -1)
    return project, lead, people[2]


def finish(member):
    while exclusion.recount(member) is not None:
        pass


def test_a_request_judges_some_items_and_the_tick_the_rest(many, monkeypatch):
    project, lead, mal = many
    effect = exclusion.exclude(mal, lead.user, "Clicked at random.")
    assert (effect.items, effect.left, exclusion.progress(fresh(mal))) == (2, ITEMS - 2, (2, ITEMS))
    assert fresh(mal).excluded_at
    rung = []
    monkeypatch.setattr(tasks.recount, "apply_async", lambda **options: rung.append(options))
    tasks.tick()
    assert rung
    tasks.recount()
    assert exclusion.progress(fresh(mal)) is None
    tasks.tick()
    assert len(rung) == 1
    assert list(replaying.differences(project)) == []


def test_a_chunk_that_is_killed_is_judged_by_whoever_comes_next(many, monkeypatch):
    project, lead, mal = many
    exclusion.exclude(mal, lead.user, "Clicked at random.")
    before = facts(project)
    with monkeypatch.context() as patch:
        patch.setattr(exclusion, "_effect", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            exclusion.recount(mal)
    assert (facts(project), exclusion.progress(fresh(mal))) == (before, (2, ITEMS))
    finish(mal)
    whole = exclusion.preview(mal)
    assert (whole.changed, whole.reopened, whole.disputed) == (0, 0, 0)


@pytest.mark.parametrize("chunks", range(7))
def test_taken_back_half_way_every_item_is_exactly_as_it_was(many, chunks):
    project, lead, mal = many
    before = facts(project)
    exclusion.exclude(mal, lead.user, "Clicked at random.")
    for _ in range(chunks):
        exclusion.recount(mal)
    assert facts(project) != before
    exclusion.include(mal, lead.user)
    finish(mal)
    assert facts(project) == before
    assert list(replaying.differences(project)) == []


def test_left_out_again_half_way_through_taking_it_back(many):
    project, lead, mal = many
    before = facts(project)
    exclusion.exclude(mal, lead.user, "Clicked at random.")
    finish(mal)
    without = [row[:2] for row in facts(project)]
    exclusion.include(mal, lead.user)
    exclusion.exclude(mal, lead.user, "Truly.")
    finish(mal)
    assert [row[:2] for row in facts(project)] == without
    exclusion.include(mal, lead.user)
    finish(mal)
    assert facts(project) == before


def test_all_steps_are_one_act_of_the_lead(many):
    _project, lead, mal = many
    last = Event.objects.latest("pk").pk
    exclusion.exclude(mal, lead.user, "Clicked at random.")
    finish(mal)
    events = Event.objects.filter(pk__gt=last)
    acts = set(events.values_list("bulk", "reason", "actor"))
    assert len(acts) == 1
    assert (None, "", None) not in acts
    assert events.filter(action="person.recounted").count() > 1


def test_a_preview_of_many_items_is_a_small_sample_and_says_so(many, client, monkeypatch):
    project, lead, mal = many
    monkeypatch.setattr(exclusion, "TRIED", 4)
    effect = exclusion.preview(mal)
    assert (effect.items, effect.tried) == (ITEMS, 4)
    client.force_login(lead.user)
    address = reverse("record", args=[project.pk, mal.pk])
    assert "Tried on a sample of 4" in client.get(address, {"preview": "1"}).content.decode()
    act = reverse("record-act", args=[project.pk, mal.pk])
    page = client.post(act, {"do": "exclude", "reason": "Clicked."}, follow=True).content.decode()
    assert "2 items are done; the other 10 follow by themselves." in page
    assert "2 of 12 are done" in page


# --- whose votes are left out ----------------------------------------------------------------------------


def test_nobody_lets_their_own_votes_count_again_while_another_lead_is_there():
    project = make_project(items=1)
    lead, other = make_lead(project), make_lead(project, "Ole")
    exclusion.exclude(lead, other.user, "Clicked at random.")
    with pytest.raises(Refused, match="Another lead"):
        exclusion.include(lead, lead.user)
    exclusion.include(lead, other.user)
    assert fresh(lead).excluded_at is None


def test_whose_votes_are_left_out_is_given_nothing_and_told_why(client):
    project = make_project(items=6)
    lead, ben = make_lead(project), make_member(project, "Ben")
    assert len(queue.lease(ben, 3)) == 3
    exclusion.exclude(ben, lead.user, "Clicked at random.")
    assert queue.lease(Membership.objects.get(pk=ben.pk), 3) == []
    assert len(queue.lease(make_member(project), 6)) == 6
    client.force_login(ben.user)
    page = client.get(reverse("label", args=[project.pk])).content.decode()
    assert "Your answers do not count at present" in page
    exclusion.include(ben, lead.user)
    assert workload.why(fresh(ben), project.policy) is None


def test_nothing_is_sent_back_to_whose_votes_are_left_out():
    project = make_project(items=1)
    lead, ben, item = make_lead(project), make_member(project, "Ben"), project.items.get()
    hand(ben, item)
    answer(ben, item, project.labels.first())
    assert returning.people(item) == [ben.user_id]
    exclusion.exclude(ben, lead.user, "Clicked at random.")
    assert returning.people(item) == []
