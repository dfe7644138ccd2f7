"""The Celery application. Messages are doorbells: every task looks up its work in the database."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_embedded_init, worker_process_init

from annotator.processes import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotator.settings")

app = Celery("annotator")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


# The process that read this module; those that it forks know it by this number, even when it is dead by then.
_READER = os.getpid()


@beat_embedded_init.connect(weak=False)
@worker_process_init.connect(weak=False)
def _leave_no_orphan(**_signal: Any) -> None:
    """A worker that was killed must not leave its clock and its children running."""
    end_with_parent(0 if os.getpid() == _READER else _READER)
