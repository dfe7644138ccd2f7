"""How much one person is given: limits, shifts, and what the page says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from projects import actions, labelling, queue, shifts
from projects.errors import Refused
from projects.models import Annotation, Assignment, Event, Membership, Policy, QueueEntry, Shift
from projects.trust import workload
from tests.factories import answer, make_lead, make_member, make_project, make_user, submission
from tests.threads import in_threads

PLAIN = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0}


def project_with(items=40, **policy):
    return make_project(items=items, policy={**PLAIN, **policy})


def fresh(member):
    return Membership.objects.select_related("project", "user").get(pk=member.pk)


def label_next(member, count, at=None, seconds=None):
    """Let a person answer so many items, or until nothing is given; return how many."""
    label = member.project.labels.first()
    for done in range(count):
        if not (held := queue.lease(member, 1, at)):
            return done
        active = seconds and round(1000 * seconds)
        actions.submit(member, [submission(held[0].item, label, active_ms=active)], at)
    return count


# --- limits --------------------------------


@pytest.mark.django_db
def test_nobody_answers_more_than_the_limit_and_the_own_one_comes_before_everybody_s():
    project = project_with(person_most=5)
    ann, ben = make_member(project), make_member(project, quota=2)
    assert len(queue.lease(ann, 9)) == 5
    assert [label_next(person, 9) for person in (ann, ben)] == [5, 2]
    assert "limit of 2 answers" in labelling.nothing_to_do(ben).sentence


@pytest.mark.django_db
def test_an_hourly_limit_ends_with_the_hour_and_counts_an_item_once():
    project = project_with(person_hourly=3)
    ann = make_member(project)
    assert label_next(ann, 9) == 3
    mine = Annotation.objects.filter(annotator=ann.user).order_by("pk").first()
    actions.submit(ann, [submission(mine.item, project.labels.last())])
    assert queue.lease(ann, 1) == []
    assert "3 answers an hour" in labelling.nothing_to_do(ann).sentence
    assert label_next(ann, 9, now() + timedelta(minutes=61)) == 3


@pytest.mark.django_db
def test_a_share_of_all_answers_matters_from_three_people_and_a_hundred_answers_on():
    project = project_with(items=300, person_share=0.5)
    ann, ben = make_member(project), make_member(project)
    Membership.objects.filter(pk=ben.pk).update(answered=99)
    queue.hold(ann)
    policy = project.policy
    assert workload.allowed(ann, policy, 6, now()) == 6
    make_member(project)
    Membership.objects.filter(pk=ann.pk).update(answered=97)
    queue.hold(ann)
    # (97 + 2) of (196 + 2) is half of all.
    assert workload.allowed(ann, policy, 6, now()) == 2
    assert workload.why(ann, policy) is None
    Membership.objects.filter(pk=ann.pk).update(answered=200)
    queue.hold(ann)
    assert "50 %" in workload.why(ann, policy).sentence


@pytest.mark.django_db
def test_without_limits_no_further_question_is_asked(django_assert_num_queries):
    project = project_with()
    ann = make_member(project)
    policy = project.policy
    queue.hold(ann)
    with django_assert_num_queries(0):
        assert workload.allowed(ann, policy, 6, now()) == 6


@pytest.mark.django_db(transaction=True)
def test_at_the_limit_two_requests_at_once_get_no_more_than_is_left():
    project = project_with(person_most=4)
    member = make_member(project)
    in_threads(6, lambda: queue.lease(fresh(member), 3))
    assert Assignment.objects.filter(annotator=member.user).count() <= 4
    in_threads(6, lambda: label_next(fresh(member), 5))
    assert fresh(member).answered == 4
    assert Annotation.objects.filter(annotator=member.user, superseded_by=None).count() == 4
    assert queue.lease(fresh(member), 3) == []


@pytest.mark.django_db
def test_expired_leases_of_somebody_at_the_limit_return_to_the_pool():
    project = project_with(items=3, person_most=3)
    ann, ben = make_member(project), make_member(project)
    assert len(queue.lease(ann, 9)) == 3
    later = now() + timedelta(minutes=11)
    assert len(queue.lease(ben, 9, later)) == 3


@pytest.mark.django_db
def test_a_paused_person_reads_why_and_where_to_go():
    project = project_with()
    member = make_member(project, paused_at=now(), paused_by="gold")
    assert queue.lease(member, 3) == []
    said = labelling.nothing_to_do(member)
    assert "wrong" in said.sentence
    assert said.address == reverse("my-record", args=[project.pk])


# --- shifts --------------------------------


@pytest.mark.django_db
def test_a_shift_is_sized_to_the_person_s_pace():
    project = project_with()
    quick, unknown = make_member(project), make_member(project)
    label_next(quick, 6, seconds=3)
    assert shifts.start(fresh(quick), 10).size == 200
    assert shifts.start(fresh(unknown), 10).size == 50


@pytest.mark.django_db
def test_leases_end_with_the_shift_and_return_with_their_rank():
    project = project_with(items=6)
    ann, ben = make_member(project), make_member(project)
    items = list(project.items.order_by("number"))
    queue.publish(project, [queue.Pick(item.pk, "strategy") for item in items], 1)
    start = now()
    shifts.start(ann, 5, start)
    at = start + timedelta(minutes=2)
    held = queue.lease(ann, 2, at)
    assert {one.expires_at for one in held} == {start + timedelta(minutes=5)}
    after = start + timedelta(minutes=6)
    assert queue.lease(ann, 2, after) == []
    given = queue.lease(ben, 4, after)
    label_next(ben, 4, after)
    assert {one.item_id for one in [*given, *queue.lease(ben, 4, after)]} == {item.pk for item in items}
    ranks = QueueEntry.objects.filter(item__in=[one.item_id for one in held]).values_list("rank", flat=True)
    assert max(ranks) < QueueEntry.objects.get(item=items[2]).rank


@pytest.mark.django_db
def test_ending_a_shift_gives_back_what_is_held_and_another_can_begin():
    project = project_with()
    ann = make_member(project)
    shifts.start(ann, 30)
    queue.lease(ann, 3)
    shifts.end(ann)
    assert not Assignment.objects.filter(annotator=ann.user, state="leased").exists()
    shifts.start(ann, 30)
    shifts.start(ann, 60)
    assert Shift.objects.filter(membership=ann, ended_at=None).count() == 1
    assert len(queue.lease(ann, 3)) == 3


@pytest.mark.django_db
def test_when_the_time_is_over_the_page_says_so_until_the_shift_is_left():
    project = project_with()
    ann = make_member(project)
    start = now() - timedelta(minutes=20)
    shifts.start(ann, 15, start)
    queue.hold(ann)
    assert labelling.nothing_to_do(ann).heading == "Your shift is over"
    shifts.end(ann)
    assert len(queue.lease(ann, 1)) == 1
    assert Shift.objects.get().ended_at == start + timedelta(minutes=15)


@pytest.mark.django_db
@pytest.mark.parametrize("minutes", [0, 4, 721])
def test_a_shift_has_a_sane_length(minutes):
    with pytest.raises(Refused):
        shifts.start(make_member(project_with()), minutes)


@pytest.mark.django_db
def test_the_progress_counts_answers_of_the_shift():
    project = project_with()
    ann = make_member(project)
    label_next(ann, 3)
    shifts.start(ann, 10)
    label_next(ann, 2)
    queue.hold(ann)
    assert labelling.progress(ann, project.policy).shift() == "2 of about 50 in this shift"


@pytest.mark.django_db
def test_shifts_are_begun_and_ended_by_members_only(client):
    project = project_with()
    address = reverse("shift", args=[project.pk])
    ann = make_member(project)
    client.force_login(ann.user)
    assert client.post(address, {"minutes": "30"}).url == reverse("label", args=[project.pk])
    page = client.get(reverse("label", args=[project.pk])).content.decode()
    assert "0 of about 150 in this shift" in page
    assert client.post(address, {"end": "yes"}).url == reverse("my-record", args=[project.pk])
    assert client.post(address, {"minutes": "what"}).status_code == 302
    assert Shift.objects.filter(ended_at=None).count() == 0
    assert client.get(address).status_code == 405
    client.force_login(make_lead(project).user)
    assert client.post(address, {"minutes": "30"}).status_code == 302
    client.force_login(make_user())
    assert client.post(address, {"minutes": "30"}).status_code == 404


# --- what a lead says of a person --------------------------------


@pytest.mark.django_db
def test_terms_are_kept_with_an_event_and_only_what_differs():
    project = project_with()
    lead, ann = make_lead(project), make_member(project)
    terms = workload.Terms(senior=True, skills=["de", "fr"], quota=None)
    assert workload.arrange(ann, lead.user, terms)
    assert not workload.arrange(ann, lead.user, terms)
    event = Event.objects.get(action="person.changed")
    assert event.after == {"senior": True, "skills": ["de", "fr"], "member": ann.pk}
    assert (fresh(ann).senior, fresh(ann).skills) == (True, ["de", "fr"])


@pytest.mark.django_db
def test_limits_hold_for_what_is_held_already():
    project = project_with()
    ann = make_member(project)
    assert len(queue.lease(ann, 6)) == 6
    answer(ann, Assignment.objects.filter(annotator=ann.user).first().item, project.labels.first())
    Policy.objects.filter(project=project).update(person_most=3)
    assert len(queue.lease(fresh(ann), 6)) == 2
