"""Rounds: when one is due, what it may know, what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.utils.timezone import now

from projects import queue
from projects.models import Annotation, Item, Project, QueueEntry
from sampling import claims, features, queries, rounds, scoring, shards, snapshots
from sampling.core.loop import Trained
from sampling.models import ModelVersion, Round
from tests.factories import hand, make_items, make_member
from tests.loops import know, label, make_loop, turn, with_model
from tests.threads import in_threads

# After so long without a sign of life a worker is taken to be dead.
DEAD = timedelta(seconds=31)


def during_training(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Do something once, in the middle of the next round."""
    real = snapshots.compute

    def compute(*arguments: Any) -> snapshots.Outcome:
        monkeypatch.undo()
        do()
        return real(*arguments)

    monkeypatch.setattr(snapshots, "compute", compute)


# --- when --------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_first_batch_comes_before_any_answer_and_says_that_it_is_typical():
    project = make_loop()
    first = turn(project)
    assert (first.number, first.state, first.picked) == (0, "done", 10)
    entries = QueueEntry.objects.filter(project=project, stream="first").order_by("rank")
    assert len(entries) == 10
    assert {entry.reason["why"] for entry in entries} == {"first"}
    assert not ModelVersion.objects.exists()
    assert queries.waiting(now()) == []


@pytest.mark.django_db
def test_the_first_model_comes_when_two_labels_have_five_examples_each():
    project = make_loop()
    turn(project)
    label(project, 5, text__startswith="red", holdout=False)
    label(project, 4, text__startswith="blue", holdout=False)
    assert turn(project).number == 0
    label(project, 1, text__startswith="blue", holdout=False)
    assert queries.waiting(now()) == [project.pk]
    newest = turn(project)
    assert (newest.number, newest.labelled) == (1, 10)
    assert ModelVersion.objects.get().training_items == 10


@pytest.mark.django_db
def test_without_two_known_labels_a_full_batch_brings_another_first_batch():
    project = make_loop()
    turn(project)
    label(project, 10, text__startswith="red", holdout=False)
    newest = turn(project)
    assert (newest.number, newest.metrics["strategy"]) == (1, "first-batch")
    assert not ModelVersion.objects.exists()


@pytest.mark.django_db
def test_known_labels_of_the_import_make_a_model_at_once():
    project = make_loop()
    know(project)
    newest = turn(project)
    assert (newest.number, newest.labelled) == (1, 10)


@pytest.mark.django_db
def test_the_next_round_is_due_after_a_batch_of_answers():
    project = with_model(batch=10)
    label(project, 9, text__startswith="red")
    assert turn(project).number == 1
    label(project, 1)
    assert queries.waiting(now()) == [project.pk]
    assert turn(project).number == 2


@pytest.mark.django_db
def test_the_next_round_starts_early_when_what_was_picked_runs_out():
    project = with_model(batch=10)
    QueueEntry.objects.filter(project=project, state="live").exclude(stream="reserve").update(
        state="withdrawn"
    )
    label(project, 5)
    assert turn(project).number == 2


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["draft", "paused", "archived"])
def test_only_an_active_project_has_rounds(state: str):
    project = make_loop()
    Project.objects.filter(pk=project.pk).update(state=state)
    assert not rounds.advance(project.pk)
    assert not project.rounds.exists()
    assert queries.waiting(now()) == []


@pytest.mark.django_db
def test_looking_for_work_is_one_query(django_assert_num_queries: Any):
    for _ in range(3):
        make_loop(items=20)
    with django_assert_num_queries(1):
        assert len(queries.waiting(now())) == 3


# --- what it knows and picks -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_hold_out_is_never_trained_on_and_never_picked_by_a_strategy():
    project = with_model(batch=10)
    label(project, 4, holdout=True)
    label(project, 10)
    newest = turn(project)
    held = set(project.items.filter(holdout=True).values_list("pk", flat=True))
    known, picked, reserve = snapshots.load(newest.snapshot)
    items = scoring.table_of(known).items
    assert not held & set(items[known.training].tolist())
    assert not held & set(items[known.pool].tolist())
    assert not held & {*picked.tolist(), *reserve.tolist()}
    assert set(items[known.holdout].tolist()) <= held
    assert newest.metrics["holdout"]["n"] == len(known.holdout) >= 4
    drawn = QueueEntry.objects.filter(project=project, item__holdout=True)
    assert not drawn.filter(stream__in=["first", "strategy", "reserve"]).exists()


@pytest.mark.django_db
def test_the_agreement_sample_is_drawn_at_random_alone():
    project = make_loop()
    project.items.filter(number__lte=40).update(agreement=True)
    turn(project)
    picked = QueueEntry.objects.filter(project=project, stream__in=["first", "strategy", "reserve"])
    assert picked.exists()
    assert not picked.filter(item__agreement=True).exists()


@pytest.mark.django_db
def test_a_new_round_withdraws_what_nobody_holds_and_keeps_what_somebody_does():
    project = with_model(batch=10)
    person = make_member(project)
    held = queue.lease(person, 2)
    before = set(QueueEntry.objects.filter(project=project, state="live").values_list("pk", flat=True))
    label(project, 10, text__startswith="red", holdout=False)
    turn(project)
    live = set(QueueEntry.objects.filter(project=project, state="live").values_list("pk", flat=True))
    assert before & live == {assignment.entry_id for assignment in held}
    asked = QueueEntry.objects.filter(item__in=[assignment.item_id for assignment in held], state="live")
    assert asked.count() == 2


@pytest.mark.django_db
def test_every_entry_of_a_round_can_say_why_it_was_picked():
    project = with_model()
    entries = QueueEntry.objects.filter(project=project, round_number=1, state="live")
    for entry in entries.filter(stream="strategy"):
        reason = entry.reason
        assert reason["why"] in ("covers", "unsure")
        assert (reason["round"], reason["strategy"]) == (1, "default")
        assert 0 <= reason["score"] <= 1
        assert reason["cluster_size"] >= 1
        assert [position for position, _ in sorted(reason["top"])] == [0, 1]
        assert 0 <= reason["disagreement"] <= 1
    assert {entry.reason["why"] for entry in entries.filter(stream="reserve")} == {"next_best"}
    assert all(entry.reason["why"] for entry in entries)


@pytest.mark.django_db
def test_a_replay_gives_the_same_batch_whatever_happened_since():
    project = make_loop()
    turn(project)
    label(project, 10)
    turn(project)
    first, second = project.rounds.order_by("number")
    label(project, 10)
    turn(project)
    make_items(project, 40)
    turn(project)
    for round_ in (first, second, project.rounds.latest("number")):
        then, today = rounds.replay(round_)
        assert then == today
        assert len(then) == 10


@pytest.mark.django_db
def test_the_clusters_of_the_round_before_are_kept():
    project = with_model()
    label(project, 10)
    before = shards.load(project.rounds.get(number=1).scores)["centres"]
    known, _, _ = snapshots.load(turn(project).snapshot)
    assert known.centres is not None
    assert known.centres.tolist() == before.tolist()


def grown(project: Project, items: int) -> Round:
    """The next round, after so many items came in and got their features."""
    make_items(project, [f"blue lake {n}" for n in range(items)])
    while features.advance(project, now()):
        pass
    label(project, 10, text__startswith="red")
    return turn(project)


@pytest.mark.django_db
def test_clusters_move_with_the_items_that_arrive():
    project = with_model(items=100)
    before = shards.load(project.rounds.get(number=1).scores)["centres"]
    newest = grown(project, items=5)
    known, _, _ = snapshots.load(newest.snapshot)
    assert known.centres is not None
    assert known.centres.shape == before.shape
    assert known.centres.tolist() != before.tolist()
    # They count as found on what they were found on.
    assert shards.load(newest.scores)["fitted_on"] == 100


@pytest.mark.django_db
def test_clusters_are_found_anew_when_a_tenth_of_the_items_is_new():
    project = with_model(items=100)
    newest = grown(project, items=10)
    assert snapshots.load(newest.snapshot)[0].centres is None
    assert shards.load(newest.scores)["fitted_on"] == 110


@pytest.mark.django_db
def test_clusters_are_found_anew_for_another_strategy():
    project = with_model()
    project.policies.create(version=2, strategy="cluster-uncertain", batch_size=10)
    label(project, 10)
    assert snapshots.load(turn(project).snapshot)[0].centres is None


@pytest.mark.django_db
def test_clusters_are_found_anew_when_their_file_is_gone():
    project = with_model()
    default_storage.delete(project.rounds.latest("number").scores)
    label(project, 10)
    newest = turn(project)
    assert (newest.number, newest.state) == (2, "done")
    assert snapshots.load(newest.snapshot)[0].centres is None
    assert "centres" in shards.load(newest.scores)


@pytest.mark.django_db
def test_several_labels_an_item_work_as_well():
    project = with_model(task="multi")
    assert ModelVersion.objects.get().training_items == 10
    label(project, 10)
    assert turn(project).number == 2


@pytest.mark.django_db
def test_an_empty_pool_still_gets_its_last_model():
    project = with_model(items=20, batch=5)
    while project.items.filter(state="open").exists():
        label(project, 1)
    newest = turn(project)
    assert newest.state == "done"
    assert (newest.picked, newest.labelled) == (0, 18)


@pytest.mark.django_db
def test_old_scores_are_deleted_and_snapshots_and_models_stay(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rounds, "SCORES_KEPT", 1)
    project = with_model()
    old = project.rounds.get(number=1)
    label(project, 10)
    turn(project)
    assert not default_storage.exists(old.scores)
    assert default_storage.exists(old.snapshot)
    assert default_storage.exists(old.model_version.path)
    assert project.rounds.exclude(scores="").count() == 1


@pytest.mark.django_db
def test_the_newest_model_is_the_champion_and_comes_back_from_its_file():
    project = with_model()
    label(project, 10)
    newest = turn(project)
    champion = project.model_versions.get(state="champion")
    assert champion.round == newest
    trained = Trained.from_state(shards.load(champion.path))
    assert trained.champion.labels == 2
    assert len(trained.committee) == 3


# --- faults ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_answer_that_comes_while_a_round_runs_counts_towards_the_next(monkeypatch: pytest.MonkeyPatch):
    project = with_model(batch=10)
    label(project, 10)
    during_training(monkeypatch, lambda: label(project, 3))
    assert turn(project).number == 2
    project.refresh_from_db()
    assert Annotation.objects.filter(project=project, pk__gt=project.round_mark).count() == 3


@pytest.mark.django_db
def test_a_failed_round_keeps_its_error_waits_and_is_tried_again(monkeypatch: pytest.MonkeyPatch):
    project = make_loop()

    def fail() -> None:
        raise MemoryError("Unable to allocate 4.5 GiB")

    during_training(monkeypatch, fail)
    failed = turn(project)
    assert (failed.state, failed.error) == ("failed", "MemoryError: Unable to allocate 4.5 GiB")
    assert queries.waiting(now()) == []
    assert queries.waiting(now() + timedelta(seconds=11)) == [project.pk]
    assert rounds.turn(project, now() + timedelta(seconds=11))
    failed.refresh_from_db()
    assert (failed.state, failed.error, failed.attempt) == ("done", "", 2)


@pytest.mark.django_db
def test_a_strategy_that_does_not_exist_fails_with_the_names_of_those_that_do():
    project = make_loop(strategy="crystal-ball")
    failed = turn(project)
    assert failed.state == "failed"
    assert "crystal-ball" in failed.error
    assert "default" in failed.error


@pytest.mark.django_db
def test_a_round_of_a_dead_worker_is_taken_over_and_what_the_dead_one_makes_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
):
    project = make_loop()
    later = now() + timedelta(seconds=31)
    during_training(monkeypatch, lambda: rounds.turn(project, later))
    assert rounds.turn(project, now())
    round_ = project.rounds.get()
    assert (round_.state, round_.attempt) == ("done", 2)
    assert QueueEntry.objects.filter(project=project, stream="first").count() == 10
    assert "/0-2" in round_.snapshot


@pytest.mark.django_db
def test_a_round_that_is_alive_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    project = make_loop()
    seen = []
    during_training(monkeypatch, lambda: seen.extend([rounds.turn(project, now()), *queries.waiting(now())]))
    assert rounds.turn(project, now())
    assert seen == [False]


def killed(project: Project, at: datetime, monkeypatch: pytest.MonkeyPatch) -> Round:
    """Let a worker take the round that is free at this moment and die of it."""
    monkeypatch.setattr(rounds, "_run", lambda _round: None)
    rounds.turn(project, at)
    monkeypatch.undo()
    return project.rounds.get()


@pytest.mark.django_db
def test_a_round_that_kills_its_worker_again_and_again_comes_to_rest(monkeypatch: pytest.MonkeyPatch):
    project, at = make_loop(), now()
    for number in range(3):
        assert killed(project, at + number * DEAD, monkeypatch).state == "running"
    resting = killed(project, at + 3 * DEAD, monkeypatch)
    assert (resting.state, resting.attempt, resting.deaths) == ("failed", 3, 3)
    assert "memory" in resting.error
    assert resting.heartbeat_at is not None
    # Nobody takes it up before its rest is over, and one more death is enough to rest again.
    assert not rounds.turn(project, now())
    again = resting.heartbeat_at + DEAD
    assert killed(project, again, monkeypatch).state == "running"
    assert killed(project, again + DEAD, monkeypatch).state == "failed"
    # Another policy may do better: it is tried at once.
    project.policies.create(version=2, strategy="random", batch_size=10)
    assert rounds.turn(project, now())
    assert (project.rounds.get().state, project.rounds.get().deaths) == ("done", 0)


@pytest.mark.django_db
def test_failures_and_deaths_are_counted_apart(monkeypatch: pytest.MonkeyPatch):
    project, at = make_loop(strategy="crystal-ball"), now()
    for number in range(3):
        assert rounds.turn(project, at + number * timedelta(minutes=5))
    assert (project.rounds.get().state, project.rounds.get().attempt) == ("failed", 3)
    project.policies.create(version=2, strategy="default", batch_size=10)
    later = at + timedelta(hours=1)
    assert killed(project, later, monkeypatch).deaths == 0
    assert rounds.turn(project, later + DEAD)
    done = project.rounds.get()
    assert (done.state, done.attempt, done.deaths) == ("done", 5, 0)


@pytest.mark.django_db
def test_a_failure_begins_the_count_of_deaths_anew(monkeypatch: pytest.MonkeyPatch):
    project, at = make_loop(strategy="crystal-ball"), now()
    killed(project, at, monkeypatch)
    assert killed(project, at + DEAD, monkeypatch).deaths == 1
    assert rounds.turn(project, at + 2 * DEAD)
    assert (project.rounds.get().state, project.rounds.get().deaths) == ("failed", 0)


@pytest.mark.django_db(transaction=True)
def test_any_number_of_messages_at_once_make_one_round():
    project = make_loop()
    ran = in_threads(6, lambda: rounds.turn(project, now()))
    assert sum(ran) == 1
    assert project.rounds.get().state == "done"
    assert QueueEntry.objects.filter(project=project, stream="first").count() == 10


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_a_model_trains(monkeypatch: pytest.MonkeyPatch):
    project = make_loop()
    open_ones = []
    during_training(monkeypatch, lambda: open_ones.append(connection.in_atomic_block))
    turn(project)
    assert open_ones == [False]


@pytest.mark.django_db(transaction=True)
def test_a_running_round_says_that_it_lives(monkeypatch: pytest.MonkeyPatch, settings: Any):
    settings.HEARTBEAT_SECONDS = 0.02
    project = make_loop()
    beats = []

    def wait() -> None:
        round_ = project.rounds.get()
        while Round.objects.get(pk=round_.pk).heartbeat_at == round_.heartbeat_at:
            connection.close()
        beats.append(True)

    during_training(monkeypatch, wait)
    assert turn(project).state == "done"
    assert beats == [True]


@pytest.mark.django_db(transaction=True)
def test_a_heartbeat_notices_that_the_work_went_to_another(settings: Any):
    settings.HEARTBEAT_SECONDS = 0.01
    project = make_loop()
    round_ = Round.objects.create(project=project, number=0, state="running", attempt=1, heartbeat_at=now())
    gone = Round.objects.filter(pk=round_.pk, attempt=0)
    with claims.Heartbeat(lambda: gone, "heartbeat_at") as heart:
        heart._thread.join(10)
        with pytest.raises(claims.Lost):
            heart.check()


@pytest.mark.django_db
def test_items_taken_by_a_lead_stay_at_the_front():
    project = with_model()
    item = project.items.filter(state="settled").first()
    assert item is not None
    Item.objects.filter(pk=item.pk).update(state="open")
    queue.ask_again(item)
    label(project, 10, text__startswith="red", holdout=False)
    turn(project)
    front = QueueEntry.objects.filter(project=project, state="live", free__gt=0).order_by("rank")[0]
    assert (front.item_id, front.stream) == (item.pk, "again")
    hand(make_member(project), item)
