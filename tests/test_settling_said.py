"""An item is settled as somebody said, never as a label that nobody gave."""

import numpy as np
import pytest

from projects import queries, queue, weighing
from projects.models import Dispute, Item, QueueEntry
from projects.quality.asking import Rule
from projects.trust import book, estimates
from projects.trust.book import Book, Table
from projects.weighing import Vote
from tests.factories import answer, make_member, make_project

pytestmark = pytest.mark.django_db


def leaning(project, to=0, share=0.97, right=0.6):
    """An estimate under which nearly everything has one label, whatever somebody who guesses says."""
    classes = list(project.labels.order_by("position").values_list("pk", flat=True))
    table = book.even(right, len(classes), project.ordinal)
    prior = np.full(len(classes), (1 - share) / (len(classes) - 1))
    prior[to] = share
    return kept(project, classes, {0: Table(prior, table.pooled, {}, project.ordinal)})


def leaning_labels(project, shares, right=0.6):
    """The same where several labels may apply: the share of items that have each label."""
    classes = list(project.labels.order_by("position").values_list("pk", flat=True))
    pooled = book.even(right, 2).pooled
    tables = {pk: Table(np.array([1 - yes, yes]), pooled) for pk, yes in zip(classes, shares, strict=True)}
    return kept(project, classes, tables)


def kept(project, classes, tables, calibration=None):
    queries.near.clear()
    kept_tables = estimates._as_json(Book(tuple(classes), tables, "one-coin"))
    return project.estimates.create(
        version=1, method="one-coin", labels=classes, tables={**kept_tables, "calibration": calibration}
    )


def calibrated(row):
    """Posteriors are worth what they say, nearly: from now on the target decides."""
    row.tables["calibration"] = {"at": [-5, 0, 5], "worth": [0.01, 0.5, 0.99], "items": 200}
    row.save()
    queries.near.clear()
    estimates._read.cache_clear()


def asking(people=1, triggers=None, fields=None, **policy):
    policy = {"holdout_share": 0, "agreement_share": 0, "triggers": triggers or {}, **policy}
    project = make_project(items=1, policy=policy, **(fields or {}))
    return project, [make_member(project) for _ in range(people)]


def only(project):
    return Item.objects.get(project=project)


# --- one answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["plain", "calibrated", "subjective", "no tie"])
def test_a_sole_answer_is_what_the_item_is_settled_as(how):
    project, (ann,) = asking(
        triggers={"tie": 0} if how == "no tie" else None, fields={"subjective": how == "subjective"}
    )
    row = leaning(project)
    if how == "calibrated":
        calibrated(row)
    common, said, _ = project.labels.order_by("position")
    answer(ann, only(project), said)
    item = only(project)
    assert (item.state, item.settled_labels, item.settled_source) == ("settled", [said.pk], "single")
    assert item.posterior == pytest.approx(item.soft[str(said.pk)], abs=1e-3)
    assert item.posterior < item.soft[str(common.pk)] or how == "plain"


@pytest.mark.parametrize("calibration", [False, True])
def test_a_sole_answer_of_several_labels_stands_label_by_label(calibration):
    project, (ann,) = asking(fields={"task": "multi"})
    row = leaning_labels(project, [0.97, 0.02, 0.5])
    if calibration:
        calibrated(row)
    usual, said, _ = project.labels.order_by("position")
    answer(ann, only(project), said)
    item = only(project)
    assert (item.state, item.settled_labels) == ("settled", [said.pk])
    assert item.soft[str(usual.pk)] > 0.5 > item.soft[str(said.pk)]
    assert item.posterior < 0.5


def test_an_answer_of_no_label_stands_too():
    project, (ann,) = asking(fields={"task": "multi"})
    leaning_labels(project, [0.97, 0.02, 0.5])
    answer(ann, only(project))
    assert (only(project).state, only(project).settled_labels) == ("settled", [])


@pytest.mark.parametrize("task", ["single", "multi"])
def test_a_proven_model_never_puts_its_label_in_the_place_of_the_only_answer(task):
    project, (ann,) = asking(fields={"model_proven": True, "task": task, "subjective": True})
    queue.publish(project, [queue.Pick(only(project).pk, "strategy", {"top": [[0, 0.98], [1, 0.01]]})], 1)
    said = project.labels.get(position=1)
    answer(ann, only(project), said)
    item = only(project)
    assert (item.state, item.settled_labels) == ("settled", [said.pk])
    assert item.posterior < 0.5


# --- people who differ -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("triggers", "subjective"), [({"tie": 0, "low": 0}, False), ({}, True)])
def test_two_who_differ_never_settle_on_a_third_label(triggers, subjective):
    project, people = asking(2, triggers, {"subjective": subjective}, overlap=2)
    leaning(project)
    common, second, third = project.labels.order_by("position")
    answer(people[0], only(project), second), answer(people[1], only(project), third)
    item = only(project)
    assert item.state == "settled"
    assert item.settled_labels in ([second.pk], [third.pk])
    assert item.soft[str(common.pk)] > 0.5


def test_each_label_of_several_is_as_somebody_said():
    project, people = asking(2, {"tie": 0, "low": 0}, {"task": "multi", "labels": 4}, overlap=2)
    leaning_labels(project, [0.999, 0.001, 0.9, 0.1])
    never, both, one, other = project.labels.order_by("position")
    answer(people[0], only(project), both, one), answer(people[1], only(project), both, other)
    item = only(project)
    assert (item.state, item.settled_labels) == ("settled", [both.pk, one.pk])
    assert item.soft[str(never.pk)] > 0.5 > item.soft[str(both.pk)]


@pytest.mark.parametrize(("to", "expected"), [(0, 1), (2, 2), (4, 3)])
def test_on_a_scale_it_lies_between_what_was_said(to, expected):
    fields = {"ordinal": True, "subjective": True, "labels": 5}
    project, people = asking(2, None, fields, overlap=2)
    leaning(project, to, share=0.999)
    levels = list(project.labels.order_by("position"))
    answer(people[0], only(project), levels[1]), answer(people[1], only(project), levels[3])
    assert only(project).settled_labels == [levels[expected].pk]


def test_on_a_scale_one_who_cannot_tell_moves_nothing():
    project, people = asking(2, None, {"ordinal": True, "subjective": True, "labels": 5}, overlap=2)
    level = project.labels.order_by("position")[1]
    answer(people[0], only(project), level), answer(people[1], only(project), kind="cant_tell")
    assert only(project).settled_labels in ([level.pk], None)


def test_a_label_that_nobody_said_still_asks_one_more_person():
    project, people = asking(3, overlap=2, max_overlap=3)
    calibrated(leaning(project))
    second = project.labels.get(position=1)
    answer(people[0], only(project), second), answer(people[1], only(project), second)
    assert (only(project).state, QueueEntry.objects.get(state="live").free) == ("open", 1)
    answer(people[2], only(project), project.labels.get(position=2))
    assert Dispute.objects.get().reasons == ["low"]


def test_weighing_names_only_what_was_said_whatever_the_estimate():
    project = make_project(labels=4)
    leaning(project, share=0.9999)
    rules, ids = queries.rules(project), [label.pk for label in project.labels.order_by("position")]
    for said in ([1], [1, 2], [3, 2], [1, 2, 3], [2, 2, 1]):
        votes = [Vote(at, at, frozenset({ids[one]})) for at, one in enumerate(said)]
        for lead in (True, False):
            found = weighing.weigh(project, rules, votes, Rule(1, 3, 0.95, lead))
            assert found.answer in {vote.answer for vote in votes}
            assert sum(found.soft.values()) == pytest.approx(1, abs=1e-3)
