"""What leads see of cards: how often single answers confirm them, and what they cost."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.urls import reverse

from projects import actions, cards, queue
from projects.models import Annotation, Membership, Project, QueueEntry
from projects.trust import cardchecks
from tests.factories import answer, hand, make_lead, make_member, make_project, submission
from tests.test_cards import begin, deal, items, label_together, make

pytestmark = pytest.mark.django_db
Stream = QueueEntry.Stream


def checked(right: int, wrong: int) -> tuple[Project, Membership]:
    """Ann's card of twelve, of which Ben confirms some and contradicts others."""
    project = make(bulk_check=1.0, gold_share=0.0, max_overlap=2)
    ann, ben = begin(project, "Ann"), make_member(project, "Ben")
    label_together(ann, deal(ann))
    queue.lease(ben, 12)
    for number, item in enumerate(items(project)[: right + wrong]):
        answer(ben, item, project.labels.get(position=0 if number < right else 1), active_ms=4000)
    return project, ann


def test_where_nobody_used_a_card_there_is_nothing_to_tell():
    project = make()
    answer(make_member(project), items(project)[0], project.labels.first())
    assert cardchecks.report(project) is None


def test_checks_are_counted_by_what_the_card_said():
    project, _ann = checked(6, 2)
    report = cardchecks.report(project)
    assert (report.cards, report.all.labelled, report.waiting) == (1, 12, 4)
    assert (report.all.checked, report.all.confirmed) == (8, 6)
    (line,) = report.labels
    assert (line.name, line.checked, line.confirmed) == ("label 0", 8, 6)
    assert line.low < 0.75 < line.high


def test_a_label_with_few_checks_has_no_line():
    project, _ann = checked(3, 0)
    report = cardchecks.report(project)
    assert (report.labels, report.few) == ([], 1)


def test_seconds_an_item_are_told_of_cards_and_of_single_answers():
    project, _ann = checked(6, 2)
    report = cardchecks.report(project)
    assert (report.together, report.singly, report.times) == (0.2, 4.0, 20.0)


def test_who_checks_the_own_card_is_compared_with_what_was_said_before():
    project = make(items=3, bulk_check=1.0, gold_share=0.0)
    ann = begin(project, "Ann")
    label_together(ann, deal(ann)[:2])
    moment = QueueEntry.objects.latest("created_at").created_at + 2 * cards.LATER
    assert cards.ask_themselves(project, moment) == 2
    for position, item in enumerate(items(project)[:2]):
        queue.lease(ann, 5)
        actions.submit(ann, [submission(item, project.labels.get(position=position))])
    report = cardchecks.report(project)
    assert (report.all.checked, report.all.confirmed) == (2, 1)


def test_what_was_taken_back_or_does_not_count_is_left_out():
    project, ann = checked(6, 2)
    actions.submit(ann, [submission(items(project)[11], kind="undo")])
    assert cardchecks.report(project).all.labelled == 11
    Membership.objects.filter(pk=ann.pk).update(excluded_at=ann.user.date_joined)
    cache.clear()
    assert cardchecks.report(project).all.labelled == 0


def test_a_vote_for_a_second_opinion_is_no_check():
    project = make(overlap=2, agreement_overlap=2, bulk_check=1.0)
    QueueEntry.objects.update(places=2, free=2)
    ann, ben = begin(project, "Ann"), make_member(project)
    label_together(ann, deal(ann)[:1])
    hand(ben, items(project)[0])
    actions.submit(ben, [submission(items(project)[0], project.labels.get(position=0))])
    assert cardchecks.report(project).all.checked == 0
    assert not Annotation.objects.filter(stream=Stream.CARD_CHECK).exists()


def test_leads_see_it_on_the_page_of_agreement_and_annotators_do_not(client):
    project, ann = checked(6, 2)
    address = reverse("agreement", args=[project.pk])
    client.force_login(make_lead(project).user)
    page = client.get(address).content.decode()
    assert "Labelled together" in page
    assert "75 %" in page
    assert "singly 4.0" in page
    client.force_login(ann.user)
    assert client.get(address).status_code == 403


def test_without_cards_the_page_says_nothing_of_them(client):
    project = make_project(items=1)
    client.force_login(make_lead(project).user)
    page = client.get(reverse("agreement", args=[project.pk])).content.decode()
    assert "Labelled together" not in page
