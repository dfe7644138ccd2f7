"""Known items: who is given which, what the answers count for, and what nobody can tell from them."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import now

from projects import actions, queries, queue
from projects.models import Annotation, Assignment, Dispute, Event, Item, Notice, QueueEntry, Resolution
from projects.trust import gold, known
from tests.factories import (
    answer,
    make_items,
    make_lead,
    make_member,
    make_project,
    submission,
)

pytestmark = pytest.mark.django_db
POLICY = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.3}
ALL_GOLD = {**POLICY, "gold_share": 0.5}


def make_known(project, count=1, labels=None, **fields):
    """Items that a lead decided and confirmed as known ones; right is the first label."""
    right = [[project.labels.first().pk]] if labels is None else labels
    settled = {"state": "settled", "settled_labels": right[0], "settled_source": "adjudicated"}
    items = make_items(project, count, settled_at=now(), gold=right, **{**settled, **fields})
    for item in items:
        known.serve(project, item)
    return items


def given(member):
    return Assignment.objects.filter(annotator=member.user, entry__stream="gold")


def work_through(member, count, choose=None):
    """Answer what the queue gives; return the items in order."""
    label = member.project.labels.first()
    done = []
    for _ in range(count):
        held = queue.lease(member, 6)
        if not held:
            break
        chosen = choose(held[0].item) if choose else label
        (verdict,) = actions.submit(member, [submission(held[0].item, chosen)])
        assert verdict.status == "stored", verdict
        done.append(held[0].item)
    return done


def answer_known(member, item, *labels, **fields):
    """Give this very known item to a person and hand in an answer."""
    mine = Assignment.objects.filter(item=item, annotator=member.user).first()
    entry = gold.serving(item.project_id).get(item=item)
    if mine is None:
        Assignment.objects.create(
            project=member.project,
            item=item,
            annotator=member.user,
            entry=entry,
            expires_at=now() + timedelta(minutes=5),
        )
    (verdict,) = actions.submit(member, [submission(item, *labels, **fields)])
    assert verdict.status == "stored", verdict
    return verdict


def test_each_known_item_comes_once_to_each_person():
    project = make_project(items=60, policy=ALL_GOLD)
    items = make_known(project, 8)
    for name in ("Ben", "Mira"):
        member = make_member(project, name)
        asked = [item.pk for item in work_through(member, 60)]
        assert len(asked) == len(set(asked))
        assert {item.pk for item in items} <= set(asked)
        assert gold.unseen(member, project.policy).count() == 0


def test_known_items_come_at_the_policy_s_rate_three_times_as_often_at_first():
    project = make_project(policy={**POLICY, "gold_share": 0.1})
    policy = project.policy
    hits = [
        gold.drawn(project, policy, person, number) for person in range(200) for number in range(300)
    ]
    early = [hit for at, hit in enumerate(hits) if at % 300 < 100]
    late = [hit for at, hit in enumerate(hits) if at % 300 >= 100]
    assert sum(early) / len(early) == pytest.approx(0.3, abs=0.01)
    assert sum(late) / len(late) == pytest.approx(0.1, abs=0.01)


def test_the_share_among_what_is_given_is_the_policy_s():
    project = make_project(items=150, policy={**POLICY, "gold_share": 0.1})
    make_known(project, 80)
    member = make_member(project)
    work_through(member, 100)
    expected = sum(gold.drawn(project, project.policy, member.user_id, n) for n in range(100))
    assert given(member).count() == pytest.approx(expected, abs=2)
    assert 20 <= expected <= 40


def test_looking_again_without_answering_brings_no_further_known_item():
    project = make_project(items=0, policy={**POLICY, "gold_share": 0.5})
    make_known(project, 10)
    member = make_member(project)
    for _ in range(10):
        queue.lease(member, 6)
    assert given(member).count() <= 1


def test_nobody_is_given_a_known_item_that_they_voted_on_or_decided():
    project = make_project(items=0, policy={**ALL_GOLD, "overlap": 2, "agreement_overlap": 2})
    ben, mira, zoe = (make_member(project, name) for name in ("Ben", "Mira", "Zoe"))
    lead = make_lead(project)
    (item,) = make_items(project, 1)
    one, other, _third = project.labels.all()
    answer(ben, item, one)
    answer(mira, item, other)
    decide(lead, item, one)
    assert known.confirm(lead, [item.number]) == 1
    policy = project.policy
    asked = {member.pk: gold.unseen(member, policy).exists() for member in (ben, mira, zoe, lead)}
    assert asked == {ben.pk: False, mira.pk: False, zoe.pk: True, lead.pk: False}


def decide(lead, item, *labels, outcome="labelled"):
    """Let a lead decide the open dispute about an item."""
    from projects import resolving

    dispute = item.disputes.get(state="open")
    ids = tuple(label.pk for label in labels)
    decision = resolving.Decision(outcome, "slip", dispute.version, ids, "Because it says so.")
    return resolving.resolve(dispute.pk, lead, decision)


def test_answers_to_known_items_count_neither_for_overlap_nor_for_agreement():
    project = make_project(items=0, policy={**ALL_GOLD, "agreement_share": 0.2})
    (item,) = make_known(project, 1, agreement={0})
    for name in ("Ben", "Mira", "Zoe"):
        answer_known(make_member(project, name), item, project.labels.last())
    assert set(Annotation.objects.values_list("stream", flat=True)) == {"gold"}
    assert not queries.votes([item.pk]).exists()
    assert queries._count_pairs(project)[:2] == (0, 0)


def test_an_answer_to_a_known_item_does_not_change_it():
    project = make_project(items=0, policy=ALL_GOLD)
    (item,) = make_known(project, 1)
    before = Item.objects.values().get(pk=item.pk)
    answer_known(make_member(project), item, project.labels.last())
    assert Item.objects.values().get(pk=item.pk) == before


def test_several_answers_may_be_right():
    project = make_project(items=0, policy=ALL_GOLD)
    one, two, three = project.labels.all()
    (item,) = make_known(project, 1, labels=[[one.pk], [two.pk]])
    right = {}
    for label in (one, two, three):
        member = make_member(project)
        answer_known(member, item, label)
        right[label.pk] = [is_right for _item, is_right, _at in gold.answers(member)]
    assert right == {one.pk: [True], two.pk: [True], three.pk: [False]}
