"""The first items: everybody labels them, leads go through what differs, only then anything is trained."""

from __future__ import annotations

import pytest

from projects import actions, people, queue, setup
from projects.errors import Refused
from projects.models import Dispute, Event, Item, QueueEntry
from projects.trust import calibration
from sampling import due
from tests.factories import answer, make_admin, make_items, make_lead, make_member, make_project, submission

pytestmark = pytest.mark.django_db
FIRST = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0, "calibration": 4}


@pytest.fixture
def project():
    """A project whose four first items were handed out to two annotators."""
    made = make_project(items=20, policy=FIRST)
    make_member(made, "Ben")
    make_member(made, "Mira")
    calibration.begin(made)
    return made


def crew(project):
    return list(project.memberships.filter(role="annotator", active=True).order_by("pk"))


def label_next(member, label):
    held = queue.lease(member, 1)[0]
    (verdict,) = actions.submit(member, [submission(held.item, label)])
    assert verdict.status == "stored", verdict
    return held.item


def first_items(project):
    return project.items.filter(calibration=True).order_by("shuffle")


def test_the_first_items_are_the_first_of_the_random_order_with_places_for_everybody(project):
    ids = list(project.items.order_by("shuffle").values_list("pk", flat=True)[:4])
    assert list(first_items(project).values_list("pk", flat=True)) == ids
    entries = QueueEntry.objects.filter(stream="calibrate").order_by("rank")
    assert [(entry.item_id, entry.places, entry.free) for entry in entries] == [(pk, 2, 2) for pk in ids]


def test_everybody_is_given_the_first_items_before_anything_else(project):
    others = list(project.items.filter(calibration=False)[:5])
    queue.publish(project, [queue.Pick(item.pk, "strategy", {}) for item in others], 0)
    label = project.labels.first()
    ids = list(first_items(project).values_list("pk", flat=True))
    for member in crew(project):
        assert [label_next(member, label).pk for _ in range(4)] == ids


def test_beginning_again_adds_nothing(project):
    assert calibration.begin(project) == 0
    assert first_items(project).count() == 4
    assert Event.objects.filter(action="calibration.begun").count() == 1


def test_items_of_a_second_file_fill_a_batch_that_is_not_full():
    project = make_project(items=3, policy=FIRST)
    make_member(project)
    assert calibration.begin(project) == 3
    make_items(project, 5)
    assert calibration.begin(project) == 1


def test_a_batch_never_begins_once_people_have_labelled():
    project = make_project(items=3, policy=FIRST)
    answer(make_member(project), project.items.first(), project.labels.first())
    assert calibration.begin(project) == 0


def test_starting_a_project_begins_the_batch():
    project = make_project(items=9, policy=FIRST, state="draft")
    admin = make_admin(project)
    project.uploads.create(name="rows.csv", file="rows.csv", state="done", columns={"content": "text"})
    setup.start(project, admin.user)
    assert calibration.progress(project).of == 4


def test_all_answers_are_awaited_even_where_the_first_agree(project):
    make_member(project, "Zoe")
    calibration.resize(project)
    ben, mira, zoe = crew(project)
    label = project.labels.first()
    item = label_next(ben, label)
    assert label_next(mira, label) == item
    assert Item.objects.get(pk=item.pk).state == "open"
    assert label_next(zoe, label) == item
    assert Item.objects.get(pk=item.pk).state == "settled"


def test_one_that_differs_goes_to_a_lead(project):
    ben, mira = crew(project)
    one, other, _third = project.labels.all()
    item = label_next(ben, one)
    label_next(mira, other)
    assert Dispute.objects.get(item=item).state == "open"
    assert calibration.progress(project) == calibration.Progress(done=0, of=4, disputes=1)


def test_two_against_one_goes_to_a_lead_too(project):
    make_member(project, "Zoe")
    calibration.resize(project)
    one, other, _third = project.labels.all()
    votes = zip(crew(project), (one, other, one), strict=True)
    items = [label_next(member, label) for member, label in votes]
    assert Dispute.objects.get().item in items


def test_nine_of_ten_is_agreement_enough():
    assert not calibration.apart([1] * 9 + [2])
    assert calibration.apart([1] * 8 + [2] * 2)
    assert not calibration.apart([])


def test_places_follow_who_joins_and_who_leaves(project, django_capture_on_commit_callbacks):
    admin = make_admin(project)
    zoe = people.add(project, admin.user, make_member(make_project(), "Zoe").user, "annotator")[0]
    live = QueueEntry.objects.filter(stream="calibrate")
    assert set(live.values_list("places", "free")) == {(3, 3)}
    with django_capture_on_commit_callbacks(execute=True):
        people.deactivate(zoe, admin.user)
    assert set(live.values_list("places", "free")) == {(2, 2)}


def test_an_item_is_decided_when_the_last_person_to_wait_for_leaves(
    project, django_capture_on_commit_callbacks
):
    ben, mira = crew(project)
    item = label_next(ben, project.labels.first())
    admin = make_admin(project)
    with django_capture_on_commit_callbacks(execute=True):
        people.deactivate(mira, admin.user)
    assert Item.objects.get(pk=item.pk).state == "settled"


def settle_rest(project, label):
    for member in crew(project):
        for item in first_items(project).filter(state="open"):
            answer(member, item, label)


def test_training_waits_until_every_first_item_is_done_and_no_dispute_is_open(project):
    ben, mira = crew(project)
    one, other, _third = project.labels.all()
    item = label_next(ben, one)
    label_next(mira, other)
    settle_rest(project, one)
    assert not calibration.done(project)
    Dispute.objects.update(state="resolved")
    assert not calibration.done(project)
    Item.objects.filter(pk=item.pk).update(state="excluded")
    assert calibration.done(project)
    Dispute.objects.create(project=project, item=first_items(project).first(), reasons=["spot"])
    assert not calibration.done(project)


def test_a_project_without_first_items_is_done_with_them():
    assert calibration.done(make_project(items=3))


def test_no_round_trains_before_the_first_items_are_done(project, monkeypatch):
    monkeypatch.setattr("sampling.generations.usable", lambda _project: 1)
    monkeypatch.setattr(due, "two_labels_known", lambda _project: True)
    monkeypatch.setattr("projects.queries.answers_since_round", lambda *_: 10_000)
    assert not due.is_due(project)
    settle_rest(project, project.labels.first())
    assert due.is_due(project)


def test_the_very_first_batch_needs_no_model_and_is_picked_all_the_same(project, monkeypatch):
    monkeypatch.setattr("sampling.generations.usable", lambda _project: 1)
    assert due.is_due(project)
    project.rounds.create(number=0, state="done")
    monkeypatch.setattr("projects.queries.answers_since_round", lambda *_: 10_000)
    assert not due.is_due(project)


def test_the_random_order_goes_on_behind_the_first_items(project):
    ben, _mira = crew(project)
    label = project.labels.first()
    done = [label_next(ben, label) for _ in range(6)]
    assert [item.calibration for item in done] == [True] * 4 + [False] * 2


def test_a_lead_ends_the_batch_with_a_reason(project):
    lead = make_lead(project)
    ben, _mira = crew(project)
    item = label_next(ben, project.labels.first())
    with pytest.raises(Refused):
        calibration.end(project, lead.user, " ")
    calibration.end(project, lead.user, "Mira is ill.")
    assert Item.objects.get(pk=item.pk).state == "settled"
    assert calibration.progress(project) == calibration.Progress(done=1, of=1, disputes=0)
    assert calibration.done(project)
    assert queue.lease(_mira, 3)
    event = Event.objects.get(action="calibration.ended")
    assert (event.reason, event.after["dropped"]) == ("Mira is ill.", 3)
