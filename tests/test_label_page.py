"""The labelling page and the address that it talks to."""

import json
from uuid import uuid4

import pytest
from django.urls import reverse

from projects import queue
from projects.models import Annotation, Assignment, Item, QueueEntry
from tests.factories import answer, make_member, make_project, make_user

pytestmark = pytest.mark.django_db


def work(client, project, submissions=(), **body):
    body = {"submissions": list(submissions), "want": 3, "have": [], **body}
    return client.post(reverse("work", args=[project.pk]), json.dumps(body), "application/json")


def sent(item_id, *labels, kind="answer", **fields):
    return {"id": str(uuid4()), "item": item_id, "kind": kind, "labels": [x.pk for x in labels], **fields}


def signed_in(client, project):
    member = make_member(project)
    client.force_login(member.user)
    return member


def test_one_round_trip_stores_an_answer_and_brings_the_next_item(client):
    project = make_project(items=9)
    member = signed_in(client, project)
    first = queue.lease(member, 3)[0]
    reply = work(client, project, [sent(first.item_id, project.labels.first())], want=4).json()
    assert [v["status"] for v in reply["verdicts"]] == ["stored"]
    assert len(reply["items"]) == 4
    assert first.item_id not in reply["held"]
    assert reply["progress"]["mine"] == 1


def test_items_that_the_browser_has_are_not_sent_again(client):
    project = make_project(items=9)
    signed_in(client, project)
    have = [item["id"] for item in work(client, project).json()["items"]]
    again = work(client, project, want=4, have=have).json()
    assert len(again["items"]) == 1
    assert set(have) < set(again["held"])


def test_why_an_item_was_picked_is_told_only_with_its_answer(client):
    project = make_project(items=3, labels=["refund", "billing"])
    signed_in(client, project)
    reason = {"why": "unsure_between", "top": [[0, 0.41], [1, 0.39]], "score": 0.9, "cluster_size": 12}
    queue.publish(project, [queue.Pick(item.pk, "strategy", reason) for item in project.items.all()], 1)
    first = work(client, project)
    assert "billing" not in first.content.decode()
    item_id = first.json()["items"][0]["id"]
    (verdict,) = work(client, project, [sent(item_id, project.labels.first())]).json()["verdicts"]
    assert "billing" in verdict["why"]


def test_the_page_shows_nobody_else_s_judgement_of_an_open_item(client):
    project = make_project(items=1, policy={"overlap": 2, "agreement_overlap": 2})
    other = make_member(project, "Zacharias")
    make_member(project)
    signed_in(client, project)
    answer(other, project.items.get(), project.labels.last(), note="surely the third one")
    page = client.get(reverse("label", args=[project.pk])).content.decode()
    assert "Zacharias" not in page
    assert "surely" not in page


def test_markup_in_an_item_is_text(client):
    project = make_project(items=["<script>alert(1)</script> & <b>bold</b>"])
    signed_in(client, project)
    page = client.get(reverse("label", args=[project.pk])).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_white_space_of_a_text_is_kept(client):
    project = make_project(items=["  two  blanks\n\nand a paragraph  "])
    signed_in(client, project)
    assert (
        ">  two  blanks\n\nand a paragraph  </div>"
        in client.get(reverse("label", args=[project.pk])).content.decode()
    )


def test_without_scripts_a_form_answers_and_goes_on(client):
    project = make_project(items=2)
    member = signed_in(client, project)
    url = reverse("label", args=[project.pk])
    first = queue.lease(member, 1)[0].item_id
    form = {"item": first, "submission": str(uuid4()), "label": project.labels.first().pk}
    assert client.post(url, form).status_code == 302
    assert client.post(url, form).status_code == 302
    assert Annotation.objects.count() == 1
    assert client.post(url, {"kind": "undo", "submission": str(uuid4())})["Location"] == f"{url}?item={first}"
    assert Item.objects.get(pk=first).state == "open"


def test_a_skip_by_form_keeps_its_reason(client):
    project = make_project(items=1)
    member = signed_in(client, project)
    item = queue.lease(member, 1)[0].item_id
    form = {"item": item, "submission": str(uuid4()), "kind": "skip:too_hard"}
    client.post(reverse("label", args=[project.pk]), form)
    assert Annotation.objects.values_list("kind", "reason").get() == ("skip", "too_hard")


def test_an_earlier_answer_can_be_opened_again_by_its_author_only(client):
    project = make_project(items=5)
    member = signed_in(client, project)
    item = project.items.get(number=3)
    answer(member, item, project.labels.first())
    url = f"{reverse('label', args=[project.pk])}?item={item.pk}"
    assert client.get(url).context["desk"]["items"][0]["id"] == item.pk
    client.force_login(make_member(project).user)
    assert item.pk not in [shown["id"] for shown in client.get(url).context["desk"]["items"]]


@pytest.mark.parametrize("state", ["draft", "paused", "archived"])
def test_a_project_at_rest_says_so(client, state):
    project = make_project(items=2, state=state)
    signed_in(client, project)
    response = client.get(reverse("label", args=[project.pk]))
    assert response.context["nothing"][0]
    assert not Assignment.objects.exists()


@pytest.mark.parametrize("name", ["label", "work", "my-labels"])
def test_strangers_find_nothing(client, name):
    project = make_project(items=1)
    client.force_login(make_user())
    url = reverse(name, args=[project.pk])
    response = work(client, project) if name == "work" else client.get(url)
    assert response.status_code == 404


@pytest.mark.parametrize("name", ["label", "work", "together", "project"])
def test_a_project_of_a_number_beyond_every_database_is_not_found(client, name):
    client.force_login(make_user())
    address = reverse(name, args=[7]).replace("7", "9" * 30)
    assert client.post(address, "{}", "application/json").status_code == 404


def test_former_members_find_nothing(client):
    project = make_project(items=1)
    member = signed_in(client, project)
    member.active = False
    member.save()
    assert work(client, project).status_code == 404


def test_whoever_is_signed_out_is_told_and_keeps_the_answer(client):
    project = make_project(items=1)
    assert work(client, project).status_code == 401
    assert client.get(reverse("label", args=[project.pk])).status_code == 302


def test_one_person_cannot_answer_for_another(client):
    project = make_project(items=1)
    owner = make_member(project)
    item = queue.lease(owner, 1)[0].item_id
    signed_in(client, project)
    (verdict,) = work(client, project, [sent(item, project.labels.first())]).json()["verdicts"]
    assert verdict["status"] == "rejected"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[" * 200_000,
        "[]",
        "7",
        '{"want": "x"}',
        '{"have": 3}',
        '{"submissions": 3}',
        '{"submissions": [{}]}',
    ],
)
def test_rubbish_is_refused_in_words(client, body):
    project = make_project(items=1)
    signed_in(client, project)
    response = client.post(reverse("work", args=[project.pk]), body, "application/json")
    assert response.status_code == 422
    assert response.json()["message"]


def test_nobody_hoards_items(client):
    project = make_project(items=60)
    signed_in(client, project)
    assert len(work(client, project, want=10_000).json()["held"]) <= 20


def test_a_cross_site_form_is_refused(settings):
    from django.test import Client

    project = make_project(items=1)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_member(project).user)
    assert work(strict, project).status_code == 403


def test_a_cycle_costs_the_same_number_of_queries_at_any_size(client, django_assert_max_num_queries):
    project = make_project(items=400)
    member = signed_in(client, project)
    queue.publish(project, [queue.Pick(item.pk, "strategy") for item in project.items.all()[:200]], 1)
    hand = [a.item_id for a in queue.lease(member, 6)]
    label = project.labels.first()
    for most in (26, 20, 17):
        # Session, rules and figures are read the long way once.
        with django_assert_max_num_queries(most):
            reply = work(client, project, [sent(hand.pop(0), label)], want=6, have=hand).json()
        hand += [item["id"] for item in reply["items"]]
    assert QueueEntry.objects.filter(state="done").count() == 3


def test_my_labels_lists_my_own_answers_only(client):
    project = make_project(items=["mine indeed", "of another"])
    one, two = project.items.order_by("number")
    answer(make_member(project), two, project.labels.first())
    member = signed_in(client, project)
    answer(member, one, project.labels.first())
    page = client.get(reverse("my-labels", args=[project.pk])).content.decode()
    assert "mine indeed" in page
    assert "of another" not in page


def test_what_a_lead_wrote_stands_with_an_item_that_is_asked_again(client):
    project = make_project(items=1)
    item = project.items.get()
    queue.ask_again(item)
    QueueEntry.objects.update(reason={"why": "lead_asked", "note": "Look at <the> date"})
    signed_in(client, project)
    (shown,) = work(client, project).json()["items"]
    assert "Look at &lt;the&gt; date" in shown["html"]
    assert "Look at &lt;the&gt; date" in client.get(reverse("label", args=[project.pk])).content.decode()


def test_a_page_of_one_person_never_answers_as_another(client):
    project = make_project(items=1)
    ann, ben = make_member(project), make_member(project)
    item = queue.lease(ben, 1)[0].item_id
    client.force_login(ben.user)
    response = work(client, project, [sent(item, project.labels.first())], user=ann.user_id)
    assert response.status_code == 401
    assert not Annotation.objects.exists()


def test_an_archived_project_takes_what_was_under_way_and_no_changes(client):
    project = make_project(items=2)
    member = signed_in(client, project)
    first, second = queue.lease(member, 2)
    label = project.labels.first()
    work(client, project, [sent(first.item_id, label)])
    project.state = "archived"
    project.save()
    reply = work(client, project, [sent(second.item_id, label), sent(first.item_id, kind="undo")]).json()
    assert [v["status"] for v in reply["verdicts"]] == ["stored", "rejected"]
