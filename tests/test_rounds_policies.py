"""Rounds and their policy: what cannot be followed, what labels weigh, and the gate for new models."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.timezone import now

from projects.models import Item, Project
from sampling import rounds, snapshots
from sampling.models import ModelVersion
from tests.loops import know, label, live, make_loop, right, turn, wish, with_model

pytestmark = pytest.mark.django_db
NAMES = {0: "red", 1: "blue"}


# --- policies that cannot be followed ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategy": "crystal-ball"}, "crystal-ball"),
        ({"learner": "oracle"}, "oracle"),
        ({"mode": "upside-down"}, "upside-down"),
        ({"streams": {"name": "rare"}}, "streams of the policy"),
        ({"streams": [{"strategy": "rare"}]}, "needs name and share"),
        ({"streams": [{"name": "x", "strategy": "rare", "share": "much"}]}, "shares must be numbers"),
        ({"streams": [{"name": "x", "strategy": "none such", "share": 0.1}]}, "none such"),
        ({"streams": [{"name": "check", "share": 7}]}, "share is 7"),
        ({"quotas": [{"of": "moon", "value": "x"}]}, "moon"),
        ({"rare": {"labels": "red"}}, "labels of rare"),
        ({"hybrid": {"wisdom": 1}, "strategy": "hybrid"}, "wisdom"),
        ({"gate_slices": [3]}, "gate_slices"),
        ({"class_weights": "heavy"}, "heavy"),
    ],
)
def test_a_policy_that_cannot_be_followed_fails_its_round_with_a_sentence_and_others_go_on(
    changes: dict[str, Any], words: str
):
    project, other = make_loop(items=30), make_loop(items=30)
    wish(project, **changes)
    failed = turn(project)
    assert failed.state == "failed"
    assert words in failed.error
    assert turn(other).state == "done"


def test_a_round_that_failed_is_tried_at_once_when_the_policy_was_put_right():
    project = make_loop(items=30, strategy="crystal-ball")
    assert turn(project).state == "failed"
    assert not rounds.turn(project, now())
    project.policies.create(version=2, strategy="default", batch_size=10)
    assert rounds.turn(project, now())
    assert project.rounds.get().state == "done"


# --- weights and the gate ----------------------------------------------------------------------------------


def test_labels_count_as_much_as_they_are_sure_and_new():
    project = make_loop(items=60)
    know(project, each=5)
    settled = project.items.filter(state="settled")
    for age, item in enumerate(settled.order_by("number")):
        Item.objects.filter(pk=item.pk).update(
            posterior=0.6 if age == 0 else None, settled_at=now().replace(year=2020 + age)
        )
    wish(project, recency=1)
    known, _, _ = snapshots.load(turn(project).snapshot)
    expected = [(0.6 if age == 0 else 1.0) * (1 + age / 9) for age in range(10)]
    mean = sum(expected) / 10
    assert known.weights is not None
    assert known.weights.tolist() == pytest.approx([weight / mean for weight in expected], rel=1e-5)


def test_labels_that_are_all_as_sure_need_no_weights():
    project = make_loop(items=60)
    know(project)
    project.items.filter(state="settled").update(posterior=0.8)
    assert snapshots.load(turn(project).snapshot)[0].weights is None


def worsened(project: Project) -> None:
    """Let everything that is labelled from now on be wrong, and much."""
    red, blue = project.labels.get(name="red"), project.labels.get(name="blue")
    for item in project.items.filter(holdout=False, state="settled"):
        Item.objects.filter(pk=item.pk).update(settled_labels=[(blue if right(item) == red else red).pk])


def judged(**policy: Any) -> Project:
    """A project with a good model and a hold-out large enough to hold back a bad one."""
    project = make_loop(items=200, batch=10)
    project.items.filter(number__lte=60).update(holdout=True)
    wish(project, **policy)
    project.items.filter(number__range=(61, 120)).update(holdout=False)
    for one in project.labels.all():
        chosen = project.items.filter(text__startswith=one.name, number__lte=100)
        chosen.update(state="settled", settled_labels=[one.pk], settled_source="seed", settled_at=now())
    assert turn(project).state == "done"
    worsened(project)
    label(project, 10, number__gt=100, holdout=False)
    return project


def test_a_worse_model_is_held_back_and_the_one_before_goes_on():
    project = judged()
    newest = turn(project)
    assert newest.number == 2
    assert newest.metrics["held_back"]
    rejected, champion = newest.model_version, project.model_versions.get(state="champion")
    assert rejected.state == "rejected"
    assert champion.round.number == 1
    assert rejected.gate["passed"] is False
    assert (rejected.gate["against"], rejected.gate["applied"]) == (1, True)
    then, today = rounds.replay(newest)
    assert then == today
    # The champion scored the pool: it looks at red texts and says red.
    entry = live(project, round_number=2, stream="strategy")[0]
    assert NAMES[max(entry.reason["top"], key=lambda pair: pair[1])[0]] == right(entry.item).name


def test_with_the_gate_off_the_newest_model_takes_over_and_the_verdict_is_kept():
    project = judged(gate=False)
    newest = turn(project)
    assert newest.model_version.state == "champion"
    assert (newest.model_version.gate["passed"], newest.model_version.gate["applied"]) == (False, False)


def test_a_model_of_another_kind_takes_over_without_a_comparison():
    project = judged()
    ModelVersion.objects.filter(project=project).update(learner="svm")
    newest = turn(project)
    assert newest.model_version.state == "champion"
    assert newest.model_version.gate == {}


def test_a_label_that_was_added_lets_the_new_model_take_over():
    project = judged()
    project.labels.create(position=2, name="green")
    newest = turn(project)
    assert newest.model_version.state == "champion"


def test_a_round_begins_anew_when_somebody_puts_another_model_in_use(monkeypatch: pytest.MonkeyPatch):
    project = with_model(items=100)
    label(project, 10)
    turn(project)
    first, second = project.model_versions.order_by("pk")
    label(project, 10)
    real = snapshots.compute

    def compute(*arguments: Any) -> snapshots.Outcome:
        monkeypatch.undo()
        ModelVersion.objects.filter(pk=second.pk).update(state="retired")
        ModelVersion.objects.filter(pk=first.pk).update(state="champion")
        return real(*arguments)

    monkeypatch.setattr(snapshots, "compute", compute)
    newest = turn(project)
    assert (newest.number, newest.state, newest.attempt) == (3, "done", 2)
    assert newest.model_version.gate["against"] == 1
    assert project.model_versions.get(state="champion") == newest.model_version
