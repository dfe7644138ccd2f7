"""The cache of a site with Redis: while Redis is away it is merely empty, and pages go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

# After a failure nobody asks for so long: a request asks several times, and each may have to wait.
AWAY_SECONDS = 2.0


class PatientRedisCache(RedisCache):
    """Django's Redis cache that answers like an empty one when Redis does not."""

    _away_until = 0.0

    def _asked(self, otherwise: Any, ask: Callable[[], Any]) -> Any:
        if time.monotonic() < PatientRedisCache._away_until:
            return otherwise
        try:
            return ask()
        except RedisError as error:
            PatientRedisCache._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("Redis does not answer (%s); the cache is empty until it does.", error)
            return otherwise

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        ask = super().get
        return self._asked(default, lambda: ask(key, default, version))

    def set(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        ask = super().set
        self._asked(None, lambda: ask(key, value, timeout, version))

    def add(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        ask = super().add
        return bool(self._asked(True, lambda: ask(key, value, timeout, version)))

    def touch(self, key: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        ask = super().touch
        return bool(self._asked(False, lambda: ask(key, timeout, version)))

    def delete(self, key: Any, version: int | None = None) -> bool:
        ask = super().delete
        return bool(self._asked(False, lambda: ask(key, version)))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        ask = super().has_key
        return bool(self._asked(False, lambda: ask(key, version)))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        ask = super().incr
        return int(self._asked(delta, lambda: ask(key, delta, version)))

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        ask = super().get_many
        return dict(self._asked({}, lambda: ask(keys, version)))

    def set_many(
        self, data: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        ask = super().set_many
        return list(self._asked([], lambda: ask(data, timeout, version)))

    def delete_many(self, keys: Any, version: int | None = None) -> None:
        ask = super().delete_many
        self._asked(None, lambda: ask(keys, version))

    def clear(self) -> None:
        ask = super().clear
        self._asked(None, ask)
