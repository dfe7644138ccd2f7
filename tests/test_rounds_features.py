"""Rounds while features are missing: labels without them make no model, and hold up nothing."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from django.utils.timezone import now

from projects.models import Item, Project
from sampling import bell, features, generations, queries, rounds, tasks
from sampling.models import FeatureShard, ModelVersion
from tests.factories import make_items, make_project
from tests.loops import PLAIN, know, make_loop, turn

pytestmark = pytest.mark.django_db

Messages = deque[tuple[Any, ...]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Messages:
    """Messages to the worker, kept."""
    messages: Messages = deque()

    def send(*message: Any) -> bool:
        messages.append(message)
        return True

    monkeypatch.setattr(bell, "send", send)
    return messages


def work(messages: Messages, most: int = 40) -> None:
    """Be the worker until no message is left."""
    for _ in range(most):
        if not messages:
            return
        task, *arguments = messages.popleft()
        getattr(tasks, task)(*arguments)
    raise AssertionError(f"after {most} messages there are more: {messages}")


def settle(project: Project, shard: FeatureShard, *names: str) -> None:
    """Let the items of one shard that are of these kinds have been known at import."""
    for label in project.labels.filter(name__in=names):
        mine = Item.objects.filter(project=project, number__range=(shard.first, shard.last), holdout=False)
        mine.filter(text__startswith=label.name).update(
            state="settled", settled_labels=[label.pk], settled_source="seed", settled_at=now()
        )


def started(monkeypatch: pytest.MonkeyPatch) -> tuple[Project, FeatureShard, FeatureShard]:
    """A project of three shards that begins with one of them; that one, and one that is missing."""
    monkeypatch.setattr(features, "SHARD_ROWS", 20)
    monkeypatch.setattr(generations, "ENOUGH_ROWS", 20)
    project = make_project(labels=["red", "blue"], policy={**PLAIN, "batch_size": 10}, featurizer="lsa")
    make_items(project, [f"{'red apple' if n % 2 else 'blue sky'} {n}" for n in range(60)])
    while generations.usable(project) is None:
        assert features.advance(project, now())
    shards = FeatureShard.objects.filter(feature_set__project=project)
    return project, shards.exclude(path="").get(), shards.filter(path="")[0]


def test_labels_of_a_second_file_wait_for_their_features_and_then_make_the_model(sent: Messages):
    project = make_loop(items=60)
    assert turn(project).number == 0
    make_items(project, [f"{'red apple' if n % 2 else 'blue sky'} {n}" for n in range(20)])
    newest = FeatureShard(first=61, last=80)
    settle(project, newest, "red", "blue")
    tasks.advance(project.pk)
    assert [task for task, *_ in sent] == ["featurize"]
    assert project.rounds.count() == 1
    work(sent)
    assert list(project.rounds.order_by("number").values_list("number", "labelled")) == [(0, 0), (1, 20)]
    assert ModelVersion.objects.get(project=project).training_items == 20


def test_a_large_file_whose_labels_are_all_in_a_shard_to_come_gets_all_its_features(
    sent: Messages, monkeypatch: pytest.MonkeyPatch
):
    project, _, missing = started(monkeypatch)
    settle(project, missing, "red", "blue")
    tasks.advance(project.pk)
    assert [task for task, *_ in sent] == ["advance", "featurize"]
    assert project.rounds.get().number == 0
    work(sent)
    assert not FeatureShard.objects.filter(feature_set__project=project, path="").exists()
    assert list(project.rounds.order_by("number").values_list("number", "labelled")) == [(0, 0), (1, 20)]
    assert ModelVersion.objects.filter(project=project).count() == 1


def test_the_first_model_does_not_wait_for_the_last_feature(monkeypatch: pytest.MonkeyPatch):
    project, ready, _ = started(monkeypatch)
    settle(project, ready, "red", "blue")
    assert rounds.turn(project, now())
    assert (project.rounds.get().number, ModelVersion.objects.get().training_items) == (1, 20)


def test_examples_of_a_second_label_count_once_they_have_features(monkeypatch: pytest.MonkeyPatch):
    project, ready, missing = started(monkeypatch)
    settle(project, ready, "red")
    settle(project, missing, "blue")
    assert rounds.turn(project, now())
    assert project.rounds.get().labelled == 10
    assert not ModelVersion.objects.exists()
    assert turn(project).labelled == 20
    assert ModelVersion.objects.get().training_items == 20


def test_a_lost_message_leaves_labels_that_got_their_features_waiting_for_the_next_tick():
    project = make_loop()
    assert turn(project).number == 0
    know(project)
    assert queries.waiting(now()) == [project.pk]
    assert turn(project).number == 1
    assert queries.waiting(now()) == []
