"""Real processes, really killed: the loop goes on, and nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from celery import Celery
from django.conf import settings as site
from django.test import Client
from django.urls import reverse

from projects.models import Annotation, QueueEntry
from sampling import bell
from tests.factories import make_items, make_member
from tests.loops import know, label, make_loop
from tests.processes import started, wait_for, worker

pytestmark = pytest.mark.django_db(transaction=True)

# A worker that gets stuck in the middle of a round.
DOOMED = """
import sys, time, django
django.setup()
from sampling import rounds, training

def hang(*_arguments):
    print("training", flush=True)
    time.sleep(600)

training.train = hang
rounds.advance(int(sys.argv[1]))
"""


def empty_the_broker() -> None:
    """Forget every message, and with Redis all else that it holds."""
    if site.REDIS_URL:
        redis.Redis.from_url(site.REDIS_URL).flushdb()
    for message in Path(site.BROKER_DIR / "messages").glob("*"):
        message.unlink(missing_ok=True)


def test_a_worker_killed_in_the_middle_of_a_round_is_replaced_by_the_next_one():
    project = make_loop()
    know(project)
    command = [sys.executable, "-c", DOOMED, str(project.pk)]
    with started(command, stdout=subprocess.PIPE) as doomed:
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == b"training\n"
        beat = project.rounds.get(state="running").heartbeat_at
        wait_for(lambda: project.rounds.get().heartbeat_at != beat)
        doomed.kill()
        doomed.stdout.close()
    with worker():
        wait_for(lambda: project.rounds.get().state == "done")
    round_ = project.rounds.get()
    assert (round_.number, round_.attempt, round_.labelled) == (1, 2, 10)
    assert QueueEntry.objects.filter(project=project, stream="strategy", state="live").count() == 10


def test_a_broker_that_forgets_everything_loses_no_work():
    project = make_loop(batch=5)
    know(project)
    with worker():
        empty_the_broker()
        wait_for(lambda: project.rounds.filter(state="done").exists())
        label(project, 5)
        bell.send("advance", project.pk)
        empty_the_broker()
        wait_for(lambda: project.rounds.filter(state="done").count() == 2)
        make_items(project, 100)
        empty_the_broker()
        wait_for(lambda: project.feature_sets.filter(state="ready", generation=2).exists())


def test_a_killed_worker_leaves_neither_its_clock_nor_its_children():
    make_loop()
    with worker() as process:
        family = psutil.Process(process.pid)
        wait_for(lambda: len(family.children(recursive=True)) >= 2)
        children = family.children(recursive=True)
        process.kill()
        _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def test_an_answer_is_stored_while_redis_is_away(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
):
    away = "redis://127.0.0.1:1/0"
    settings.CACHES = {
        "default": {"BACKEND": "annotator.caches.PatientRedisCache", "LOCATION": away},
    }
    app = Celery("away", broker=away, set_as_current=False)
    app.conf.broker_transport_options = {"max_retries": 0, "socket_connect_timeout": 2}
    monkeypatch.setattr(bell, "current_app", app)
    project = make_loop()
    person = make_member(project)
    client.force_login(person.user)
    page = client.get(reverse("label", args=[project.pk]))
    assert page.status_code == 200
    item = page.context["item"]
    body = {
        "want": 1,
        "have": [],
        "submissions": [
            {
                "id": str(page.context["submission"]),
                "item": item.pk,
                "kind": "answer",
                "labels": [project.labels.all()[0].pk],
            }
        ],
    }
    sent = client.post(reverse("work", args=[project.pk]), body, content_type="application/json")
    assert sent.status_code == 200
    assert sent.json()["verdicts"][0]["status"] == "stored"
    assert Annotation.objects.get().item_id == item.pk
