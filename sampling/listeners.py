"""Ring the worker when the project below has news."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from projects.signals import items_changed, judgements_changed
from sampling.bell import ring


@receiver([judgements_changed, items_changed])
def look(project_id: int, **_signal: Any) -> None:
    """Somebody said something, or items came in: look whether a step is due."""
    ring(project_id)
