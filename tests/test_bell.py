"""Ringing the worker: at once, rarely, and never in anybody's way."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.core.cache import caches as cache_handler
from django.test import Client
from django.urls import reverse
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import OutOfMemoryError

from annotator import caches
from projects import ringing
from projects.files import bell as files
from projects.models import Project
from projects.signals import items_changed, judgements_changed
from sampling import bell, listeners
from tests.factories import make_user

NOBODY = "redis://127.0.0.1:1/0"


def wait_for(condition: Any) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "it did not happen within 20 seconds"
        time.sleep(0.01)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    messages: list[tuple[Any, ...]] = []

    def send(*message: Any) -> bool:
        messages.append(message)
        return True

    monkeypatch.setattr(bell, "send", send)
    monkeypatch.setattr(bell, "PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(bell, "IDLE_SECONDS", 0.3)
    return messages


def test_many_rings_in_a_moment_are_two_messages_at_most(sent: list[tuple[Any, ...]]):
    own = bell.Bell()
    own.ring(7)
    wait_for(lambda: sent)
    for _ in range(100):
        own.ring(7)
        own.ring(8)
    wait_for(lambda: own._thread is None)
    assert sent == [("advance", 7), ("advance", 7), ("advance", 8)]


def test_a_bell_that_fell_silent_rings_again(sent: list[tuple[Any, ...]]):
    own = bell.Bell()
    own.ring(1)
    wait_for(lambda: sent and own._thread is None)
    own.ring(2)
    wait_for(lambda: len(sent) == 2)
    wait_for(lambda: own._thread is None)


@pytest.mark.parametrize("signal", [judgements_changed, items_changed])
def test_news_of_a_project_rings(monkeypatch: pytest.MonkeyPatch, signal: Any):
    rung: list[int] = []
    monkeypatch.setattr(listeners, "ring", rung.append)
    signal.send(sender=Project, project_id=5)
    assert rung == [5]


def test_a_broker_that_is_away_costs_whoever_rings_nothing(monkeypatch: pytest.MonkeyPatch):
    app = Celery("away", broker=NOBODY, set_as_current=False)
    app.conf.broker_transport_options = {"max_retries": 0, "socket_connect_timeout": 2}
    monkeypatch.setattr(bell, "current_app", app)
    monkeypatch.setattr(bell, "AWAY_SECONDS", 0.01)
    monkeypatch.setattr(bell, "IDLE_SECONDS", 0.01)
    assert not bell.send("advance", 1)
    own = bell.Bell()
    own.ring(1)
    wait_for(lambda: own._thread is None)


@pytest.mark.parametrize(
    "error", [OperationalError("timed out"), ChannelError("disk full"), OutOfMemoryError("no")]
)
def test_an_error_of_the_broker_is_no_error_of_ours(monkeypatch: pytest.MonkeyPatch, error: Exception):
    class Broken:
        def send_task(self, *_args: Any, **_options: Any) -> None:
            raise error

    monkeypatch.setattr(bell, "current_app", Broken())
    monkeypatch.setattr(ringing, "current_app", Broken())
    assert not bell.send("advance", 1)
    files.ring(1)


def test_a_folder_that_was_once_too_full_to_write_is_no_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    folders = dict.fromkeys(["data_folder_in", "data_folder_out", "control_folder"], str(tmp_path))
    for module, ring in ((bell, lambda: bell.send("advance", 1)), (ringing, lambda: files.ring(1))):
        # The transport remembers what it declared; this name is new to it.
        app = Celery(module.__name__, broker="filesystem://localhost/", set_as_current=False)
        name = app.conf.task_default_queue = module.__name__.replace(".", "-")
        app.conf.broker_transport_options = folders
        (tmp_path / f"{name}.exchange").touch()
        monkeypatch.setattr(module, "current_app", app)
        assert not ring()
        assert not list(tmp_path.glob("*.msg"))


def test_a_bell_whose_thread_died_rings_again(sent: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch):
    died: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    with monkeypatch.context() as broken:
        broken.setattr(bell, "send", None)
        own = bell.Bell()
        own.ring(1)
        wait_for(lambda: died)
    own.ring(2)
    wait_for(lambda: sent)
    assert sent == [("advance", 2)]
    wait_for(lambda: own._thread is None)


def test_while_redis_is_away_the_cache_is_merely_empty(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(caches.PatientRedisCache, "_away_until", 0.0)
    cache = caches.PatientRedisCache(NOBODY, {"OPTIONS": {"socket_connect_timeout": 1}})
    cache.set("a", 1)
    assert cache.get("a", 5) == 5
    assert cache.add("a", 1)
    assert cache.get_or_set("a", 7) == 7
    assert not cache.has_key("a")
    assert cache.get_many(["a"]) == {}
    assert cache.incr("a") == 1
    assert cache.set_many({"a": 1}) == []
    assert not cache.delete("a")
    assert not cache.touch("a")
    cache.delete_many(["a"])
    cache.clear()


@pytest.mark.django_db
def test_who_signs_out_while_the_cache_is_away_stays_out_when_it_is_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
):
    client.force_login(make_user())
    assert client.get(reverse("home")).context["user"].is_authenticated
    stolen = client.cookies["sessionid"].value
    with monkeypatch.context() as away:
        away.setattr(type(cache_handler["default"]), "delete", lambda *_arguments, **_options: False)
        client.logout()
    client.cookies["sessionid"] = stolen
    assert client.get(reverse("home")).status_code == 302
