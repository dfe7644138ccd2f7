"""What follows from new guidelines: invariant 17, the re-check queue, and what new answers make of it."""

from __future__ import annotations

import hashlib
import json

import pytest
from django.db import connection
from django.urls import reverse

from projects import audit, guidelines, queries, queue
from projects.guidelines import Kind, News
from projects.models import Annotation, Assignment, Dispute, Event, Item, QueueEntry
from projects.trust import gold, staleness, touching
from tests.factories import answer, hand, make_admin, make_items, make_lead, make_member, make_project

pytestmark = pytest.mark.django_db
Stream, State = QueueEntry.Stream, Item.State


def votes_hash() -> str:
    """A hash over the whole table of annotations."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM projects_annotation ORDER BY id")
        return hashlib.sha256(json.dumps(cursor.fetchall(), default=str).encode()).hexdigest()


def setting(items=4, people=1, labels=3, **policy):
    """A project with an admin, people who label, and its labels."""
    plain = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0, "spot_share": 0.0}
    project = make_project(items=items, labels=labels, policy={**plain, **policy})
    return project, make_admin(project), [make_member(project) for _ in range(people)]


def clarify(project, admin, *labels, kind=Kind.CLARIFYING):
    """Save a new text that concerns labels, and do what follows."""
    text = f"Version {project.guideline_version + 1}"
    ids = tuple(label.pk for label in labels)
    seen = project.guideline_version
    guidelines.change(project, admin.user, text, seen, News(kind, "Read the new rule.", ids))
    staleness.follow(project.pk)
    project.refresh_from_db()


def read(*members):
    for member in members:
        member.refresh_from_db()
        staleness.acknowledge(member, member.user, member.project.guideline_version)
        member.refresh_from_db()


def settle_as(item, label, source=Item.Source.ADJUDICATED, **fields):
    Item.objects.filter(pk=item.pk).update(
        state=State.SETTLED, settled_labels=[label.pk], settled_source=source, posterior=1.0, **fields
    )


def states(project):
    return list(project.items.order_by("number").values_list("state", flat=True))


def test_votes_stay_and_only_items_that_touch_the_labels_become_stale():
    project, ada, (ann, *_) = setting(items=5)
    a, b, _ = project.labels.all()
    items = list(project.items.order_by("number"))
    answer(ann, items[0], a), answer(ann, items[1], b)
    # A vote for the label without a consensus on it; a model that leaned to it; one that did not.
    answer(ann, items[2], a), settle_as(items[2], b)
    for item, top in ((items[3], [[1, 0.5], [0, 0.4]]), (items[4], [[1, 0.5], [2, 0.4], [0, 0.1]])):
        answer(ann, item, b)
        QueueEntry.objects.filter(item=item).update(reason={"top": top})
    before = votes_hash()
    clarify(project, ada, a)
    assert votes_hash() == before
    assert states(project) == ["stale", "settled", "stale", "stale", "settled"]
    assert [one.item_id for one in queries.training(project)] == [items[1].pk, items[4].pk]


def test_stale_items_are_in_no_training_set_no_evaluation_and_no_gold_set():
    project, ada, (ann, *_) = setting(items=0)
    a, b, _ = project.labels.all()
    learnt, held, known = make_items(project, 3, holdout=[1])
    answer(ann, learnt, a), answer(ann, held, a)
    settle_as(known, a, Item.Source.GOLD, gold=[[a.pk]])
    QueueEntry.objects.create(
        project=project, item=known, rank=1, stream=Stream.GOLD, places=10_000, free=10_000
    )
    assert list(gold.in_service(project.pk)) == [known]
    clarify(project, ada, a)
    assert states(project) == ["stale"] * 3
    assert not list(queries.training(project))
    assert not list(queries.evaluation(project))
    assert not gold.in_service(project.pk).exists()
    # A known item that nobody settled yet is no less in doubt.
    (unsettled,) = make_items(project, 1, gold=[[b.pk]])
    clarify(project, ada, b)
    unsettled.refresh_from_db()
    assert (unsettled.state, unsettled.former["source"]) == ("stale", "gold")


def test_what_was_settled_is_kept_and_every_step_is_an_event_of_one_act():
    project, ada, (ann, *_) = setting(items=2)
    a = project.labels.first()
    for item in project.items.all():
        answer(ann, item, a)
    clarify(project, ada, a)
    item = project.items.first()
    assert item.former == {"labels": [a.pk], "source": "single", "version": 2}
    assert (item.settled_labels, item.votes_from) == (None, 2)
    events = Event.objects.filter(action="item.stale")
    assert {(one.actor_id, one.reason, one.bulk) for one in events} == {
        (ada.user_id, "Read the new rule.", events[0].bulk)
    }
    assert events[0].before["label_ids"] == [a.pk]
    done = Event.objects.get(action="guidelines.followed")
    assert (done.subject, done.after, done.bulk) == ("2", {"items": 2}, events[0].bulk)


def test_doubtful_items_are_asked_first_and_those_who_answered_may_be_asked_again():
    project, ada, (ann, *_) = setting(items=3)
    a = project.labels.first()
    for item, sure in zip(project.items.order_by("number"), (0.9, 0.5, 0.7), strict=True):
        answer(ann, item, a)
        Item.objects.filter(pk=item.pk).update(posterior=sure)
    clarify(project, ada, a)
    assert set(Assignment.objects.values_list("state", flat=True)) == {"sent_back"}
    assert set(QueueEntry.objects.filter(state="live").values_list("stream", flat=True)) == {"recheck"}
    assert queue.lease(ann, 3) == []
    read(ann)
    assert [one.item.number for one in queue.lease(ann, 3)] == [2, 3, 1]


def test_a_new_answer_settles_a_stale_item_and_the_old_one_does_not_count():
    project, ada, (ann, ben) = setting(items=1, people=2)
    a, b, _ = project.labels.all()
    item = project.items.get()
    answer(ann, item, a)
    clarify(project, ada, a)
    read(ben)
    answer(ben, item, b)
    item.refresh_from_db()
    assert (item.state, item.settled_labels) == ("settled", [b.pk])
    assert not QueueEntry.objects.filter(state="live").exists()
    assert Annotation.objects.count() == 2


def test_an_item_for_two_people_waits_for_two_new_answers():
    project, ada, people = setting(items=1, people=2, overlap=2, agreement_overlap=2)
    a, b, _ = project.labels.all()
    item = project.items.get()
    for member in people:
        answer(member, item, a)
    clarify(project, ada, a)
    read(*people)
    for member, state in zip(people, ("stale", "settled"), strict=True):
        answer(member, item, b)
        item.refresh_from_db()
        assert item.state == state
    assert item.settled_labels == [b.pk]


def test_an_answer_of_somebody_who_has_not_read_counts_as_one_of_the_old_version():
    project, ada, (ann, ben) = setting(items=1, people=2)
    a, b, _ = project.labels.all()
    item = project.items.get()
    answer(ann, item, a)
    clarify(project, ada, a)
    ben.refresh_from_db()
    answer(ben, item, b)
    item.refresh_from_db()
    assert item.state == "stale"
    assert Annotation.objects.last().guideline_version == 1
    # The place is free again, for this person too.
    assert QueueEntry.objects.get(state="live").free == 1
    read(ben)
    assert [one.item for one in queue.lease(ben, 1)] == [item]


def test_the_same_answer_reconfirms_a_leads_decision_and_another_one_goes_to_a_lead():
    project, ada, (ann, *_) = setting(items=2)
    a, b, _ = project.labels.all()
    same, other = project.items.order_by("number")
    settle_as(same, a), settle_as(other, a)
    clarify(project, ada, a)
    read(ann)
    answer(ann, same, a), answer(ann, other, b)
    same.refresh_from_db(), other.refresh_from_db()
    assert (same.state, same.settled_source, same.settled_labels) == ("settled", "adjudicated", [a.pk])
    assert same.former is None
    assert other.state == "disputed"
    assert Dispute.objects.get().reasons == ["guideline"]
    assert other.former["labels"] == [a.pk]


def test_without_the_trigger_new_votes_win_over_an_old_decision():
    project, ada, (ann, *_) = setting(items=1, triggers={"guideline": 0})
    a, b, _ = project.labels.all()
    item = project.items.get()
    settle_as(item, a)
    clarify(project, ada, a)
    read(ann)
    answer(ann, item, b)
    item.refresh_from_db()
    assert (item.state, item.settled_labels, item.settled_source) == ("settled", [b.pk], "single")


def test_a_known_item_is_back_in_service_once_it_is_reconfirmed():
    project, ada, (ann, *_) = setting(items=1)
    a = project.labels.first()
    item = project.items.get()
    settle_as(item, a, Item.Source.GOLD, gold=[[a.pk]])
    QueueEntry.objects.create(project=project, item=item, rank=1, stream=Stream.GOLD, places=9, free=9)
    clarify(project, ada, a)
    read(ann)
    answer(ann, item, a)
    item.refresh_from_db()
    assert (item.state, item.settled_source) == ("settled", "gold")
    assert gold.in_service(project.pk).exists()


def test_open_items_ask_anew_for_answers_that_touch_and_keep_the_others():
    project, ada, people = setting(items=2, people=3, overlap=2, agreement_overlap=2)
    a, b, _ = project.labels.all()
    touched, other = project.items.order_by("number")
    answer(people[0], touched, a), answer(people[0], other, b)
    clarify(project, ada, a)
    touched.refresh_from_db(), other.refresh_from_db()
    assert (touched.state, touched.votes_from, other.votes_from) == ("open", 2, 0)
    assert not Event.objects.filter(item=touched, action="item.stale").exists()
    read(*people)
    answer(people[1], touched, b), answer(people[1], other, b)
    touched.refresh_from_db(), other.refresh_from_db()
    assert (touched.state, other.state) == ("open", "settled")


def test_an_interrupted_run_goes_on_where_it_stopped(monkeypatch):
    monkeypatch.setattr(touching, "CHUNK", 2)
    project, ada, (ann, *_) = setting(items=5)
    a = project.labels.first()
    for item in project.items.all():
        answer(ann, item, a)
    guidelines.change(project, ada.user, "New", 1, News(Kind.CLARIFYING, "New", (a.pk,)))
    staleness.follow(project.pk, seconds=-1)
    assert states(project).count("stale") == 2
    assert staleness.due().count() == 1
    staleness.follow(project.pk)
    staleness.follow(project.pk)
    assert states(project).count("stale") == 5
    assert not staleness.due().exists()
    assert Event.objects.get(action="guidelines.followed").after == {"items": 5}


def test_a_second_change_asks_stale_items_once_more_only_where_it_touches_them():
    project, ada, (ann, *_) = setting(items=2)
    a, b, _ = project.labels.all()
    one, two = project.items.order_by("number")
    answer(ann, one, a), answer(ann, two, b)
    clarify(project, ada, a, b)
    clarify(project, ada, a)
    one.refresh_from_db(), two.refresh_from_db()
    assert (one.votes_from, two.votes_from) == (3, 2)
    assert one.former["version"] == 2


def test_the_preview_counts_what_the_change_then_does():
    project, ada, (ann, *_) = setting(items=4, overlap=2, agreement_overlap=2, people=2)
    a, b, _ = project.labels.all()
    items = list(project.items.order_by("number"))
    settle_as(items[0], a), settle_as(items[1], b)
    answer(ann, items[2], a)
    assert touching.effect(project, [a.pk]) == touching.Effect(settled=1, open=1)
    assert states(project) == ["settled", "settled", "open", "open"]
    clarify(project, ada, a)
    assert states(project) == ["stale", "settled", "open", "open"]


def test_disputed_and_excluded_items_are_left_to_leads():
    project, ada, (ann, ben) = setting(items=2, people=2, overlap=2, agreement_overlap=2)
    a, b, _ = project.labels.all()
    tie, bad = project.items.order_by("number")
    answer(ann, tie, a), answer(ben, tie, b)
    Item.objects.filter(pk=bad.pk).update(state=State.EXCLUDED)
    clarify(project, ada, a, b)
    assert states(project) == ["disputed", "excluded"]


def test_an_item_in_somebodys_hands_keeps_its_lease():
    project, ada, (ann, ben) = setting(items=1, people=2, overlap=2, agreement_overlap=2)
    a = project.labels.first()
    item = project.items.get()
    answer(ann, item, a)
    hand(ben, item)
    clarify(project, ada, a)
    lease = Assignment.objects.get(annotator=ben.user)
    assert (lease.state, lease.entry.stream, lease.entry.places, lease.entry.free) == (
        "leased",
        "recheck",
        2,
        1,
    )


def test_an_act_by_hand_touches_what_it_names():
    project, _ada, (ann, *_) = setting(items=1)
    lea = make_lead(project)
    a = project.labels.first()
    answer(ann, project.items.get(), a)
    act = audit.by(project, lea.user, "By hand")
    assert staleness.touch(project, [a.pk], 2, act) == 1
    assert staleness.touch(project, [a.pk], 2, act) == 0
    assert Event.objects.get(action="item.stale").kind == "lead"


@pytest.mark.parametrize("shown", [False, True])
def test_the_own_old_answer_is_shown_only_where_the_policy_says_so(client, shown):
    project, ada, (ann, ben) = setting(items=1, people=2, show_old_answer=shown)
    answer(ann, project.items.get(), project.labels.first())
    clarify(project, ada, project.labels.first())
    read(ann, ben)
    client.force_login(ann.user)
    page = client.get(reverse("label", args=[project.pk]))
    assert "You are asked again, since the guidelines have changed." in page.content.decode()
    assert ("Your answer was: label 0." in page.content.decode()) is shown
    assert page.context["history"][0].said == ("label 0" if shown else "Asked again")
    client.force_login(ben.user)
    Assignment.objects.filter(annotator=ann.user).update(state="expired")
    QueueEntry.objects.filter(state="live").update(free=1)
    page = client.get(reverse("label", args=[project.pk]))
    assert page.context["item"]
    assert "asked again" not in page.content.decode()
