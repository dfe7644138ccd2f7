"""Tell a worker to look at what waits; where no broker answers, the next tick tells it."""

from __future__ import annotations

import logging

from celery import current_app

logger = logging.getLogger(__name__)


def ring(upload_id: int) -> None:
    """Ring once for an upload: a person waits, so a broker that is silent is not asked twice."""
    _send("projects.tasks.advance_upload", upload_id)


def ring_for_guidelines(project_id: int) -> None:
    """Ring once for what follows from a project's new guidelines or label set."""
    _send("projects.tasks.follow_guidelines", project_id)


def _send(task: str, pk: int) -> None:
    """The task is named, not imported: tasks know files, not the other way round."""
    try:
        current_app.send_task(task, (pk,), retry=False, ignore_result=True)
    except Exception as error:  # Brokers fail in many ways, and the work is stored.
        logger.warning("no broker (%r); %s %s waits for the next tick", error, task, pk)
