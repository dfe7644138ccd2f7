"""Whether the parts of the site are alive: the worker leaves a trace, and anybody may ask."""

from __future__ import annotations

import time
from typing import Any

from celery.signals import task_success
from django.db import DatabaseError
from django.utils.timezone import now

from annotator.models import WorkerSeen

# The clock rings every few seconds; the trace is renewed at most so often, and is cold after so long.
_RENEW_SECONDS = 10.0
COLD_SECONDS = 60.0
_renewed = -_RENEW_SECONDS


@task_success.connect(weak=False)
def note_worker(**_signal: Any) -> None:
    """Write down that a worker works."""
    global _renewed
    if time.monotonic() - _renewed < _RENEW_SECONDS:
        return
    _renewed = time.monotonic()
    WorkerSeen.objects.update_or_create(pk=1, defaults={"at": now()})


def report() -> dict[str, Any]:
    """Say whether the database answers, and how many seconds ago a worker was last heard of (None: never)."""
    try:
        seen = WorkerSeen.objects.filter(pk=1).values_list("at", flat=True).first()
    except DatabaseError:
        return {"database": False, "worker": False, "worker_seconds": None}
    seconds = None if seen is None else round((now() - seen).total_seconds(), 1)
    return {
        "database": True,
        "worker": seconds is not None and seconds < COLD_SECONDS,
        "worker_seconds": seconds,
    }
