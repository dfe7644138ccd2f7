"""When votes settle an item, when another answer is asked for, when a lead decides."""

import random
from itertools import permutations
from math import exp

import pytest
from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now

from projects import actions, queries, queue, settle, weighing
from projects.audit import Act
from projects.models import Annotation, Assignment, Dispute, Estimate, Item, Membership, QueueEntry
from projects.quality.asking import Rule
from projects.trust import book
from projects.weighing import Vote
from tests.factories import answer, make_member, make_project, submission

pytestmark = pytest.mark.django_db


def asking(items=1, people=3, triggers=None, fields=None, **policy):
    """A project that asks two people about every item and a third in doubt, and its people.

    Without the trigger «tie» two who differ go to no lead at once.
    """
    policy = {"overlap": 2, "agreement_overlap": 2, "max_overlap": 3, "triggers": triggers or {}, **policy}
    project = make_project(items=items, policy=policy, **(fields or {}))
    return project, [make_member(project) for _ in range(people)]


def only(project):
    return Item.objects.get(project=project)


def known(project, right=0.85, calibration=True, people=None):
    """An estimate: everybody is right so often, but for ``people``, and posteriors mean what they say."""
    classes = list(project.labels.order_by("position").values_list("pk", flat=True))
    table = book.even(right, len(classes))
    table = book.Table(table.prior, table.pooled, people or {})
    odds = [step / 10 for step in range(-92, 93)]
    same = {"at": odds, "worth": [1 / (1 + exp(-one)) for one in odds], "items": 200}
    worth = same if calibration else None
    queries.near.clear()
    return Estimate.objects.create(
        project=project,
        version=1,
        method="one-coin",
        labels=classes,
        tables={"questions": {"0": table.as_json()}, "calibration": worth},
    )


def test_in_doubt_one_more_person_is_asked_and_then_a_lead():
    project, (ann, ben, cleo) = asking()
    known(project)
    first, second, _ = project.labels.all()
    answer(ann, only(project), first), answer(ben, only(project), second)
    entry = QueueEntry.objects.get(state="live")
    assert (only(project).state, entry.places, entry.free) == ("open", 3, 1)
    answer(cleo, only(project), first)
    assert only(project).state == "disputed"
    assert Dispute.objects.get().reasons == ["low"]


def test_a_vote_of_one_who_is_always_right_needs_no_third():
    project, (ann, ben, _) = asking()
    known(project, people={ann.user_id: 0.999})
    first, second, _ = project.labels.all()
    answer(ann, only(project), first), answer(ben, only(project), second)
    item = only(project)
    assert (item.state, item.settled_labels, item.method) == ("settled", [first.pk], "one-coin v1")
    assert (item.estimate, item.posterior > 0.95) == (1, True)
    assert item.soft[str(first.pk)] == pytest.approx(item.posterior, abs=1e-4)


def test_two_who_agree_without_confidence_are_not_enough():
    project, (ann, ben, _) = asking()
    known(project, right=0.5)
    label = project.labels.first()
    answer(ann, only(project), label), answer(ben, only(project), label)
    assert (only(project).state, QueueEntry.objects.get().free) == ("open", 1)


def test_where_nobody_is_left_to_ask_a_lead_decides():
    project, (ann, ben) = asking(people=2)
    known(project)
    first, second, _ = project.labels.all()
    answer(ann, only(project), first), answer(ben, only(project), second)
    assert Dispute.objects.get().reasons == ["tie"]


def test_triggers_that_are_off_make_no_dispute():
    project, people = asking(triggers={"tie": 0, "low": 0})
    first, second, third = project.labels.all()
    for person, label in zip(people, (first, second, third), strict=True):
        answer(person, only(project), label)
    item = only(project)
    assert (item.state, Dispute.objects.count()) == ("settled", 0)
    assert item.posterior < 0.5


def test_a_subjective_project_keeps_the_shares_and_asks_no_lead():
    project, people = asking(fields={"subjective": True})
    first, second, _ = project.labels.all()
    for person, label in zip(people, (first, second, first), strict=True):
        answer(person, only(project), label)
    item = only(project)
    assert (item.state, item.settled_labels) == ("settled", [first.pk])
    assert 0 < item.soft[str(second.pk)] < item.soft[str(first.pk)]
    assert not Dispute.objects.exists()


def test_while_a_flag_waits_nobody_else_is_asked():
    project, (ann, ben, cleo) = asking(fields={"subjective": True})
    answer(ann, only(project), project.labels.first())
    answer(ben, only(project), kind="flag", note="What is this?")
    assert not QueueEntry.objects.filter(state="live").exists()
    assert queue.lease(cleo, 1) == []


def test_one_answer_settles_where_one_is_asked_whatever_it_is_worth():
    project, (ann, _, _) = asking(overlap=1)
    known(project, right=0.6)
    answer(ann, only(project), project.labels.first())
    assert (only(project).settled_source, only(project).state) == ("single", "settled")


def test_the_agreement_sample_asks_its_own_number():
    project, (ann, ben, _) = asking(overlap=1, agreement_overlap=2)
    project.items.update(agreement=True)
    label = project.labels.first()
    answer(ann, only(project), label)
    assert only(project).state == "open"
    answer(ben, only(project), label)
    assert only(project).settled_source == "consensus"


def test_an_item_that_votes_no_longer_carry_asks_again():
    project, (ann, ben, _) = asking()
    label = project.labels.first()
    answer(ann, only(project), label), answer(ben, only(project), label)
    Item.objects.update(votes_from=2, state="stale", settled_labels=None, settled_source="")
    Annotation.objects.filter(annotator=ben.user).update(guideline_version=2)
    settle.rejudge_items(project, [only(project).pk], Act(project))
    entry = QueueEntry.objects.get(state="live")
    assert (only(project).state, entry.free, entry.places) == ("stale", 1, 2)


def test_answers_to_known_items_and_merged_labels_count_as_they_should():
    project, (ann, ben, cleo) = asking()
    first, second, _ = project.labels.all()
    rules = queries.rules(project)
    item = only(project)
    rows = [
        Annotation(pk=1, annotator=ann.user, labels=[second.pk], stream="strategy"),
        Annotation(pk=2, annotator=ben.user, labels=[first.pk], stream="gold"),
        Annotation(pk=3, annotator=cleo.user, kind="cant_tell", stream="strategy"),
    ]
    second.merged_into, second.retired_at = first, project.created_at
    second.save()
    assert weighing.counted(rules, item, rows)[0].answer == {second.pk}
    said = weighing.counted(queries.rules(project), item, rows)
    assert [vote.answer for vote in said] == [{first.pk}, weighing.CANT_TELL]


def test_from_so_many_answers_on_only_seniors_are_asked():
    project, (ann, ben, cleo) = asking(senior_after=2)
    known(project)
    cleo.senior = True
    cleo.save()
    first, second, _ = project.labels.all()
    answer(ann, only(project), first)
    assert not QueueEntry.objects.get().senior
    answer(ben, only(project), second)
    assert QueueEntry.objects.get().senior


def test_where_no_senior_is_left_anybody_is_asked():
    project, (ann, ben, _) = asking(senior_after=1)
    known(project)
    first, second, _ = project.labels.all()
    answer(ann, only(project), first), answer(ben, only(project), second)
    assert not QueueEntry.objects.get().senior


# --- the model's vote ------------------------------------------------------------------------------------


def modelled(top=((0, 0.97), (1, 0.02)), **fields):
    """A project with a proven model that thought this of its one item when it picked it."""
    project, people = asking(fields={"model_proven": True})
    Item.objects.filter(project=project).update(**fields)
    queue.publish(project, [queue.Pick(only(project).pk, "strategy", {"top": [list(one) for one in top]})], 1)
    return project, people


def test_one_answer_that_a_proven_model_confirms_settles():
    project, (ann, _, _) = modelled()
    label = project.labels.get(position=0)
    answer(ann, only(project), label)
    item = only(project)
    assert (item.state, item.settled_labels, item.settled_source) == ("settled", [label.pk], "single")
    assert item.method.endswith("+ model")
    assert not QueueEntry.objects.filter(state="live").exists()


def test_an_answer_that_the_model_contradicts_waits_for_a_second():
    project, (ann, _, _) = modelled()
    answer(ann, only(project), project.labels.get(position=1))
    assert (only(project).state, QueueEntry.objects.get().free) == ("open", 1)


@pytest.mark.parametrize("drawn", ["agreement", "holdout"])
def test_the_model_has_no_say_in_the_random_samples(drawn):
    project, (ann, ben, _) = modelled(**{drawn: True})
    label = project.labels.get(position=0)
    answer(ann, only(project), label)
    assert only(project).state == "open"
    answer(ben, only(project), label)
    assert "model" not in only(project).method


def test_a_model_that_is_not_proven_has_no_say():
    project, (ann, _, _) = modelled()
    project.model_proven = False
    project.save()
    ann.project.refresh_from_db()
    answer(ann, only(project), project.labels.get(position=0))
    assert only(project).state == "open"


# --- several labels, scales ------------------------------------------------------------------------------


def test_of_several_labels_each_is_settled_on_its_own():
    project, people = asking(fields={"task": "multi"}, overlap=3, agreement_overlap=3)
    a, b, c = project.labels.all()
    for person, chosen in zip(people, ((a, b), (a, c), (a, b)), strict=True):
        answer(person, only(project), *chosen)
    item = only(project)
    assert (item.state, item.settled_labels) == ("settled", [a.pk, b.pk])
    assert item.soft[str(a.pk)] > item.soft[str(b.pk)] > 0.5 > item.soft[str(c.pk)]


def test_on_a_scale_an_error_is_rather_near_and_doubt_settles_in_the_middle():
    fields = {"ordinal": True, "subjective": True}
    project, people = asking(fields={**fields, "labels": 5}, overlap=3, agreement_overlap=3)
    levels = list(project.labels.order_by("order", "position"))
    for person, level in zip(people, (levels[1], levels[2], levels[4]), strict=True):
        answer(person, only(project), level)
    item = only(project)
    assert item.settled_labels == [levels[2].pk]
    assert item.soft[str(levels[1].pk)] > item.soft[str(levels[0].pk)]


@pytest.mark.parametrize("task", ["single", "multi"])
def test_the_order_of_votes_does_not_matter(task):
    project = make_project(labels=4, task=task)
    rules = queries.rules(project)
    ids = [label.pk for label in rules.labels]
    sets = [{ids[0]}, {ids[1]}, {ids[0]}, {book.CANT_TELL}]
    votes = [Vote(at, at, frozenset(chosen)) for at, chosen in enumerate(sets)]
    found = [weighing.weigh(project, rules, order, Rule(2, 4, 0.9)) for order in permutations(votes)]
    assert len({(one.what, one.answer, one.tied) for one in found}) == 1
    assert max(one.posterior for one in found) == pytest.approx(min(one.posterior for one in found))


# --- any order of events (invariants 3 and 10) -----------------------------------------------------------


@pytest.mark.parametrize(("seed", "task"), [(0, "single"), (1, "single"), (2, "multi")])
def test_no_item_is_asked_too_often_and_doubt_at_the_end_is_one_dispute(seed, task):
    draw = random.Random(seed)
    triggers = {"tie": 0} if task == "multi" else {}
    project, people = asking(items=5, people=5, max_overlap=4, triggers=triggers, fields={"task": task})
    project.items.filter(number__lte=2).update(agreement=True)
    if task == "single":
        known(project, right=draw.choice([0.6, 0.8, 0.95]))
    labels = list(project.labels.all())
    for _ in range(45):
        person = draw.choice(people)
        for assignment in queue.lease(person, draw.choice([1, 2])):
            kind = draw.choices(["answer", "cant_tell", "skip", "flag", "undo"], [12, 1, 1, 1, 1])[0]
            chosen = draw.sample(labels, 1 if task == "single" else draw.choice([0, 1, 2]))
            sent = submission(assignment.item, *(chosen if kind == "answer" else ()), kind=kind, note="?")
            actions.submit(person, [sent])
        check(project, most=4)


def check(project, most):
    placed = Assignment.objects.filter(placed=True, state__in=("leased", "submitted"))
    for item in project.items.all():
        assert placed.filter(item=item).count() <= most
        assert (item.disputes.filter(state="open").count() == 1) == (item.state == "disputed")
        if item.state == "open" and item.annotations.exists():
            # Somebody is asked, or has it in hand.
            entry = item.entries.get(state="live")
            assert entry.free or placed.filter(item=item, state="leased").exists()
    assert not queries.stuck(project).exists()
    assert not QueueEntry.objects.filter(Q(free__gt=F("places"))).exists()


# --- votes that count no more, and again (invariant 12) --------------------------------------------------


def leave_out(member, project, out=True):
    """Let a person's votes count for nothing, or again, and judge the items anew."""
    with transaction.atomic():
        Membership.objects.filter(pk=member.pk).update(excluded_at=now() if out else None)
        ids = project.annotations.filter(annotator=member.user).values_list("item_id", flat=True)
        settle.rejudge_items(project, ids, Act(project))


def facts():
    return list(Item.objects.order_by("pk").values("pk", *settle.EMPTY))


def test_votes_left_out_open_an_item_again_and_taking_that_back_restores_it_exactly():
    project, (ann, ben, _) = asking()
    label = project.labels.first()
    answer(ann, only(project), label), answer(ben, only(project), label)
    before = facts()
    leave_out(ann, project)
    entry = QueueEntry.objects.get(state="live")
    assert (only(project).state, entry.places, entry.free) == ("open", 3, 1)
    known(project)  # A new estimate meanwhile.
    leave_out(ann, project, out=False)
    assert facts() == before
    assert not QueueEntry.objects.filter(state="live").exists()


def test_a_dispute_that_only_missing_votes_made_is_dismissed_when_they_count_again():
    project, people = asking(overlap=3, agreement_overlap=3)
    first, second, _ = project.labels.all()
    for person, label in zip(people, (first, first, second), strict=True):
        answer(person, only(project), label)
    before = facts()
    leave_out(people[0], project)
    assert only(project).state == "disputed"
    leave_out(people[0], project, out=False)
    assert facts() == before
    assert Dispute.objects.get().state == "dismissed"


def test_a_vote_that_came_meanwhile_is_heard_when_the_others_count_again():
    project, (ann, ben, cleo) = asking()
    first, second, _ = project.labels.all()
    answer(ann, only(project), first), answer(ben, only(project), first)
    leave_out(ann, project)
    answer(cleo, only(project), second)
    leave_out(ann, project, out=False)
    assert only(project).state == "disputed"
    assert Assignment.objects.filter(item=only(project)).count() == 3


def test_items_that_wait_for_nobody_are_looked_at_again():
    project, (ann, ben, _) = asking(people=3)
    label = project.labels.first()
    answer(ann, only(project), label)
    answer(ben, only(project), label)
    Item.objects.update(state="open", settled_labels=None, settled_source="")
    QueueEntry.objects.update(state="live")
    assert settle.look_again(project) == 1
    assert only(project).settled_labels == [label.pk]
