"""`serve`: the whole site in one command, and nothing left of it afterwards."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.management import CommandError

from annotator.management.commands import serve
from annotator.processes import Child
from tests.services import ROOT, free_port


def wait_for(condition: Callable[[], Any], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"it did not happen within {seconds} seconds"
        time.sleep(0.1)


@contextmanager
def site(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Run the command on a data folder of its own until the block ends."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", str(port), "--workers", "1"],
        cwd=ROOT,
        env={**environment, "DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "annotator.settings"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            assert f"http://127.0.0.1:{port}/" in process.stdout.readline().decode()
            yield psutil.Process(process.pid), f"http://127.0.0.1:{port}/healthz"
        finally:
            process.terminate()
            process.wait(60)


def answers(address: str) -> bool:
    try:
        return bool(urllib.request.urlopen(address, timeout=60).status == 200)
    except OSError:
        return False


def running(process: psutil.Process, word: str) -> list[psutil.Process]:
    """Direct children of the command that live and whose command line holds a word."""
    found = []
    for child in process.children():
        with suppress(psutil.Error):  # It may die while we look.
            if word in child.cmdline():
                found.append(child)
    return found


def test_what_dies_is_started_again_and_sigterm_ends_everything(tmp_path: Path):
    with site(tmp_path) as (process, address):
        assert answers(address)
        (web,) = running(process, "granian")
        orphans = web.children()
        web.kill()
        wait_for(lambda: running(process, "granian") not in ([], [web]) and answers(address))
        assert psutil.wait_procs(orphans, timeout=20)[1] == []
        wait_for(lambda: [worker for worker in running(process, "celery") if len(worker.children()) >= 2])
        family = process.children(recursive=True)
        assert len(family) >= 5
        process.terminate()
        assert process.wait(60) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []


def test_even_when_it_is_killed_nothing_stays_behind(tmp_path: Path):
    with site(tmp_path) as (process, address):
        assert answers(address)
        wait_for(lambda: len(process.children(recursive=True)) >= 5)
        family = process.children(recursive=True)
        process.kill()
        assert psutil.wait_procs(family, timeout=60)[1] == []


def test_a_taken_port_is_refused_in_plain_words():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=f"port {port}.*Choose another with --port"):
            serve.refuse_a_taken_port("127.0.0.1", port)


def test_static_files_are_collected_when_they_changed(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
):
    settings.STATIC_ROOT = tmp_path
    calls: list[str] = []
    monkeypatch.setattr(serve, "call_command", lambda name, **_options: calls.append(name))
    serve.collect_static()
    serve.collect_static()
    assert calls == ["collectstatic"]
    monkeypatch.setattr(serve, "_static_digest", lambda: "other")
    serve.collect_static()
    assert calls == ["collectstatic", "collectstatic"]


def test_a_program_that_keeps_dying_is_started_ever_more_rarely(monkeypatch: pytest.MonkeyPatch):
    child = Child("It", [sys.executable, "-c", "raise SystemExit(3)"])
    at, pauses = 1000.0, []
    monkeypatch.setattr(time, "monotonic", lambda: at)
    for _ in range(7):
        assert child.revive(at)
        assert child.process is not None
        child.process.wait()
        assert not child.revive(at)
        pauses.append(child.pause)
        at += child.pause
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert child.revive(at)
    at += 61
    assert child.process is not None
    child.process.wait()
    child.revive(at)
    assert child.pause == 1
