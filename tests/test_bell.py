"""Ringing the worker: at once, rarely, and never in anybody's way."""

from __future__ import annotations

import time
from typing import Any

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from annotator import caches
from projects.models import Project
from projects.signals import items_changed, judgements_changed
from sampling import bell, listeners

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


def test_an_error_of_the_broker_is_no_error_of_ours(monkeypatch: pytest.MonkeyPatch):
    class Broken:
        def send_task(self, *_args: Any, **_options: Any) -> None:
            raise OperationalError("timed out")

    monkeypatch.setattr(bell, "current_app", Broken())
    assert not bell.send("advance", 1)


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
