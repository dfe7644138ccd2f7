"""Keep what is dear to compute until something changed, and for some seconds even then."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from django.core.cache import cache

Value = TypeVar("Value")
# While people label, everything changes all the time: a figure may be so old, and a dear one older.
SECONDS: Final = 5.0
TIMES_ITS_COST: Final = 50.0
# On a server that is busy everything is dear, and people still want to see their work count.
MOST_SECONDS: Final = 30.0
KEPT: Final = 24 * 3600


def remembered(key: str, mark: object, compute: Callable[[], Value], seconds: float = SECONDS) -> Value:
    """Return ``compute()``, or its last value while ``mark`` is the same or ``seconds`` have not passed.

    What takes long is kept for fifty times as long, so that it costs a fiftieth of the time; but
    no longer than half a minute for its cost alone.
    """
    found: tuple[object, float, Value] | None = cache.get(key)
    at = time.time()
    if found is not None and (found[0] == mark or at < found[1]):
        return found[2]
    began = time.monotonic()
    value = compute()
    dear = TIMES_ITS_COST * (time.monotonic() - began)
    until = at + max(seconds, min(dear, MOST_SECONDS))
    cache.set(key, (mark, until, value), KEPT)
    return value
