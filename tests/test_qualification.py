"""The batch before joining: known items alone, what was right at once, then in, or another try."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import now

from projects import queue
from projects.errors import Refused
from projects.models import Annotation, Event, Item, Membership, Notice
from projects.trust import gold, known, qualification
from tests.factories import make_items, make_lead, make_member, make_project
from tests.test_gold import answer_known, hand_known, make_known

pytestmark = pytest.mark.django_db
QUIZ = {"holdout_share": 0.0, "agreement_share": 0.0, "qualification": 4, "qualification_share": 0.75}


def quizzed(stock=10, **policy):
    project = make_project(items=20, labels=["refund", "billing"], policy={**QUIZ, **policy})
    make_known(project, stock)
    make_lead(project)
    return project, make_member(project, "Ben")


def work(client, member, submissions=()):
    body = {"submissions": list(submissions), "want": 6, "have": []}
    address = reverse("work", args=[member.project_id])
    return client.post(address, json.dumps(body), "application/json").json()


def take(client, member, rights):
    """Answer as many items as there are flags, rightly or not; return the replies."""
    client.force_login(member.user)
    right, wrong = (member.project.labels.get(name=name).pk for name in ("refund", "billing"))
    replies = []
    for flag in rights:
        item = work(client, member)["held"][0]
        sent = {"id": str(uuid4()), "item": item, "kind": "answer", "labels": [right if flag else wrong]}
        replies.append(work(client, member, [sent]))
    return replies


def test_a_newcomer_gets_known_items_alone_until_enough_are_right(client):
    _project, member = quizzed()
    assert len(queue.lease(member, 6)) == 4
    replies = take(client, member, [True, True, False, True])
    assert [reply["quiz"] for reply in replies[:3]] == [f"Qualification: {n} of 4" for n in (1, 2, 3)]
    assert replies[3]["quiz"] == ""
    assert Membership.objects.get(pk=member.pk).qualified_at
    assert Event.objects.get(action="member.qualified").after == {"qualified": True, "right": 3, "of": 4}
    ordinary = Item.objects.filter(pk__in=replies[3]["held"], gold__isnull=True)
    assert ordinary.exists()


def test_what_was_right_and_why_is_told_at_once(client):
    project, member = quizzed()
    said = [reply["verdicts"][0] for reply in take(client, member, [True, False])]
    assert [verdict["status"] for verdict in said] == ["stored", "stored"]
    assert "Right." in said[0]["message"]
    assert "You said billing; right is refund." in said[1]["message"]
    assert project.items.filter(text__startswith="text").exists()


def test_the_last_answer_says_whether_one_is_in(client):
    _project, member = quizzed()
    *_rest, last = take(client, member, [True] * 4)
    assert "4 of 4: you are in" in last["verdicts"][0]["message"]


def test_whoever_fails_tries_again_with_other_items(client):
    _project, member = quizzed()
    *_rest, last = take(client, member, [False] * 4)
    assert "try again" in last["verdicts"][0]["message"]
    assert Membership.objects.get(pk=member.pk).qualified_at is None
    first = set(gold._given(member).values_list("item_id", flat=True))
    assert len(last["held"]) == 4
    assert Item.objects.filter(pk__in=last["held"], gold__isnull=False).count() == 4
    take(client, member, [True] * 4)
    assert Membership.objects.get(pk=member.pk).qualified_at
    assert len(first) >= 4


def test_leads_are_told_of_whoever_failed_and_has_no_items_left(client):
    project, member = quizzed(stock=5)
    *_rest, last = take(client, member, [False] * 4)
    assert last["held"] == []
    assert last["nothing"][0] == "You are through with the batch"
    work(client, member)
    assert Notice.objects.get(kind="gold.failed").facts["person"] == "Ben"
    lead = project.memberships.get(role="lead")
    qualification.let_in_by_lead(lead, member.pk)
    assert queue.lease(Membership.objects.get(pk=member.pk), 3)


def test_with_too_few_known_items_nobody_is_blocked_and_leads_are_told_once(client):
    project, member = quizzed(stock=3, gold_share=0.0)
    client.force_login(member.user)
    for _ in range(3):
        reply = work(client, member)
    assert Item.objects.filter(pk__in=reply["held"], gold__isnull=True).count() == 6
    assert reply["quiz"] == ""
    assert Notice.objects.filter(kind="gold.few").count() == 1
    client.force_login(project.memberships.get(role="lead").user)
    page = client.get(reverse("known", args=[project.pk])).content.decode()
    assert "1 is lacking" in page


@pytest.mark.parametrize("role", ["lead", "admin"])
def test_leads_and_admins_need_no_batch(role):
    project, _member = quizzed(gold_share=0.0)
    held = queue.lease(make_member(project, "Lia", role), 6)
    assert all(one.entry.stream != "gold" for one in held)


def test_without_the_policy_nobody_is_asked():
    _project, member = quizzed(qualification=0, gold_share=0.0)
    assert all(one.entry.stream != "gold" for one in queue.lease(member, 6))


def test_answers_of_the_batch_are_no_part_of_the_record(client):
    _project, member = quizzed()
    take(client, member, [False] * 4)
    assert gold.answers(member) == []


def test_a_second_thought_after_the_lesson_does_not_count(client):
    project, member = quizzed()
    take(client, member, [False, False, False])
    for item in list(gold._given(member).filter(state="submitted").values_list("item", flat=True)):
        answer_known(member, Item.objects.get(pk=item), project.labels.get(name="refund"))
    take(client, member, [True])
    assert Membership.objects.get(pk=member.pk).qualified_at is None


def test_a_voided_item_is_replaced_by_another(client):
    project, member = quizzed()
    take(client, member, [True, True, False])
    missed = gold._given(member).filter(state="submitted").order_by("-pk").first().item
    known.change(project.memberships.get(role="lead"), missed.number, [], "Ambiguous.")
    replies = take(client, member, [True])
    assert replies[0]["quiz"] == "Qualification: 3 of 4"
    take(client, member, [True])
    assert Membership.objects.get(pk=member.pk).qualified_at


def test_items_from_a_file_serve_the_batch(client):
    project, member = quizzed(stock=0)
    make_items(project, 6, gold=[[project.labels.get(name="refund").pk]])
    take(client, member, [True] * 4)
    assert Membership.objects.get(pk=member.pk).qualified_at


def test_the_page_says_how_far_one_is_also_without_scripts(client):
    project, member = quizzed()
    client.force_login(member.user)
    address = reverse("label", args=[project.pk])
    page = client.get(address)
    assert "Qualification: 0 of 4" in page.content.decode()
    form = {
        "item": page.context["item"].pk,
        "submission": str(uuid4()),
        "label": project.labels.get(name="refund").pk,
    }
    after = client.post(address, form, follow=True).content.decode()
    assert "Qualification: 1 of 4" in after
    assert "Right." in after


def test_letting_somebody_in_is_refused_for_whoever_is_not_waiting():
    project, _member = quizzed()
    lead = project.memberships.get(role="lead")
    with pytest.raises(Refused):
        qualification.let_in_by_lead(lead, lead.pk)


@pytest.mark.parametrize("policy", [{"qualification": 0}, {}], ids=["without a batch", "who is in"])
def test_no_reason_that_a_browser_sends_tells_a_known_item_or_hides_an_answer(client, policy):
    project, member = quizzed(**policy)
    Membership.objects.filter(pk=member.pk).update(qualified_at=now())
    client.force_login(member.user)
    item = gold.in_service(project.pk).first()
    hand_known(member, item)
    sent = {"id": str(uuid4()), "item": item.pk, "kind": "answer", "reason": gold.TRAINING}
    sent["labels"] = [project.labels.get(name="billing").pk]
    (verdict,) = work(client, member, [sent])["verdicts"]
    assert (verdict["status"], verdict["message"]) == ("stored", "")
    assert [answer.right for answer in gold.answers(member)] == [False]


def test_an_old_mark_of_the_batch_tells_nothing_to_whoever_is_in():
    project, member = quizzed()
    Membership.objects.filter(pk=member.pk).update(qualified_at=now())
    member.refresh_from_db()
    item = gold.in_service(project.pk).first()
    said = Annotation(item=item, kind="answer", reason=gold.TRAINING, labels=[])
    assert qualification.lesson(member, project.policy, item, said, now()) == ""
