"""Answers that come late, from an old page, or to a project that has changed: kept, and told in words."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import now

from projects import labelset, queue
from projects.models import Annotation, Assignment, Item, Label
from tests.factories import (
    answer,
    hand,
    make_admin,
    make_member,
    make_project,
)

pytestmark = pytest.mark.django_db


def send(client, member, *rows, **more):
    """Post answers as the page of ``member`` does."""
    client.force_login(member.user)
    body = {"user": member.user_id, "submissions": list(rows), "want": 0, "have": [], **more}
    url = reverse("work", args=[member.project_id])
    return client.post(url, json.dumps(body), "application/json")


def row(item, *labels, kind="answer", **more):
    return {"id": str(uuid4()), "item": item.pk, "kind": kind, "labels": [x.pk for x in labels], **more}


def verdicts(response):
    assert response.status_code == 200, response.content
    return [(verdict["status"], verdict["message"]) for verdict in response.json()["verdicts"]]


def labels(project):
    return list(project.labels.order_by("position"))


def expire(project):
    Assignment.objects.filter(project=project).update(expires_at=now() - timedelta(minutes=1))
    queue.expire(project.pk, now())


def test_an_answer_after_its_lease_ended_counts_without_further_words(client):
    project = make_project(items=1)
    member = make_member(project)
    hand(member, project.items.get())
    expire(project)
    assert verdicts(send(client, member, row(project.items.get(), labels(project)[0]))) == [("stored", "")]
    assert project.items.get().state == Item.State.SETTLED


def test_an_answer_to_an_item_that_others_settled_meanwhile_is_kept_and_told(client):
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    expire(project)
    answer(make_member(project), item, labels(project)[0])
    ((status, words),) = verdicts(send(client, member, row(item, labels(project)[0])))
    assert (status, "Others settled" in words) == ("stored", True)
    assert Annotation.objects.filter(item=item).count() == 2


def test_an_answer_to_an_item_that_a_lead_decided_is_kept_and_told(client):
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    Item.objects.filter(pk=item.pk).update(state="settled", settled_source=Item.Source.ADJUDICATED)
    ((status, words),) = verdicts(send(client, member, row(item, labels(project)[1])))
    assert (status, "A lead has decided" in words) == ("superseded", True)
    assert Annotation.objects.get(item=item).labels == [labels(project)[1].pk]


def test_changing_an_answer_never_says_that_others_settled_the_item(client):
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    answer(member, item, labels(project)[0])
    assert verdicts(send(client, member, row(item, labels(project)[1]))) == [("stored", "")]


def test_a_retired_label_is_refused_in_words_and_burns_no_id(client):
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    gone = labels(project)[2]
    labelset.retire(gone, make_admin(project).user)
    sent = row(item, gone)
    ((status, words),) = verdicts(send(client, member, sent))
    assert (status, "no longer in use" in words) == ("rejected", True)
    again = {**sent, "labels": [labels(project)[0].pk]}
    assert verdicts(send(client, member, again)) == [("stored", "")]


def merge(project, gone, into):
    Label.objects.filter(pk=gone.pk).update(merged_into=into, retired_at=now(), key="")


def test_an_answer_with_a_merged_label_counts_as_what_it_became(client):
    project = make_project(items=1, labels=4)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    first, second, third, _ = labels(project)
    merge(project, third, second)
    merge(project, second, first)
    assert verdicts(send(client, member, row(item, third))) == [("stored", "")]
    assert Annotation.objects.get().labels == [first.pk]
    assert project.items.get().settled_labels == [first.pk]


def test_a_label_merged_into_one_that_was_retired_since_is_refused(client):
    project = make_project(items=1, labels=4)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    first, second, *_ = labels(project)
    merge(project, second, first)
    Label.objects.filter(pk=first.pk).update(retired_at=now())
    assert verdicts(send(client, member, row(item, second)))[0][0] == "rejected"


def test_two_labels_that_became_one_are_one_label_of_the_answer(client):
    project = make_project(items=1, task="multi")
    member, item = make_member(project), project.items.get()
    hand(member, item)
    first, second, third = labels(project)
    merge(project, third, first)
    verdicts(send(client, member, row(item, first, second, third)))
    assert Annotation.objects.get().labels == sorted([first.pk, second.pk])


@pytest.mark.parametrize("state", ["paused", "archived"])
def test_a_project_at_rest_takes_what_was_in_hand(client, state):
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    type(project).objects.filter(pk=project.pk).update(state=state)
    assert verdicts(send(client, member, row(item, labels(project)[0]))) == [("stored", "")]


def test_an_archived_project_refuses_a_change_in_words(client):
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    answer(member, item, labels(project)[0])
    type(project).objects.filter(pk=project.pk).update(state="archived")
    ((status, words),) = verdicts(send(client, member, row(item, labels(project)[1])))
    assert (status, "archived" in words) == ("rejected", True)


@pytest.mark.parametrize("field", ["paused_at", "excluded_at"])
def test_somebody_who_is_paused_or_left_out_keeps_what_was_under_way(client, field):
    project = make_project(items=2)
    member, item = make_member(project), project.items.first()
    hand(member, item)
    type(member).objects.filter(pk=member.pk).update(**{field: now()})
    response = send(client, member, row(item, labels(project)[0]), want=3)
    assert verdicts(response) == [("stored", "")]
    assert response.json()["nothing"][0]


def test_a_former_member_gets_404_and_may_send_the_same_again_when_back(client):
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    sent = row(item, labels(project)[0])
    type(member).objects.filter(pk=member.pk).update(active=False)
    assert send(client, member, sent).status_code == 404
    type(member).objects.filter(pk=member.pk).update(active=True)
    assert verdicts(send(client, member, sent)) == [("stored", "")]


def test_the_session_of_somebody_outside_the_project_is_named_as_another_s(client):
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    stranger = make_member(make_project("Another"))
    client.force_login(stranger.user)
    body = {"user": member.user_id, "submissions": [row(item, labels(project)[0])]}
    url = reverse("work", args=[project.pk])
    response = client.post(url, json.dumps(body), "application/json")
    assert (response.status_code, response.json()["signed_in"]) == (401, True)
    assert not Annotation.objects.exists()


def test_fields_that_another_version_of_the_page_sends_are_ignored(client):
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    sent = row(item, labels(project)[0], rev=7, mood="calm", about={"said": "x"})
    assert verdicts(send(client, member, sent, version=99)) == [("stored", "")]


def test_the_least_that_a_page_may_send_is_an_answer(client):
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    sent = {"id": str(uuid4()), "item": item.pk, "kind": "answer", "labels": [labels(project)[0].pk]}
    client.force_login(member.user)
    url = reverse("work", args=[project.pk])
    response = client.post(url, json.dumps({"submissions": [sent]}), "application/json")
    assert verdicts(response) == [("stored", "")]


def test_an_answer_and_all_that_followed_it_may_be_sent_again_in_order(client):
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    first, second = row(item, labels(project)[0]), row(item, labels(project)[1])
    everything = [first, row(item, kind="undo"), second]
    send(client, member, *everything)
    assert [status for status, _ in verdicts(send(client, member, *everything))] == ["duplicate"] * 3
    newest = Annotation.objects.get(item=item, superseded_by=None)
    assert newest.labels == [labels(project)[1].pk]


def test_a_refused_answer_can_be_given_anew_where_the_item_was_this_person_s(client):
    project = make_project(items=3)
    member = make_member(project)
    item = project.items.get(number=3)
    hand(member, item)
    expire(project)
    client.force_login(member.user)
    page = client.get(f"{reverse('label', args=[project.pk])}?item={item.pk}")
    assert page.context["desk"]["items"][0]["id"] == item.pk
    assert not page.context["again"]
