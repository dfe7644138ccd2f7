"""Many at the same moment, in real threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


def in_threads(count: int, work: Callable[[], T]) -> list[T]:
    """Do the same in many threads that start together; return what each gave, or raise what one raised."""
    start = threading.Barrier(count)
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            start.wait()
            results.append(work())
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
