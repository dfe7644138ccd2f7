"""Tell a worker to look at an upload."""

from __future__ import annotations

from projects import ringing


def ring(upload_id: int) -> None:
    """Ring once for an upload; see ``projects.ringing``."""
    ringing.ring("projects.tasks.advance_upload", upload_id)
