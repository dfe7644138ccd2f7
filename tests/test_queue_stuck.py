"""No item waits for an answer that cannot come: second looks, skips, flags, and people who go."""

from __future__ import annotations

import pytest
from django.utils.timezone import now

from projects import actions, people, queue, settle, tasks
from projects.models import Assignment, Dispute, Item, Membership, QueueEntry
from projects.trust import calibration, exclusion, standing
from sampling import reading
from tests.factories import answer, make_admin, make_items, make_lead, make_member, make_project, submission
from tests.test_disputes import TWICE, make_dispute
from tests.test_disputes import settle as decide

pytestmark = pytest.mark.django_db
FLAGS_OFF = {**TWICE, "gold_share": 0.0, "triggers": {"flag": 0}}


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Run what follows a commit, as a request would."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def say(member, item, *labels, **fields):
    (verdict,) = actions.submit(member, [submission(item, *labels, **fields)])
    assert verdict.status == "stored", verdict


def fresh(item):
    return Item.objects.get(pk=item.pk)


def lease_ids(member):
    return [one.item_id for one in queue.lease(member, 9)]


def team(count=2, items=1, **policy):
    project = make_project(items=items, policy={**TWICE, "gold_share": 0.0, **policy})
    return project, [make_member(project) for _ in range(count)]


# --- after a second look --------------------------------


def test_after_a_second_look_the_missing_answer_is_asked_of_somebody_else():
    project, (ben, mira) = team()
    item, label = project.items.get(), project.labels.first()
    answer(ben, item, kind="flag", note="What is this?")
    decide(Dispute.objects.get(), make_lead(project), outcome="returned", note="See rule 3")
    say(ben, item, label)
    entry = QueueEntry.objects.get(item=item, state="live")
    assert (fresh(item).state, entry.stream, entry.places, entry.free) == ("open", "random", 2, 1)
    assert lease_ids(mira) == [item.pk]
    say(mira, item, label)
    assert fresh(item).settled_labels == [label.pk]


def test_who_skips_a_second_look_is_waited_for_no_longer():
    dispute = make_dispute()
    ben, mira = dispute.project.memberships.order_by("pk")
    refund = dispute.project.labels.get(name="refund")
    decide(dispute, make_lead(dispute.project), outcome="returned", note="See rule 3")
    say(ben, dispute.item, refund)
    say(mira, dispute.item, kind="skip")
    item = fresh(dispute.item)
    assert (item.state, item.settled_labels, item.settled_source) == ("settled", [refund.pk], "single")


def test_when_one_skips_a_second_look_others_are_asked():
    dispute = make_dispute()
    ben, mira = dispute.project.memberships.order_by("pk")
    zoe = make_member(dispute.project, "Zoe")
    decide(dispute, make_lead(dispute.project), outcome="returned", note="See rule 3")
    say(mira, dispute.item, kind="skip")
    assert dispute.item_id not in lease_ids(zoe)
    say(ben, dispute.item, dispute.project.labels.first())
    assert fresh(dispute.item).state == "open"
    assert dispute.item_id in lease_ids(zoe)


# --- people who go --------------------------------


def go(how, member, lead):
    if how == "leave":
        people.deactivate(member, lead.user)
    elif how == "pause":
        standing.pause(member, lead.user, "Away")
    else:
        exclusion.exclude(member, lead.user, "Clicked blindly")


HOW = pytest.mark.parametrize("how", ["leave", "pause", "exclude"])


@HOW
def test_who_goes_leaves_no_item_waiting_for_an_answer(how, committed):
    project, (ann, ben) = team(items=3)
    lead, label = make_admin(project), project.labels.first()
    first, second, third = project.items.order_by("number")
    answer(ann, first, label), answer(ann, second, label)
    assert queue.lease(ben, 2)
    with committed():
        go(how, ben, lead)
    assert {(one.state, one.settled_source) for one in (fresh(first), fresh(second))} == {
        ("settled", "single")
    }
    assert fresh(third).state == "open"
    assert not Assignment.objects.filter(annotator=ben.user, state="leased").exists()


def test_an_answer_given_when_the_others_have_gone_decides_at_once():
    project, (ann, ben) = team()
    item, label = project.items.get(), project.labels.first()
    queue.publish(project, [queue.Pick(item.pk, "strategy")], 0)
    Membership.objects.filter(pk=ben.pk).update(active=False)
    say(ann, queue.lease(ann, 1)[0].item, label)
    assert fresh(item).state == "settled"


def test_a_person_who_skipped_is_still_waited_for():
    project, (ann, ben) = team()
    item, label = project.items.get(), project.labels.first()
    answer(ann, item, label)
    answer(ben, item, kind="skip")
    assert fresh(item).state == "open"
    assert lease_ids(ben) == [item.pk]


@HOW
def test_a_second_look_is_not_waited_for_from_who_goes(how, committed):
    dispute = make_dispute()
    ben, mira = dispute.project.memberships.order_by("pk")
    admin, refund = make_admin(dispute.project), dispute.project.labels.get(name="refund")
    decide(dispute, make_lead(dispute.project), outcome="returned", note="See rule 3")
    say(ben, dispute.item, refund)
    with committed():
        go(how, mira, admin)
    assert fresh(dispute.item).state != "open"


@HOW
def test_first_items_have_no_place_for_who_is_not_to_label(how, committed):
    project = make_project(items=4, policy={**TWICE, "gold_share": 0.0, "calibration": 2})
    ann, ben, zoe = (make_member(project) for _ in range(3))
    calibration.begin(project)
    item, label = project.items.filter(calibration=True).order_by("shuffle").first(), project.labels.first()
    answer(ann, item, label), answer(ben, item, label)
    queue.lease(zoe, 1)
    with committed():
        go(how, zoe, make_admin(project))
    assert fresh(item).state == "settled"
    assert set(QueueEntry.objects.filter(state="live").values_list("places", "free")) == {(2, 2)}
    if how == "pause":
        with committed():
            standing.lift(zoe, make_lead(project).user, "Back")
        assert set(QueueEntry.objects.filter(state="live").values_list("places", "free")) == {(3, 3)}


def test_the_crew_is_who_labels_and_may_go_on():
    project, (ann, _ben) = team()
    make_member(project, paused_at=now(), paused_by="lead"), make_member(project, excluded_at=now())
    make_lead(project)
    assert queue.crew(project.pk) == 2
    Membership.objects.filter(role="annotator").exclude(pk=ann.pk).update(active=False)
    assert queue.crew(project.pk) == 1


def test_what_nobody_can_answer_any_more_is_looked_at_again():
    project, (ann, ben) = team(items=2)
    item, label = project.items.order_by("number").first(), project.labels.first()
    answer(ann, item, label)
    assert settle.look_again(project) == 0
    Membership.objects.filter(pk=ben.pk).update(active=False)
    assert settle.look_again(project) == 1
    assert fresh(item).state == "settled"
    assert settle.look_again(project) == 0


def test_the_tick_finds_what_waits_for_people_who_have_gone():
    project, (ann, ben) = team()
    answer(ann, project.items.get(), project.labels.first())
    Membership.objects.filter(pk=ben.pk).update(active=False)
    tasks.watch_people()
    assert project.items.get().state == "settled"


def test_what_everybody_left_has_answered_is_picked_for_nobody_again():
    project, (ann, ben, zoe) = team(3, items=2, overlap=1)
    first, second = project.items.order_by("number")
    for person in (ann, zoe):
        answer(person, first, project.labels.first())
    answer(zoe, second, project.labels.first())
    standing.pause(zoe, make_lead(project).user, "Away")
    assert reading._unaskable(project) == set()
    answer(ben, first, project.labels.first())
    assert reading._unaskable(project) == {first.pk}


# --- flags that open no dispute, senior people who skip --------------------------------


def test_a_flag_that_opens_no_dispute_gives_its_place_back():
    project = make_project(items=1, policy={**FLAGS_OFF, "overlap": 1, "agreement_overlap": 1})
    ann, ben = make_member(project), make_member(project)
    item, label = project.items.get(), project.labels.first()
    queue.lease(ann, 1)
    say(ann, item, kind="flag", note="What is this?")
    assert not Dispute.objects.exists()
    assert lease_ids(ben) == [item.pk]
    say(ben, item, label)
    assert fresh(item).settled_labels == [label.pk]


def test_a_flag_that_opens_no_dispute_keeps_no_first_item_open():
    project = make_project(items=1, policy={**FLAGS_OFF, "calibration": 1})
    ann, ben = make_member(project), make_member(project)
    calibration.begin(project)
    item, label = project.items.get(), project.labels.first()
    queue.lease(ann, 1), queue.lease(ben, 1)
    say(ann, item, kind="flag", note="What is this?")
    say(ben, item, label)
    assert fresh(item).settled_labels == [label.pk]


def test_what_every_senior_person_skipped_goes_to_everybody():
    project = make_project(policy={**TWICE, "gold_share": 0.0, "overlap": 1})
    (item,) = make_items(project, 1)
    old, young = make_member(project, senior=True), make_member(project)
    older = make_member(project, senior=True)
    queue.publish(project, [queue.Pick(item.pk, "strategy")], 0)
    QueueEntry.objects.update(senior=True)
    for senior in (old, older):
        assert lease_ids(young) == []
        assert lease_ids(senior) == [item.pk]
        say(senior, item, kind="skip")
    assert lease_ids(young) == [item.pk]


def test_a_senior_person_without_the_skill_keeps_nothing_from_others():
    project = make_project(policy={**TWICE, "gold_share": 0.0, "overlap": 1, "skill_field": "language"})
    (item,) = make_items(project, 1, metadata={"language": "de"})
    old, young = make_member(project, senior=True, skills=["de"]), make_member(project, skills=["de"])
    make_member(project, senior=True)
    queue.publish(project, [queue.Pick(item.pk, "strategy")], 0)
    QueueEntry.objects.update(senior=True)
    assert lease_ids(young) == []
    queue.lease(old, 1)
    say(old, item, kind="skip")
    assert lease_ids(young) == [item.pk]
