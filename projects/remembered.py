"""Keep what is dear to compute until something changed, and for some seconds even then."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from django.core.cache import cache

Value = TypeVar("Value")
# While people label, everything changes all the time: a figure may be so old.
SECONDS: Final = 10.0
KEPT: Final = 24 * 3600


def remembered(key: str, mark: object, compute: Callable[[], Value], seconds: float = SECONDS) -> Value:
    """Return ``compute()``, or its last value while ``mark`` is the same or ``seconds`` have not passed."""
    found: tuple[object, float, Value] | None = cache.get(key)
    at = time.time()
    if found is not None and (found[0] == mark or 0 <= at - found[1] < seconds):
        return found[2]
    value = compute()
    cache.set(key, (mark, at, value), KEPT)
    return value
