"""Anybody may ask whether the site works."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils.timezone import now

from annotator import health
from annotator.models import WorkerSeen

pytestmark = pytest.mark.django_db


def test_a_site_without_worker_serves_pages_and_says_so(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["worker"]) == (200, False)


def test_a_task_that_ended_is_a_sign_of_life(client, monkeypatch):
    monkeypatch.setattr(health, "_renewed", -health._RENEW_SECONDS)
    health.note_worker()
    assert client.get("/healthz").json()["worker"] is True


def test_a_worker_that_was_silent_for_minutes_is_reported(client):
    WorkerSeen.objects.create(pk=1, at=now() - timedelta(minutes=5))
    found = client.get("/healthz").json()
    assert (found["worker"], found["worker_seconds"] > 299) == (False, True)


def test_a_database_that_does_not_answer_is_a_503(client, monkeypatch):
    def down(*_args, **_fields):
        raise OperationalError("gone")

    monkeypatch.setattr(WorkerSeen.objects, "filter", down)
    assert client.get("/healthz").status_code == 503
