"""Child processes of `serve`: started, watched, started again when they die, and never left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

_HOME = Path(__file__).resolve().parent.parent
_PR_SET_PDEATHSIG = 1
# A child that dies is started again after 1, 2, 4 … 30 seconds; one that lived for a minute starts afresh.
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0
_POLL_SECONDS = 0.2


def end_with_parent(parent: int = 0, seconds: float = 1.0) -> None:
    """Let this process end when the one that started it has died, however it died.

    Name the parent where it may have died already, before this process came to call.

    For processes that a library forks for us: the kernel's own signal (see _tie) goes by the parent's
    thread, which such a library may end long before the parent.
    """
    parent = parent or os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def _tie(niceness: int) -> Callable[[], None]:
    """What a new child does first: ask the kernel for SIGTERM at our death, and step back behind others."""
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def tie() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # We died in between.
                os._exit(1)
        if niceness:
            os.nice(niceness)

    return tie


@dataclass
class Child:
    """One program that shall run as long as we do."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    niceness: int = 0
    # Keep to oneself what it prints; its log, on standard error, is for everybody.
    silent: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.0

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches us alone and we end it in order."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603
            self.command,
            cwd=_HOME,
            env={**os.environ, **self.environment},
            stdout=subprocess.DEVNULL if self.silent else None,
            start_new_session=True,
            preexec_fn=_tie(self.niceness),  # Safe: this process has no other threads.
        )

    def signal(self, number: int) -> None:
        """Send a signal to the program itself."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def sweep(self) -> None:
        """End at once whatever is left of the program and of what it started."""
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            finally:
                self.process.wait()

    def revive(self, now: float) -> bool:
        """Start the program again if it died and its pause is over; return whether it was started."""
        if self.process is not None:
            if self.process.poll() is None:
                return False
            self._died(now)
        if now < self.started + self.pause:
            return False
        self.start()
        return True

    def _died(self, now: float) -> None:
        assert self.process is not None
        self.sweep()
        steady = now - self.started > _STEADY_SECONDS
        self.pause = 1.0 if steady or not self.pause else min(2 * self.pause, _LONGEST_PAUSE)
        code = self.process.returncode
        _say(f"{self.name} ended (exit code {code}); it starts again in {self.pause:.0f} s")
        self.process, self.started = None, now


def run(children: Sequence[Child], ready: Callable[[], bool] = lambda: True, grace: float = 10.0) -> None:
    """Run the children until SIGINT, SIGTERM or SIGHUP, then end them and all that they started.

    ``ready`` is asked until it says True. Each child has ``grace`` seconds to finish what it does; work that
    is cut off then is taken over at the next start.
    """
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, ask_to_stop) for number in numbers}
    waiting = True
    try:
        while not stop.is_set():
            for child in children:
                child.revive(time.monotonic())
            waiting = waiting and not ready()
            stop.wait(_POLL_SECONDS)
        _say("Stopping …")
    finally:  # The handlers stay until all is over: a second Ctrl-C must not leave half of us behind.
        _end(children, grace)
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(children: Sequence[Child], grace: float) -> None:
    for child in children:
        child.signal(signal.SIGTERM)
    until = time.monotonic() + grace
    for child in children:
        if child.process:
            try:
                child.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                _say(f"{child.name} needs more than {grace:.0f} s and is cut off; its work is taken up later")
            child.sweep()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
