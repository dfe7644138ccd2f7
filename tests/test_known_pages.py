"""The page of known items: who sees it, confirming, changing, voiding, letting in, ending the first items."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from projects.models import Assignment, Item, Membership
from projects.trust import calibration, gold
from tests.factories import answer, make_items, make_lead, make_member, make_project
from tests.test_gold import ALL_GOLD, answer_known, make_known

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project(labels=["refund", "billing", "card"], policy=ALL_GOLD)


@pytest.fixture
def lead(client, project):
    made = make_lead(project)
    client.force_login(made.user)
    return made


def address(project, item=None):
    if item is None:
        return reverse("known", args=[project.pk])
    return reverse("known-change", args=[project.pk, item.number])


def decided(project, count=1):
    """Items that a lead decided and nobody confirmed."""
    labels = [project.labels.get(name="refund").pk]
    settled = {"state": "settled", "settled_source": "adjudicated", "settled_labels": labels}
    return make_items(project, count, **settled)


def content(reply):
    return reply.content.decode()


@pytest.mark.parametrize(
    ("role", "status"), [("lead", 200), ("admin", 200), ("annotator", 403), ("stranger", 404)]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_only_leads_and_admins_see_or_change_known_items(client, project, role, status, method):
    (item,) = make_known(project, 1)
    host = project if role != "stranger" else make_project()
    client.force_login(make_member(host, role="annotator" if role == "stranger" else role).user)
    wanted = {200: {"get": 200, "post": 302}}.get(status, {}).get(method, status)
    assert getattr(client, method)(address(project)).status_code == wanted
    wanted = {200: {"get": 200, "post": 422}}.get(status, {}).get(method, status)
    assert getattr(client, method)(address(project, item)).status_code == wanted


def test_a_lead_chooses_among_decided_items(client, project, lead):
    first, second = decided(project, 2)
    assert content(client.get(address(project))).count('name="number"') == 2
    page = client.post(address(project), {"number": [first.number]}, follow=True)
    assert "1 item is a known item now." in content(page)
    assert Item.objects.get(pk=first.pk).gold == [[project.labels.get(name="refund").pk]]
    assert Item.objects.get(pk=second.pk).gold is None


def test_nothing_chosen_is_refused_in_words(client, project, lead):
    assert "Choose at least one item." in content(client.post(address(project), {}, follow=True))


def test_the_list_says_how_often_each_was_missed(client, project, lead):
    (item,) = make_known(project, 1)
    for name in ("refund", "billing"):
        answer_known(make_member(project), item, project.labels.get(name=name))
    (row,) = client.get(address(project)).context["rows"]
    assert (row.asked, row.right, row.state) == (2, 1, "Rests: nobody is left to ask")


def test_several_answers_can_be_made_right(client, project, lead):
    (item,) = make_known(project, 1)
    member = make_member(project)
    answer_known(member, item, project.labels.get(name="card"))
    ids = sorted(project.labels.get(name=name).pk for name in ("refund", "card"))
    page = client.post(address(project, item), {"act": "save", "label": ids}, follow=True)
    assert "Saved." in content(page)
    assert Item.objects.get(pk=item.pk).gold == [[pk] for pk in ids]
    assert gold.answers(member)[0].right


def test_of_several_labels_each_set_is_an_answer(client):
    project = make_project(task="multi", policy=ALL_GOLD)
    client.force_login(make_lead(project).user)
    one, two, three = project.labels.all()
    (item,) = make_known(project, 1, labels=[[one.pk, two.pk]])
    form = {"act": "save", "set-0": [one.pk, two.pk], "set-1": [three.pk], "set-2": []}
    client.post(address(project, item), form)
    assert Item.objects.get(pk=item.pk).gold == [[one.pk, two.pk], [three.pk]]


def test_voiding_without_a_reason_is_refused_in_words(client, project, lead):
    (item,) = make_known(project, 1)
    reply = client.post(address(project, item), {"act": "void"})
    assert reply.status_code == 422
    assert "Say why" in content(reply)
    client.post(address(project, item), {"act": "void", "reason": "Ambiguous."})
    assert Item.objects.get(pk=item.pk).gold is None
    assert client.get(address(project, item)).status_code == 404


def test_labels_of_another_project_are_refused(client, project, lead):
    (item,) = make_known(project, 1)
    other = make_project().labels.first().pk
    assert client.post(address(project, item), {"act": "save", "label": [other]}).status_code == 422


def test_an_item_of_another_project_is_not_found(client, project, lead):
    (item,) = make_known(make_project(items=5, policy=ALL_GOLD), 1)
    assert client.get(address(project, item)).status_code == 404


def test_a_lead_lets_somebody_in(client):
    project = make_project(policy={**ALL_GOLD, "qualification": 3})
    client.force_login(make_lead(project).user)
    member = make_member(project, "Noa")
    assert "Noa" in content(client.get(address(project)))
    page = client.post(address(project), {"act": "let-in", "member": member.pk}, follow=True)
    assert "Noa may label now." in content(page)
    assert Membership.objects.get(pk=member.pk).qualified_at


def test_the_page_shows_how_far_the_first_items_are_and_ends_them(client):
    project = make_project(items=6, policy={**ALL_GOLD, "gold_share": 0.0, "calibration": 4})
    ben, _mira = make_member(project), make_member(project)
    calibration.begin(project)
    first = project.items.filter(calibration=True).first()
    answer(ben, first, project.labels.first())
    client.force_login(make_lead(project).user)
    assert "0 of 4 done" in content(client.get(address(project)))
    assert "Say why" in content(client.post(address(project), {"act": "end"}, follow=True))
    client.post(address(project), {"act": "end", "reason": "Mira is ill."})
    assert calibration.done(project)


def test_the_list_costs_as_many_queries_for_one_as_for_many(
    client, project, lead, django_assert_max_num_queries
):
    make_known(project, 30)
    decided(project, 30)
    with django_assert_max_num_queries(32):
        client.get(address(project))


def test_who_still_holds_a_known_item_may_yet_be_asked(client, project, lead):
    (item,) = make_known(project, 1)
    holder = make_member(project)
    entry = item.entries.get()
    Assignment.objects.create(
        project=project, item=item, annotator=holder.user, entry=entry, expires_at=now() + timedelta(hours=1)
    )
    answer_known(make_member(project), item, project.labels.get(name="refund"))
    (row,) = client.get(address(project)).context["rows"]
    assert row.state == "In use"


def test_what_a_lead_decided_did_not_come_with_a_file(client, project, lead):
    (item,) = decided(project)
    client.post(address(project), {"number": [item.number]})
    page = content(client.get(address(project, item)))
    assert "A lead decided it." in page
    assert "came with a file" not in page
