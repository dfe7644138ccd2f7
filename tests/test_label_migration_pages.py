"""Versions, merges and splits as pages: refusals keep what was typed, news say what replaces what."""

from __future__ import annotations

import pytest
from django.urls import reverse

from projects import disputes, guidelines, migrating
from projects.labelset import Draft
from projects.migrating import Merge, Split
from projects.models import Annotation, Dispute, Event, Notice, Policy
from projects.trust import staleness
from tests.factories import answer, make_member, make_project
from tests.test_setup_pages import HTMX

pytestmark = pytest.mark.django_db
TWICE = {"agreement_share": 0.5, "holdout_share": 0.0, "overlap": 2, "agreement_overlap": 2}


@pytest.fixture
def project():
    return make_project(items=6, labels=["card", "transfer", "cash"], policy=TWICE)


@pytest.fixture
def ada(project, client):
    member = make_member(project, "Ada", role="admin")
    client.force_login(member.user)
    return member


def at(name, project, *further):
    return reverse(name, args=[project.pk, *further])


def merged(project, ada):
    card, transfer, _ = project.labels.all()
    migrating.merge(project, ada.user, Merge(card, transfer, "One label."))
    project.refresh_from_db()


def split(project, ada):
    parts = [Draft("debit", "Paid from an account"), Draft("credit")]
    migrating.split(project, ada.user, Split(project.labels.first(), parts, "Two labels."))
    project.refresh_from_db()


@pytest.mark.parametrize(
    ("lines", "words"), [("x\nX", "two new names"), ("cash\nx", "already"), ("", "two new")]
)
def test_a_refused_split_says_why_and_keeps_what_was_typed(client, project, ada, lines, words):
    data = {"gone": project.labels.first().pk, "lines": lines, "summary": "My own sentence."}
    reply = client.post(at("labels-split", project), data)
    page = reply.content.decode()
    assert reply.status_code == 409
    assert words in page
    assert f">{lines}</textarea>" in page
    assert 'value="My own sentence."' in page


def test_a_refused_merge_says_why_and_shows_what_it_would_do(client, project, ada):
    card, transfer, _ = project.labels.all()
    reply = client.post(at("labels-merge", project), {"gone": card.pk, "into": transfer.pk})
    page = reply.content.decode()
    assert "Say in a sentence what is new" in page
    assert "becomes part of" in page


def test_a_split_of_a_label_that_went_meanwhile_keeps_what_was_typed(client, project, ada):
    data = {"gone": project.labels.first().pk, "lines": "x\ny", "summary": "My own sentence."}
    merged(project, ada)
    page = client.post(at("labels-split", project), data).content.decode()
    assert "My own sentence." in page
    assert "Select a valid choice" in page
    chosen = data | {"gone": project.labels.last().pk}
    assert ">x\ny</textarea>" in client.get(at("labels-split", project), chosen).content.decode()


def test_news_of_a_merge_name_the_label_that_is_left(client, project, ada):
    ben = make_member(project, "Ben")
    merged(project, ada)
    client.force_login(ben.user)
    page = client.get(at("guidelines-read", project)).content.decode()
    news = page.partition("is one label now with")
    assert ">card</span>" in news[0]
    assert ">transfer</span>" in news[2]


def test_news_of_a_split_name_the_new_labels_and_what_they_mean(client, project, ada):
    ben = make_member(project, "Ben")
    split(project, ada)
    client.force_login(ben.user)
    news = client.get(at("guidelines-read", project)).content.decode().partition("gives way to")[2]
    assert ">debit</span>" in news
    assert ">credit</span>" in news
    assert "debit: Paid from an account" in news


def test_the_admin_hears_that_the_text_still_names_a_label_that_went(client, project, ada):
    guidelines.change(project, ada.user, "- **card**: paid with a card", 1)
    card, transfer, _ = project.labels.all()
    words = "The guidelines still name «card»"
    assert words not in client.get(at("settings-guidelines", project)).content.decode()
    data = {"gone": card.pk, "into": transfer.pk, "summary": "One."}
    assert words in client.post(at("labels-merge", project), data, follow=True).content.decode()
    assert words in client.get(at("settings-guidelines", project)).content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_saving_the_same_text_says_that_nothing_was_changed(client, project, ada, headers):
    guidelines.change(project, ada.user, "A\nB", 1)
    project.refresh_from_db()
    data = {"text": "A\r\nB", "seen": project.guideline_version, "kind": "clarifying", "summary": "Mine."}
    reply = client.post(at("settings-guidelines", project), data, headers=headers)
    page = reply.content.decode()
    assert reply.status_code == 409
    assert "Nothing was changed" in page
    assert 'value="Mine."' in page
    assert project.guideline_versions.count() == 2


def test_a_page_without_figures_since_a_breaking_change_leads_to_those_before(client, project, ada):
    people = [make_member(project, name) for name in ("Ben", "Mira")]
    card, _, cash = project.labels.all()
    for item, label in zip(project.items.all()[:2], (card, cash), strict=True):
        item.agreement = True
        item.save()
        for person in people:
            answer(person, item, label)
    Annotation.objects.update(stream="agreement")
    split(project, ada)
    page = client.get(at("agreement", project)).content.decode()
    assert "Agreement counts from version 2 of the guidelines on" in page
    assert "0 have an answer" in page
    assert 'href="#apart"' in page
    assert "Agreement sample, version 1" in page


def disputed(project, *labels):
    people = [make_member(project, name) for name in ("Ben", "Mira")]
    item = project.items.order_by("number").first()
    Policy.objects.update(max_overlap=2)
    for person, label in zip(people, labels, strict=True):
        answer(person, item, label)
    return Dispute.objects.get(item=item)


def decide(client, dispute, label):
    dispute.refresh_from_db()
    form = {"version": dispute.version, "choice": f"labels:{label.pk}", "reason": "slip"}
    return client.post(at("dispute", dispute.project, dispute.pk), form)


def test_votes_in_dispute_show_and_count_as_the_label_that_is_left(client, project, ada):
    card, transfer, cash = project.labels.all()
    dispute = disputed(project, card, cash)
    merged(project, ada)
    staleness.follow(project.pk)
    page = client.get(at("dispute", project, dispute.pk)).content.decode()
    assert f'value="labels:{transfer.pk}" required' in page
    assert f'value="labels:{card.pk}"' not in page
    assert f"labels:{transfer.pk}" in disputes.answers_of(project.pk)[dispute.pk]
    # One of the votes: it needs no note.
    assert decide(client, dispute, transfer).status_code == 302
    told = Notice.objects.filter(kind="dispute.decided").values_list("user__name", flat=True)
    assert list(told) == ["Mira"]


def test_the_retired_label_of_a_split_is_an_old_answer_and_no_choice(client, project, ada):
    card, _, cash = project.labels.all()
    dispute = disputed(project, card, cash)
    split(project, ada)
    staleness.follow(project.pk)
    page = client.get(at("dispute", project, dispute.pk)).content.decode()
    assert "old answer" in page
    assert f'value="labels:{card.pk}"' not in page
    assert f'value="labels:{cash.pk}" required' in page


def test_a_dispute_that_a_merge_ends_is_dismissed_in_the_history(project, ada):
    card, transfer, _ = project.labels.all()
    dispute = disputed(project, card, transfer)
    merged(project, ada)
    staleness.follow(project.pk)
    dispute.refresh_from_db()
    item = project.items.get(pk=dispute.item_id)
    assert (dispute.state, item.settled_labels) == ("dismissed", [transfer.pk])
    event = Event.objects.get(action="dispute.dismissed")
    assert (event.item, event.reason) == (item, "One label.")
