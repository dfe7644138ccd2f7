"""Look-alikes that a round finds for what it picked."""

from __future__ import annotations

import numpy as np
import pytest

from projects.models import Item, Project
from sampling import alikes, rounds
from sampling.core.arrays import unit_rows
from sampling.shards import Table
from tests.loops import live, make_loop, right, turn, wish, with_model


def found(project: Project) -> dict[Item, list[Item]]:
    """What the last round found, by picked item."""
    items = project.items.in_bulk()
    entries = [entry for entry in live(project) if "alike" in entry.reason]
    return {items[entry.item_id]: [items[pk] for pk in entry.reason["alike"]] for entry in entries}


def looped(**settings) -> Project:
    """A loop after its first model, whose people may label together."""
    project = make_loop(**settings)
    wish(project, bulk=True)
    return project


def table_of(x) -> Table:
    rows = unit_rows(np.array(x, np.float32))
    return Table(np.arange(100, 100 + len(rows)), [rows])


# --- in arrays ---


def test_nearest_rows_come_first_and_no_row_is_its_own_look_alike():
    table = table_of([[1, 0], [0.9, 0.1], [0.8, 0.3], [0, 1]])
    near = alikes.nearest(table, np.array([0]), np.arange(4), 0.6)
    assert near[0].tolist() == [1, 2]


def test_a_row_without_look_alikes_is_left_out():
    assert alikes.nearest(table_of([[1, 0], [0, 1]]), np.array([0]), np.arange(2), 0.6) == {}


def test_the_threshold_is_above_what_is_usual_in_these_features():
    rng = np.random.default_rng(0)
    spread = table_of(rng.normal(size=(400, 50)))
    narrow = table_of(rng.normal(size=(400, 50)) + 2)
    pool = np.arange(400)
    assert alikes.threshold(spread, pool, np.random.default_rng(1)) == alikes.LEAST
    assert alikes.threshold(narrow, pool, np.random.default_rng(1)) > 0.8


# --- in rounds ---


@pytest.mark.django_db
def test_picks_of_a_round_keep_their_look_alikes():
    project = looped(items=80, batch=10)
    turn(project)
    assert found(project)
    for one, others in found(project).items():
        assert 0 < len(others) <= alikes.MOST
        assert one not in others
        assert len(set(others)) == len(others)


@pytest.mark.django_db
def test_look_alikes_are_open_and_neither_drawn_nor_known():
    project = looped(items=80, batch=10)
    known = project.items.filter(holdout=False).order_by("number")[10:40]
    Item.objects.filter(pk__in=[one.pk for one in known]).update(gold=[[project.labels.first().pk]])
    Item.objects.filter(project=project, number__range=(60, 80)).update(agreement=True)
    turn(project)
    assert found(project)
    every = {*found(project), *(one for others in found(project).values() for one in others)}
    assert all(one.state == "open" and not one.holdout and not one.agreement for one in every)
    assert all(one.gold is None for one in every)


@pytest.mark.django_db
def test_where_a_model_is_there_it_says_the_same_of_all():
    project = with_model(items=80)
    wish(project, bulk=True)
    for entry in live(project)[:10]:
        Item.objects.filter(pk=entry.item_id).update(
            state="settled", settled_labels=[right(entry.item).pk], settled_source="seed"
        )
    number = project.rounds.latest("number").number
    project.rounds.create(number=number + 1)
    assert rounds.turn(project, project.created_at)
    pairs = [(one, other) for one, others in found(project).items() for other in others]
    assert pairs
    same = sum(right(one) == right(other) for one, other in pairs)
    assert same == len(pairs)


@pytest.mark.django_db
def test_without_the_policy_nothing_is_looked_for_and_the_batch_is_the_same():
    with_cards, without = looped(items=80), make_loop(items=80)
    turn(with_cards)
    turn(without)
    batches = [[entry.item.number for entry in live(one)] for one in (with_cards, without)]
    assert batches[0] == batches[1]
    assert found(without) == {}


@pytest.mark.django_db
def test_a_round_with_look_alikes_is_replayed_to_the_same_batch():
    project = looped(items=80)
    then, now = rounds.replay(turn(project))
    assert then == now
