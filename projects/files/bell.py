"""Tell a worker to look at an upload; where no broker answers, the next tick tells it."""

from __future__ import annotations

import logging

from celery import current_app

logger = logging.getLogger(__name__)


def ring(upload_id: int) -> None:
    """Ring once: a person waits for this page, so a broker that does not answer is not asked twice.

    The task is named, not imported: tasks know files, not the other way round.
    """
    try:
        current_app.send_task("projects.tasks.advance_upload", (upload_id,), retry=False, ignore_result=True)
    except Exception as error:  # Brokers fail in many ways, and the upload is stored.
        logger.warning("no broker (%r); upload %s waits for the next tick", error, upload_id)
