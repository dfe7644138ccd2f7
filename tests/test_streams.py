"""Streams of a batch: what each entry is there for, and what becomes of settled items that are in doubt."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.utils.timezone import now

from projects import queue
from projects.models import Item, Project, QueueEntry
from projects.reasons import sentence
from sampling import features, rounds, snapshots
from sampling.models import Feedback
from tests.factories import answer, make_items, make_member
from tests.loops import know, label, live, make_loop, right, turn, wish, with_model

pytestmark = pytest.mark.django_db
NAMES = {0: "red", 1: "blue"}


def streams_of(project: Project) -> Counter[str]:
    return Counter(entry.stream for entry in live(project) if entry.stream != "reserve")


# --- beside the main one -----------------------------------------------------------------------------------


def test_each_entry_names_its_stream_its_strategy_and_why():
    project = make_loop(batch=20, items=100)
    wish(
        project,
        holdout_mix=0,
        streams=[
            {"name": "rare", "strategy": "rare", "share": 0.15},
            {"name": "random control", "strategy": "random", "share": 0.15},
            {"name": "edges", "strategy": "k-center", "share": 0.1},
        ],
    )
    know(project)
    newest = turn(project)
    assert streams_of(project) == {"strategy": 14, "rare": 3, "control": 3}
    assert newest.metrics["streams"] == {"main": 12, "rare": 3, "random control": 3, "edges": 2}
    by_stream = {entry.reason.get("stream", "main"): entry.reason for entry in live(project)}
    told = {name: (reason["why"], reason["strategy"]) for name, reason in by_stream.items()}
    assert told["rare"] == ("rare", "rare")
    assert told["random control"] == ("control", "random")
    assert told["edges"] == ("covers", "k-center")
    assert "near a rare label" in sentence(by_stream["rare"], NAMES).lower()
    assert sentence(by_stream["random control"], NAMES) == "Drawn at random, to compare the strategy with."
    assert sentence(by_stream["edges"], NAMES).startswith(
        "Covers a region that has few labels nearby, which looks like "
    )


def test_the_streams_are_mixed_so_that_everybody_meets_all_of_them():
    project = make_loop(batch=20, items=100)
    wish(project, holdout_mix=0, streams=[{"name": "control", "strategy": "random", "share": 0.5}])
    know(project)
    turn(project)
    first = [entry.stream for entry in live(project)[:10]]
    assert Counter(first) == {"strategy": 5, "control": 5}


def test_a_stream_for_new_items_asks_about_those_alone():
    project = with_model(items=80, batch=10)
    wish(project, streams=[{"name": "new", "strategy": "first-batch", "share": 0.4}])
    make_items(project, [f"blue lake {n}" for n in range(20)])
    while features.advance(project, now()):
        pass
    label(project, 10, text__startswith="red")
    turn(project)
    fresh = live(project, stream="new")
    assert len(fresh) == 4
    assert all(entry.item.number > 80 for entry in fresh)
    assert {entry.reason["why"] for entry in fresh} == {"new"}


def test_without_new_items_the_main_stream_gets_their_share():
    project = with_model(items=80, batch=10)
    wish(project, holdout_mix=0, streams=[{"name": "new", "strategy": "first-batch", "share": 0.4}])
    label(project, 10, text__startswith="red")
    newest = turn(project)
    assert newest.metrics["streams"] == {"new": 0, "main": 10}


def test_quotas_of_a_metadata_value_are_kept():
    project = make_loop(batch=10, items=80)
    for item in project.items.all():
        Item.objects.filter(pk=item.pk).update(metadata={"year": 2024 if item.number <= 10 else 2025})
    wish(project, holdout_mix=0, quotas=[{"of": "field:year", "value": "2024", "at_least": 0.5}])
    know(project, each=2)
    turn(project)
    picked = [entry for entry in live(project) if entry.stream != "reserve"]
    assert sum(entry.item.metadata["year"] == 2024 for entry in picked) >= 5


@pytest.mark.parametrize(
    ("field", "held", "value"),
    [
        ("2020", "yes", "yes"),
        ('the "new" one', "yes", "yes"),
        ("a.b", "yes", "yes"),
        ("open", True, "True"),
        ("open", True, True),
        ("open", "true", "True"),
        ("year", 2024, "2024"),
        ("year", 2024.0, 2024),
        ("half", 0.5, "0.5"),
    ],
)
def test_quotas_and_slices_find_fields_and_values_however_they_are_written(field: str, held: Any, value: Any):
    project = make_loop(batch=5, items=40)
    for item in project.items.all():
        Item.objects.filter(pk=item.pk).update(metadata={field: held if item.number <= 12 else "other"})
    quota = {"of": f"field:{field}", "value": value, "at_least": 0.5}
    wish(project, quotas=[quota], gate_slices=[{"field": field, "value": value}])
    know(project)
    # Numbers 1 and 11 are of the hold-out.
    project.items.filter(holdout=True).update(
        state="settled", settled_labels=[project.labels.all()[0].pk], settled_source="seed"
    )
    known = snapshots.load(turn(project).snapshot)[0]
    assert known.groups is not None
    # All items have features, in their order.
    assert known.pool[known.groups[:, 0]].tolist() == [row for row in known.pool.tolist() if row < 12]
    assert [known.holdout[rows].tolist() for rows in known.slices.values()] == [[0, 10]]


def test_items_near_what_the_admin_named_come_by_the_stream_rare():
    project = make_loop(batch=10, items=60)
    odd = make_items(project, [f"green frog {n} in the grass" for n in range(6)])
    while features.advance(project, now()):
        pass
    know(project)
    wish(
        project,
        holdout_mix=0,
        streams=[{"name": "rare", "strategy": "rare", "share": 0.2}],
        rare={"items": [odd[0].pk]},
    )
    turn(project)
    assert all(entry.item.text.startswith("green frog") for entry in live(project, stream="rare"))


def test_examples_of_the_hold_out_steer_nothing():
    project = make_loop(batch=10, items=60)
    know(project)
    named, held = project.items.get(number=40), project.items.get(number=41)
    assert held.holdout
    wish(
        project,
        streams=[{"name": "rare", "strategy": "rare", "share": 0.2}],
        rare={"items": [named.pk, held.pk]},
    )
    known = snapshots.load(turn(project).snapshot)[0]
    # All items have features, in their order: the row of item 40 is 39.
    assert known.examples.tolist() == [39]


# --- the check stream --------------------------------------------------------------------------------------


def mistaken(source: str = "single", people: int = 2, **policy: Any) -> tuple[Project, Item]:
    """A project of many settled items, one of them with the wrong label, and a round that may ask again."""
    project = make_loop(items=100, batch=10)
    wish(project, streams=[{"name": "check", "share": 0.2}], **policy)
    know(project, each=30)
    for _ in range(people):
        make_member(project)
    item = project.items.get(number=2)
    assert item.state == "settled"
    Item.objects.filter(pk=item.pk).update(
        settled_labels=[project.labels.get(name="blue").pk], settled_source=source
    )
    item.refresh_from_db()
    assert right(item).name == "red"
    return project, item


def test_a_settled_item_that_is_likely_mislabelled_is_asked_about_again():
    project, item = mistaken()
    newest = turn(project)
    checks = live(project, stream="check")
    assert item in [entry.item for entry in checks]
    assert len(checks) <= 2
    (entry,) = [entry for entry in checks if entry.item == item]
    assert entry.reason == {"why": "mislabelled", "round": newest.number, "given": [1]}
    assert sentence(entry.reason, NAMES) == "Asked again, because its label (blue) may be wrong."
    assert newest.metrics["streams"]["check"] == len(checks)
    assert newest.metrics["streams"]["main"] == 10 - len(checks)
    item.refresh_from_db()
    assert item.state == "settled"


def test_only_a_policy_that_says_so_asks_about_settled_items():
    project, _ = mistaken()
    wish(project, streams=[])
    turn(project)
    assert live(project, stream="check") == []


def test_a_vote_against_a_label_of_the_import_goes_to_a_lead_and_one_for_it_ends_the_matter():
    project, item = mistaken(source="seed")
    turn(project)
    person = make_member(project)
    said = answer(person, item, right(item))
    assert "given" not in said.reason
    item.refresh_from_db()
    assert item.state == "disputed"
    assert live(project, item=item) == []

    project, item = mistaken(source="seed")
    turn(project)
    answer(make_member(project), item, project.labels.get(name="blue"))
    item.refresh_from_db()
    assert (item.state, item.settled_source) == ("settled", "seed")
    assert live(project, item=item) == []


def test_a_vote_against_a_label_that_people_gave_goes_to_a_lead():
    project, item = mistaken()
    Item.objects.filter(pk=item.pk).update(state="open", settled_labels=None, settled_source="")
    item.refresh_from_db()
    answer(make_member(project), item, project.labels.get(name="blue"))
    item.refresh_from_db()
    assert item.state == "settled"
    turn(project)
    (entry,) = live(project, item=item)
    assert (entry.stream, entry.places, entry.free) == ("check", 2, 1)
    answer(make_member(project), item, right(item))
    item.refresh_from_db()
    assert item.state == "disputed"


def test_nobody_is_asked_about_the_same_label_twice():
    project, item = mistaken()
    turn(project)
    assert live(project, stream="check", item=item)
    QueueEntry.objects.filter(project=project, stream="check").update(state="done")
    label(project, 10, text__startswith="red")
    turn(project)
    assert live(project, stream="check", item=item) == []


def test_what_is_asked_again_stays_in_the_queue_until_somebody_answers():
    project, _ = mistaken()
    turn(project)
    before = live(project, stream="check")
    label(project, 10, text__startswith="red")
    newest = turn(project)
    after = live(project, stream="check")
    assert {entry.pk for entry in before} <= {entry.pk for entry in after}
    # Never more of them at a time than the share of the stream, and none counts as waiting twice.
    assert len(after) <= 2
    known = snapshots.load(newest.snapshot)[0]
    assert not set(known.waiting.tolist()) & set(known.training.tolist())


@pytest.mark.parametrize("source", ["adjudicated", "gold"])
def test_what_a_lead_decided_is_not_asked_again(source: str):
    project, item = mistaken(source=source)
    turn(project)
    assert live(project, stream="check", item=item) == []


def test_an_item_that_everybody_voted_on_is_not_asked_again():
    project, item = mistaken(people=0)
    Item.objects.filter(pk=item.pk).update(state="open", settled_labels=None, settled_source="")
    item.refresh_from_db()
    answer(make_member(project), item, project.labels.get(name="blue"))
    turn(project)
    assert live(project, stream="check", item=item) == []


def test_an_item_that_was_taken_up_meanwhile_is_left_alone():
    project, item = mistaken()
    again = queue.Pick(item.pk, "check", {"why": "mislabelled"})
    Item.objects.filter(pk=item.pk).update(state="disputed")
    assert queue.publish(project, [again], 3) == 0
    Item.objects.filter(pk=item.pk).update(state="settled")
    queue.ask_again(item)
    queue.publish(project, [again], 4)
    assert [entry.stream for entry in live(project, item=item)] == ["again"]


# --- feedback from production ------------------------------------------------------------------------------


def reported(project: Project, item: Item, labels: list[int] | None = None) -> Feedback:
    return Feedback.objects.create(project=project, item=item, labels=labels)


def test_what_production_says_was_wrong_is_asked_about_first_and_once():
    project, mislabelled = mistaken()
    opened = project.items.filter(state="open", holdout=False)[0]
    settled = project.items.get(number=9)
    for item in (opened, settled):
        reported(project, item)
    newest = turn(project)
    checks = live(project, stream="check")
    assert {entry.item for entry in checks} == {opened, settled}
    assert {sentence(entry.reason, NAMES) for entry in checks} == {
        "Asked again, because the model was said to be wrong about it in use."
    }
    assert newest.metrics["streams"]["check"] == 2
    assert not Feedback.objects.filter(handled_at=None).exists()
    # The stream's share is full: what looks mislabelled waits for the next round.
    assert live(project, item=mislabelled, stream="check") == []
    _, picked, reserve = snapshots.load(newest.snapshot)
    assert opened.pk not in {*picked.tolist(), *reserve.tolist()}
    assert rounds.replay(newest)[0] == rounds.replay(newest)[1]


def test_feedback_fills_a_tenth_of_a_batch_where_no_stream_looks_at_labels_again():
    project, mislabelled = mistaken()
    wish(project, streams=[], batch_size=15)
    items = [project.items.get(number=number) for number in (9, 10, 12)]
    opened = project.items.filter(state="open", holdout=False, text__startswith="blue")[0]
    for item in (items[0], opened, *items[1:]):
        reported(project, item)
    newest = turn(project)
    # A tenth of 15, rounded up; the oldest word first.
    assert {entry.item for entry in live(project, stream="check")} == {items[0], opened}
    assert newest.metrics["streams"] == {"main": 13, "check": 2}
    assert Feedback.objects.filter(handled_at=None).count() == 2
    # One is answered: the next one may follow, and nothing that only looks mislabelled.
    answer(make_member(project), items[0], right(items[0]))
    label(project, 14, text__startswith="red")
    turn(project)
    asked = {entry.item for entry in live(project, stream="check")}
    assert asked == {opened, items[1]}
    assert mislabelled not in asked


def test_a_batch_of_nothing_but_feedback_has_figures_as_well():
    project, _ = mistaken(batch_size=1)
    item = project.items.get(number=9)
    reported(project, item)
    newest = turn(project)
    assert (newest.state, newest.picked) == ("done", 0)
    assert [entry.item for entry in live(project, stream="check")] == [item]
    assert newest.metrics["committee"] == {"size": 3, "disagreement": None}
    assert rounds.replay(newest) == ([], [])


def test_feedback_about_an_item_that_somebody_holds_waits_for_the_next_round():
    project, _ = mistaken()
    turn(project)
    held = queue.lease(make_member(project), 1)[0].item
    word = reported(project, held)
    label(project, 10, text__startswith="red")
    turn(project)
    word.refresh_from_db()
    assert word.handled_at is None
    assert live(project, item=held)[0].free == 0
