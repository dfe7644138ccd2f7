"""Ring the worker. Never waits and never fails: what is lost, the next tick rings again."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

from celery import current_app

log = logging.getLogger(__name__)

# Rings of the same project within this time are one; and after a failure nobody rings for a while.
PAUSE_SECONDS = 1.0
AWAY_SECONDS = 5.0
# The thread ends when nobody has rung for so long.
IDLE_SECONDS = 60.0


def send(task: str, *arguments: Any) -> bool:
    """Send one message now; return whether the broker took it. The task is named, not imported: see tasks."""
    try:
        current_app.send_task(f"sampling.tasks.{task}", arguments, retry=False, ignore_result=True)
    except Exception as error:  # Brokers fail in many ways, a full disk's worst: a file cut short is no JSON.
        log.warning("The broker did not take a message (%r); the next tick will do.", error)
        return False
    return True


class Bell:
    """Collects rings and sends them from a thread of its own: whoever rings goes on at once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: set[int] = set()
        self._thread: threading.Thread | None = None

    def ring(self, project_id: int) -> None:
        """Ask for a look at this project."""
        with self._changed:
            self._waiting.add(project_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        try:
            while waiting := self._take():
                sent = [send("advance", project_id) for project_id in sorted(waiting)]
                time.sleep(PAUSE_SECONDS if all(sent) else AWAY_SECONDS)
        finally:
            # Whatever ended it, the next ring begins a new one.
            with self._changed:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _take(self) -> set[int]:
        """Wait for rings and return them; none when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, IDLE_SECONDS)
            taken, self._waiting = self._waiting, set()
            if not taken:
                self._thread = None
        return taken


_bell = Bell()


def ring(project_id: int) -> None:
    """Ask for a look at this project, within about a second."""
    _bell.ring(project_id)


def _renew() -> None:
    """A forked process has the lock but not the thread."""
    global _bell
    _bell = Bell()


os.register_at_fork(after_in_child=_renew)
