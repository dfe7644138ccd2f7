"""The queue: what is published, what is leased, what comes back."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils.timezone import now

from projects import actions, queries, queue
from projects.models import Assignment, Item, Project, QueueEntry
from tests.factories import answer, make_member, make_project, submission

pytestmark = pytest.mark.django_db

LIVE = QueueEntry.State.LIVE


def picks(items, stream="strategy"):
    return [queue.Pick(item.pk, stream, {"why": "unsure_between"}) for item in items]


def live(project):
    return QueueEntry.objects.filter(project=project, state=LIVE).order_by("rank")


def test_items_are_served_in_the_order_of_the_picks():
    project = make_project(items=10)
    chosen = list(project.items.order_by("-number")[:6])
    queue.publish(project, picks(chosen), 1)
    held = queue.lease(make_member(project), 4)
    assert [a.item_id for a in held] == [item.pk for item in chosen[:4]]


def test_asking_again_gives_the_same_items():
    project = make_project(items=10)
    member = make_member(project)
    first = queue.lease(member, 3)
    assert [a.pk for a in queue.lease(member, 3)] == [a.pk for a in first]


def test_an_empty_queue_falls_back_to_the_random_order():
    project = make_project(items=30)
    held = queue.lease(make_member(project), 5)
    by_shuffle = list(project.items.order_by("shuffle").values_list("pk", flat=True)[:5])
    assert [a.item_id for a in held] == by_shuffle
    assert {a.entry.stream for a in held} == {"random"}


def test_a_new_round_withdraws_what_nobody_holds_and_keeps_the_rest():
    project = make_project(items=10)
    items = list(project.items.order_by("number"))
    queue.publish(project, picks(items[:5]), 1)
    (held,) = queue.lease(make_member(project), 1)
    queue.publish(project, picks(items[5:8]), 2)
    assert [e.item_id for e in live(project)] == [items[0].pk, *[i.pk for i in items[5:8]]]
    assert held.entry.item_id == items[0].pk


def test_publishing_twice_leaves_one_live_entry_an_item():
    project = make_project(items=10)
    chosen = picks(project.items.all()[:4])
    queue.publish(project, chosen, 1)
    queue.publish(project, chosen, 1)
    assert live(project).count() == 4


def test_settled_items_are_not_published():
    project = make_project(items=3)
    settled = project.items.first()
    answer(make_member(project), settled, project.labels.first())
    queue.publish(project, picks(project.items.all()), 1)
    assert settled.pk not in live(project).values_list("item_id", flat=True)


def test_hold_out_and_agreement_items_are_mixed_evenly_into_a_batch():
    project = make_project(
        items=200, policy={"holdout_mix": 0.2, "agreement_share": 0.1, "agreement_overlap": 2}
    )
    items = list(project.items.order_by("number"))
    Item.objects.filter(pk__in=[i.pk for i in items[:50]]).update(holdout=True)
    Item.objects.filter(pk__in=[i.pk for i in items[50:90]]).update(agreement=True)
    make_member(project), make_member(project)
    queue.publish(project, picks(items[100:140]), 1)
    streams = [entry.stream for entry in live(project)]
    assert Counter(streams) == {"strategy": 40, "holdout": 8, "agreement": 4}
    assert Counter(streams[:26])["holdout"] == 4
    assert {e.places for e in live(project) if e.stream == "agreement"} == {2}


def test_random_slices_follow_the_random_order_and_not_the_picks():
    project = make_project(items=100, policy={"holdout_mix": 0.2, "agreement_share": 0.0})
    Item.objects.filter(project=project, number__lte=40).update(holdout=True)
    queue.publish(project, picks(project.items.filter(number__gt=60)[:20]), 1)
    drawn = list(live(project).filter(stream="holdout").values_list("item_id", flat=True))
    wanted = project.items.filter(holdout=True).order_by("shuffle").values_list("pk", flat=True)[:4]
    assert drawn == list(wanted)


def test_no_more_hold_out_items_are_asked_than_the_policy_says():
    project = make_project(items=60, policy={"holdout_mix": 0.5, "holdout_max": 3, "agreement_share": 0.0})
    Item.objects.filter(project=project, number__lte=30).update(holdout=True)
    for number in (1, 2):
        queue.publish(project, picks(project.items.filter(number__gt=30)[:20]), number)
        assert live(project).filter(stream="holdout").count() == 3


def test_the_pool_of_the_strategy_holds_neither_hold_out_nor_agreement_items():
    project = make_project(items=9)
    Item.objects.filter(project=project, number=1).update(holdout=True)
    Item.objects.filter(project=project, number=2).update(agreement=True)
    assert sorted(queries.pool(project).values_list("number", flat=True)) == list(range(3, 10))


def test_an_item_for_two_goes_to_two_different_people_and_no_third():
    project = make_project(items=1, policy={"overlap": 2, "agreement_overlap": 2})
    people = [make_member(project) for _ in range(3)]
    assert [len(queue.lease(person, 3)) for person in people] == [1, 1, 0]


def test_a_lone_person_is_not_held_up_by_a_second_place():
    project = make_project(items=3, policy={"overlap": 2, "agreement_overlap": 2})
    member = make_member(project)
    for assignment in queue.lease(member, 3):
        actions.submit(member, [submission(assignment.item, project.labels.first())])
    assert project.items.filter(state=Item.State.SETTLED).count() == 3


def test_an_expired_lease_gives_its_place_to_the_next():
    project = make_project(items=1)
    slow, quick = make_member(project), make_member(project)
    queue.lease(slow, 1)
    assert queue.lease(quick, 1) == []
    later = now() + timedelta(minutes=11)
    assert [a.annotator_id for a in queue.lease(quick, 1, later)] == [quick.user_id]


def test_a_late_answer_counts_even_when_the_place_went_to_another():
    project = make_project(items=1)
    slow, quick = make_member(project), make_member(project)
    (lost,) = queue.lease(slow, 1)
    later = now() + timedelta(minutes=11)
    (taken,) = queue.lease(quick, 1, later)
    label = project.labels.first()
    (verdict,) = actions.submit(slow, [submission(lost.item, label)], later)
    assert verdict.status == "stored"
    assert actions.submit(quick, [submission(taken.item, label)], later)[0].status == "stored"
    assert project.annotations.count() == 2
    assert QueueEntry.objects.get().free == 0


def test_expiring_counts_each_place_once():
    project = make_project(items=1, policy={"overlap": 3, "agreement_overlap": 3})
    for person in [make_member(project) for _ in range(3)]:
        queue.lease(person, 1)
    later = now() + timedelta(minutes=11)
    assert queue.expire_all(later) == 3
    assert queue.expire_all(later) == 0
    assert QueueEntry.objects.get().free == 3


def test_a_skipped_item_goes_to_others_first_and_comes_back_at_the_end():
    project = make_project(items=2)
    member, other = make_member(project), make_member(project)
    skipped, kept = queue.lease(member, 2)
    actions.submit(member, [submission(skipped.item, kind="skip", reason="later")])
    assert [a.item_id for a in queue.lease(other, 1)] == [skipped.item_id]
    Assignment.objects.filter(annotator=other.user).update(expires_at=now() - timedelta(minutes=1))
    actions.submit(member, [submission(kept.item, project.labels.first())])
    assert [a.item_id for a in queue.lease(member, 5)] == [skipped.item_id]


@pytest.mark.parametrize("state", [Project.State.DRAFT, Project.State.PAUSED, Project.State.ARCHIVED])
def test_a_project_that_is_not_active_hands_out_nothing(state):
    project = make_project(items=3, state=state)
    assert queue.lease(make_member(project), 3) == []


def test_a_lead_s_question_comes_before_everything_else():
    project = make_project(items=5)
    queue.publish(project, picks(project.items.all()[:3]), 1)
    item = project.items.get(number=5)
    queue.ask_again(item)
    assert queue.lease(make_member(project), 1)[0].item_id == item.pk


def test_the_reserve_is_served_after_the_batch():
    project = make_project(items=9)
    items = list(project.items.order_by("number"))
    queue.publish(project, [*picks(items[5:7], "reserve"), *picks(items[:3])], 1)
    held = queue.lease(make_member(project), 5)
    assert [a.item_id for a in held] == [i.pk for i in [*items[:3], *items[5:7]]]


def places(project):
    return QueueEntry.objects.filter(project=project).values_list("free", "places").get()


def test_skip_and_undo_never_give_back_a_place_that_was_not_taken():
    project = make_project(items=1)
    ann, ben = make_member(project), make_member(project)
    (given,) = queue.lease(ann, 1)
    actions.submit(ann, [submission(given.item, kind="skip")])
    assert len(queue.lease(ben, 1)) == 1
    actions.submit(ann, [submission(given.item, kind="undo")])
    actions.submit(ann, [submission(given.item, kind="skip")])
    assert places(project) == (0, 1)
    actions.submit(ann, [submission(given.item, kind="undo")])
    assert queue.expire_all(now() + timedelta(minutes=11)) == 2
    assert places(project) == (1, 1)


def test_a_late_answer_that_is_taken_back_leaves_the_other_s_place_alone():
    project = make_project(items=1, policy={"overlap": 2, "agreement_overlap": 2})
    slow, quick, third = (make_member(project) for _ in range(3))
    later = now() + timedelta(minutes=11)
    (lost,) = queue.lease(slow, 1)
    queue.lease(quick, 1, later)
    queue.lease(third, 1, later)
    label = project.labels.first()
    sent = [submission(lost.item, label), submission(lost.item, kind="undo")]
    assert [v.status for v in actions.submit(slow, sent, later)] == ["stored", "stored"]
    queue.expire_all(later + timedelta(minutes=11))
    assert places(project) == (2, 2)
