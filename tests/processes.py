"""Programs of ours in processes of their own, on the database and the broker of this test process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from annotator.management.commands import serve
from tests.e2e.site import environment
from tests.services import ROOT

QUICK = {"HEARTBEAT_SECONDS": "0.3", "STALE_SECONDS": "2", "TICK_SECONDS": "0.5"}


def wait_for(condition: Callable[[], Any], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"it did not happen within {seconds} seconds"
        time.sleep(0.1)


@contextmanager
def started(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program on our test database; end it and its children with the block."""
    process = subprocess.Popen(
        command, cwd=ROOT, env={**environment(), **QUICK}, start_new_session=True, **options
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def worker() -> Any:
    return started(list(serve.worker(1).command))
