"""Long work that one worker does at a time: claimed, kept by a heartbeat, taken over when that stops."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Q, QuerySet
from django.utils.timezone import now

log = logging.getLogger(__name__)
# After a failure the next try waits 10, 20, 40 … seconds, at most ten minutes.
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 600.0


class Lost(Exception):
    """Another worker has this work now: whatever we made of it is not wanted."""


def stale_before(at: datetime) -> datetime:
    """Whoever was last heard of before this moment is taken to be dead."""
    return at - timedelta(seconds=settings.STALE_SECONDS)


def silent(column: str, at: datetime) -> Q:
    """Rows that nobody works on: never claimed, or not heard of for too long."""
    return Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__lt": stale_before(at)})


def pause(attempt: int) -> timedelta:
    """How long to wait after the failure of this attempt, counted from 1."""
    return timedelta(seconds=min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(attempt - 1, 10)))


def claim(row: QuerySet[Any], attempt: int, **changes: Any) -> bool:
    """Take the row if it still stands at ``attempt``, which counts up: of any number of callers one wins."""
    return row.filter(attempt=attempt).update(attempt=attempt + 1, **changes) == 1


class Heartbeat:
    """While the block runs, write the time into ``column`` every few seconds, from a thread of its own.

    ``mine`` gives the row as long as it is ours.
    """

    def __init__(self, mine: Callable[[], QuerySet[Any]], column: str) -> None:
        self._mine, self._column = mine, column
        self._over, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def check(self) -> None:
        """Raise Lost when somebody else took the work over."""
        if self._lost.is_set():
            raise Lost

    def _beat(self) -> None:
        try:
            while not self._over.wait(settings.HEARTBEAT_SECONDS):
                try:
                    if not self._mine().update(**{self._column: now()}):
                        self._lost.set()
                        return
                except (
                    DatabaseError
                ):  # Away or busy: the next beat may get through, and a takeover does no harm.
                    log.warning("A heartbeat did not reach the database.", exc_info=True)
                    connection.close()
        finally:
            connection.close()
