"""A past round, computed again."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from projects.models import Policy, Project
from sampling import features, rounds, shards
from sampling.models import FeatureShard
from tests.factories import make_items
from tests.loops import know, label, make_loop, turn, with_model

pytestmark = pytest.mark.django_db


def replay(*arguments: str) -> str:
    out = StringIO()
    call_command("replay", *arguments, stdout=out)
    return out.getvalue()


def rich() -> Project:
    """A project whose rounds know all that a round can know."""
    project = make_loop(items=120, batch=20)
    for item in project.items.all():
        item.metadata = {"city": "Bonn" if item.number % 3 else "Ulm"}
        item.save(update_fields=["metadata"])
    named = list(project.items.values_list("pk", flat=True)[:2])
    Policy.objects.filter(project=project).update(
        streams=[
            {"name": "rare", "strategy": "rare", "share": 0.15},
            {"name": "control", "strategy": "random", "share": 0.15},
            {"name": "new", "strategy": "first-batch", "share": 0.1},
            {"name": "check", "share": 0.1},
        ],
        quotas=[
            {"of": "field:city", "value": "Ulm", "at_least": 0.4},
            {"of": "label", "value": 0, "at_most": 0.6},
        ],
        rare={"labels": [1], "items": named},
        recency=2,
        class_weights="balanced",
        gate_slices=[{"field": "city", "value": "Ulm"}],
    )
    know(project, each=20)
    return project


def test_every_past_round_gives_the_same_batch_again_whatever_its_policy_asked():
    project = rich()
    turn(project)
    label(project, 20)
    turn(project)
    make_items(project, [f"blue lake {n}" for n in range(20)])
    while features.advance(project, now()):
        pass
    label(project, 20)
    turn(project)
    assert project.rounds.count() == 3
    for round_ in project.rounds.all():
        said = replay(str(round_.number), "--project", str(project.pk))
        assert (
            said == f"Round {round_.number} of project {project.pk}: the same 20 items in the same order.\n"
        )
        assert replay(str(round_.pk)) == said


def test_a_round_can_be_computed_again_after_the_features_were_made_anew():
    project = with_model()
    old = project.rounds.latest("number")
    make_items(project, [f"red rose {n}" for n in range(60)])
    label(project, 10)
    turn(project)
    label(project, 10)
    turn(project)
    assert project.feature_sets.get(generation=1).state == "retired"
    assert project.rounds.latest("number").feature_set.generation == 2
    assert "the same 10 items" in replay(str(old.pk))


def test_a_round_that_was_scored_in_other_shards_is_computed_in_the_same_ones(settings: Any):
    settings.SCORE_SHARD_ROWS = 10
    project = with_model()
    settings.SCORE_SHARD_ROWS = 50
    assert "the same 10 items" in replay(str(project.rounds.latest("number").pk))


def test_another_batch_is_told_with_how_much_of_it_is_the_same(monkeypatch: pytest.MonkeyPatch):
    project = with_model()
    round_ = project.rounds.latest("number")
    monkeypatch.setattr(rounds, "replay", lambda _round: ([1, 2, 3], [3, 2, 7]))
    with pytest.raises(CommandError, match=r"another batch\. Of 3 items, 2 were picked again"):
        replay(str(round_.pk))


def test_a_file_of_features_that_is_gone_is_named():
    project = with_model()
    shard = FeatureShard.objects.get(feature_set__project=project)
    default_storage.delete(shard.path)
    shards.opened.cache_clear()
    with pytest.raises(CommandError, match=r"cannot be computed again: the file .*\.npz is gone"):
        replay("1", "--project", str(project.pk))


def test_a_snapshot_that_is_gone_is_named():
    project = with_model()
    default_storage.delete(project.rounds.get().snapshot)
    with pytest.raises(CommandError, match=r"the file .*rounds.*\.npz is gone"):
        replay("1", "--project", str(project.pk))


def test_features_whose_rows_are_gone_are_counted():
    project = with_model()
    FeatureShard.objects.filter(feature_set__project=project).update(path="")
    with pytest.raises(CommandError, match="1 of the 1 shards of features that it refers to are gone"):
        replay("1", "--project", str(project.pk))


def test_a_round_that_has_no_batch_or_is_unknown_is_refused():
    project = make_loop()
    with pytest.raises(CommandError, match="no round of this number in project"):
        replay("7", "--project", str(project.pk))
    round_ = project.rounds.create(number=0, state="failed")
    with pytest.raises(CommandError, match="is failed: it has no batch"):
        replay(str(round_.pk))
