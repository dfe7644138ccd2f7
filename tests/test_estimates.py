"""How people answer is learned from their votes, kept by version, and weighs the next votes."""

import random
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.utils.timezone import now

from projects import queries, settle, tasks, weighing
from projects.models import Annotation, Estimate, GuidelineVersion, Item
from projects.quality import crowd
from projects.quality.asking import Rule
from projects.trust import book, estimates, fitting
from projects.trust.book import Table
from projects.weighing import Vote
from tests.factories import make_items, make_labels, make_member, make_project

pytestmark = pytest.mark.django_db


def crowded(items=200, rights=(0.95, 0.9, 0.55), labels=3, seed=3, **fields):
    """A project in which each of these people answered every item, right so often; and the truth by item."""
    draw = random.Random(seed)
    project = make_project(
        items=items, labels=labels, policy={"overlap": 2, "agreement_overlap": 2}, **fields
    )
    ids = list(project.labels.order_by("position").values_list("pk", flat=True))
    people = [make_member(project) for _ in rights]
    truth = {item.pk: draw.choice(ids) for item in project.items.order_by("number")}
    rows = [
        vote(
            project,
            item,
            person,
            true if draw.random() < right else draw.choice([x for x in ids if x != true]),
        )
        for item, true in truth.items()
        for person, right in zip(people, rights, strict=True)
    ]
    Annotation.objects.bulk_create(rows)
    return project, people, truth


def vote(project, item, person, *labels, **fields):
    return Annotation(
        project=project,
        item_id=item,
        annotator=person.user,
        submission=uuid4(),
        labels=sorted(labels),
        stream="strategy",
        **fields,
    )


def decide(project, truth, count, source="adjudicated"):
    """Let a lead have decided so many items."""
    for item in project.items.order_by("number")[:count]:
        Item.objects.filter(pk=item.pk).update(
            state="settled", settled_source=source, settled_labels=[truth[item.pk]]
        )


def gathered(project):
    return estimates.gather(project, queries.rules(project))


def test_before_the_first_estimate_everybody_counts_alike():
    assert estimates.newest(make_project()) is None
    assert estimates.fit(make_project()) is None


def test_who_is_right_more_often_weighs_more():
    project, (good, _, poor), _ = crowded()
    estimates.fit(project)
    first, second, _ = project.labels.order_by("position")
    votes = [Vote(1, good.user_id, frozenset({first.pk})), Vote(2, poor.user_id, frozenset({second.pk}))]
    found = weighing.weigh(project, queries.rules(project), votes, Rule(2, 3, 0.95))
    assert (set(found.answer), found.estimate) == ({first.pk}, 1)
    assert found.method == "dawid-skene v1"
    assert sum(found.soft.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("method", crowd.METHODS)
def test_the_live_posterior_of_an_item_is_that_of_the_batch(method):
    project, *_ = crowded(items=60)
    ballots = gathered(project)
    batch = crowd.fit(ballots.items, ballots.people, ballots.questions()[0], 3, method)
    read = Table.from_json(fitting.fit(ballots, method).tables[0].as_json())
    for place in range(60):
        rows = np.flatnonzero(ballots.items == place).tolist()
        votes = [Vote(row, int(ballots.user_ids[ballots.people[row]]), ballots.answers[row]) for row in rows]
        said = ballots.questions()[0][rows].tolist()
        live = weighing.chances(read, votes, said, None)
        assert live == pytest.approx(batch.posterior[place], abs=1e-4)


def test_votes_of_several_labels_are_learned_label_by_label():
    project, (good, *_), _ = crowded(items=120, task="multi")
    row = estimates.fit(project)
    ids = [label.pk for label in project.labels.all()]
    assert sorted(map(int, row.tables["questions"])) == ids
    votes = [Vote(1, good.user_id, frozenset(ids[:1]))]
    found = weighing.weigh(project, queries.rules(project), votes, Rule(1, 3, 0.5))
    assert found.answer == frozenset(ids[:1])


def test_an_estimate_never_changes_and_the_next_has_the_next_number():
    project, *_ = crowded(items=30)
    one, two = estimates.fit(project), estimates.fit(project)
    assert (one.version, two.version) == (1, 2)
    assert estimates.newest(project).version == 2


def test_a_refit_changes_nothing_that_is_settled():
    project, _, truth = crowded(items=40)
    wrong = {pk: next(other for other in truth.values() if other != true) for pk, true in truth.items()}
    decide(project, wrong, 30, "consensus")
    decide(project, wrong, 10)
    before = list(Item.objects.order_by("pk").values())
    estimates.fit(project)
    settle.look_again(project)
    assert list(Item.objects.order_by("pk").values()) == before
    assert estimates.consequences(project)["one-coin"] > 10


def test_the_method_that_is_right_more_often_on_decided_items_is_used():
    project, *_ = crowded(items=200, rights=(0.95, 0.5, 0.45, 0.5, 0.45))
    assert estimates.fit(project).method == "dawid-skene"
    found = fitting.Ballots.of([], (1, 2, 3), False, False)
    best = tried([1.0] * 30 + [0.0] * 30), tried([1.0] * 60)
    assert fitting.chosen(found, {"majority": best[0], "one-coin": best[1]}) == "one-coin"
    assert fitting.chosen(found, {"majority": best[1], "one-coin": best[0]}) == "majority"
    few = tried([0.0] * 20), tried([1.0] * 20)
    assert fitting.chosen(found, {"majority": few[0], "one-coin": few[1]}) == "majority"


def tried(right):
    return fitting.Tried(book.Book((1, 2, 3), {}, ""), np.full(len(right), 0.9), np.array(right))


def test_the_policy_may_name_the_method():
    project, *_ = crowded(items=40)
    project.policies.update(aggregator="dawid-skene")
    row = estimates.fit(project)
    assert (row.method, row.automatic) == ("dawid-skene", False)


def test_confidence_is_calibrated_on_a_hundred_decided_items():
    project, _, truth = crowded(items=150)
    decide(project, truth, 99)
    assert estimates.fit(project).tables["calibration"] is None
    decide(project, truth, 120)
    row = estimates.fit(project)
    assert row.tables["calibration"]["items"] == 120
    assert row.figures["decided"] == 120
    assert set(row.figures["right"]) == set(crowd.METHODS)


def test_a_sole_answer_is_tried_as_what_was_said():
    project, (ann, *_), _ = crowded(items=60)
    rare = make_labels(project, ["rare"])[0]
    (item,) = make_items(project, 1)
    vote(project, item.pk, ann, rare.pk).save()
    ballots, right = gathered(project), [frozenset({rare.pk})]
    for method in crowd.METHODS:
        assert fitting.tried(ballots, method, {item.pk: right}).right.tolist() == [1.0]
        assert fitting._batch(ballots, method)[ballots.item_ids.tolist().index(item.pk)] == right[0]


# --- what is known to be right ---------------------------------------------------------------------------


def test_known_answers_are_read_with_merged_labels_as_what_they_became():
    project, *_ = crowded(items=3)
    into, gone, _ = project.labels.order_by("position")
    gold, led, checked = project.items.order_by("number")
    Item.objects.filter(pk=gold.pk).update(
        state="settled", settled_source="gold", gold=[[gone.pk]], settled_labels=[gone.pk]
    )
    Item.objects.filter(pk=led.pk).update(
        state="settled", settled_source="adjudicated", settled_labels=[gone.pk], soft={str(gone.pk): 1.0}
    )
    check(project, checked, [gone.pk])
    gone.merged_into, gone.retired_at = into, now()
    gone.save()
    known = {item.pk: [frozenset({into.pk})] for item in (gold, led, checked)}
    assert dict(estimates.decided(project)) == known


@pytest.mark.parametrize("state", ["open", "disputed", "stale", "excluded"])
def test_a_known_answer_that_is_looked_at_again_is_none(state):
    project, *_ = crowded(items=1)
    label = project.labels.first()
    Item.objects.update(state=state, gold=[[label.pk]])
    assert list(estimates.decided(project)) == []


def test_a_spot_check_before_the_labels_changed_says_nothing():
    project, *_ = crowded(items=2)
    before, after = project.items.order_by("number")
    label = project.labels.first()
    version = GuidelineVersion.objects.create(project=project, version=2, kind="clarifying")
    check(project, before, [label.pk], version.created_at - timedelta(seconds=1))
    check(project, after, [label.pk], version.created_at + timedelta(seconds=1))
    assert len(dict(estimates.decided(project))) == 2
    Item.objects.update(votes_from=2)
    assert list(dict(estimates.decided(project))) == [after.pk]


def check(project, item, labels, at=None):
    project.spot_checks.create(item=item, labels=labels, answered_at=at or now(), right=True)


def test_votes_that_do_not_count_teach_nothing():
    project, (_, _, poor), _ = crowded(items=30)
    poor.excluded_at = poor.created_at
    poor.save()
    Annotation.objects.filter(item__number=1).update(stream="gold")
    Item.objects.filter(number=2).update(votes_from=9)
    ballots = gathered(project)
    assert (len(ballots.items), len(ballots.user_ids)) == (2 * 28, 2)


def test_tables_too_large_to_keep_are_not_made():
    project, *_ = crowded(items=10, labels=300)
    assert fitting.methods(gathered(project)) == ["majority", "one-coin"]


# --- when it is worth it ---------------------------------------------------------------------------------


def test_an_estimate_is_due_after_fifty_votes_and_a_tenth_more():
    project, people, truth = crowded(items=200)
    assert estimates.due(project)
    estimates.fit(project)
    assert not estimates.due(project)
    more = make_items(project, 30)
    Annotation.objects.bulk_create(vote(project, item.pk, people[0], truth_of(truth)) for item in more)
    assert not estimates.due(project)
    Annotation.objects.bulk_create(vote(project, item.pk, people[1], truth_of(truth)) for item in more)
    assert estimates.due(project)


def truth_of(truth):
    return next(iter(truth.values()))


def test_an_estimate_is_due_when_what_counts_has_changed():
    project, (ann, *_), _ = crowded(items=30)
    estimates.fit(project)
    ann.excluded_at = ann.created_at
    ann.save()
    assert estimates.due(project)
    estimates.fit(project)
    assert not estimates.due(project)
    project.labels.filter(position=2).update(retired_at=project.created_at)
    assert estimates.due(project)


def test_the_clock_makes_what_is_due_and_a_double_does_no_harm():
    crowded(items=30)
    tasks.estimate()
    tasks.estimate()
    assert list(Estimate.objects.values_list("version", flat=True)) == [1]


def reads(monkeypatch):
    """A list that grows whenever all votes are read."""
    read, real = [], estimates.gather

    def gather(*given):
        read.append(given)
        return real(*given)

    monkeypatch.setattr(estimates, "gather", gather)
    return read


def test_where_no_vote_counts_nothing_is_tried_again_until_something_is_new(monkeypatch):
    project, (ann, *_), truth = crowded(items=30)
    estimates.fit(project)
    read = reads(monkeypatch)
    project.agreed_version = 2
    project.save()
    for _ in range(3):
        tasks.estimate()
    assert (len(read), Estimate.objects.count()) == (1, 1)
    (item,) = make_items(project, 1)
    vote(project, item.pk, ann, truth_of(truth), guideline_version=2).save()
    tasks.estimate()
    tasks.estimate()
    assert (len(read), Estimate.objects.count()) == (2, 2)


def test_a_project_whose_votes_all_count_for_nothing_is_read_once(monkeypatch):
    crowded(items=30)
    Item.objects.update(votes_from=9)
    read = reads(monkeypatch)
    for _ in range(3):
        tasks.estimate()
    assert (len(read), Estimate.objects.count()) == (1, 0)
