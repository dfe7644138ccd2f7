"""Tell a worker to look at what waits; where no broker answers, the next tick tells it."""

from __future__ import annotations

import logging

from celery import current_app

logger = logging.getLogger(__name__)


def ring(task: str, pk: int) -> None:
    """Ring once: a person waits for this page, so a broker that does not answer is not asked twice.

    The task is named, not imported: tasks know what they call, not the other way round.
    """
    try:
        current_app.send_task(task, (pk,), retry=False, ignore_result=True)
    except Exception as error:  # Brokers fail in many ways, and the work is stored.
        logger.warning("no broker (%r); %s %s waits for the next tick", error, task, pk)
