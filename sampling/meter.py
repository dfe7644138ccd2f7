"""How far a long command is: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

BAR = 24


class Meter:
    """Counts pieces of work; ``done`` of them were there before. ``live`` draws a bar over itself."""

    def __init__(
        self, write: Callable[[str], object], total: int, done: int = 0, *, live: bool = False
    ) -> None:
        self._write, self._total, self._done, self._before, self._live = write, total, done, done, live
        self._since = time.monotonic()

    def step(self, words: str) -> None:
        """One more piece is done."""
        self._done += 1
        if self._live:
            self._draw(words)
        else:
            self._write(f"{self._done} of {self._total}: {words}\n")

    def end(self) -> None:
        """Leave the line to whatever comes next."""
        if self._live:
            self._write("\n")

    def _draw(self, words: str) -> None:
        full = BAR * self._done // max(self._total, 1)
        line = f"[{'█' * full}{'·' * (BAR - full)}] {self._done}/{self._total}  {self.left()}  {words}"
        room = shutil.get_terminal_size().columns - 1
        self._write(f"\r\x1b[K{line[:room]}")

    def left(self) -> str:
        """The time that the rest takes, if it goes on as before."""
        new = self._done - self._before
        if not new:
            return "…"
        seconds = (time.monotonic() - self._since) / new * (self._total - self._done)
        return f"{span(seconds)} left" if self._done < self._total else span(time.monotonic() - self._since)


def span(seconds: float) -> str:
    """A time in two units at most: 45 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
