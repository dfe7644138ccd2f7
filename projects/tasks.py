"""Doorbells for files: check or import an upload, make thumbnails. What is due stands in the database."""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from projects.models import Item, Upload

logger = logging.getLogger(__name__)
THUMBNAILS = 100


def ring(upload_id: int) -> None:
    """Tell a worker to look at an upload; where no broker answers, the next tick tells it."""
    try:
        advance_upload.delay(upload_id)
    except (OperationalError, OSError):
        logger.warning("no broker; upload %s waits for the next tick", upload_id)


def tick() -> None:
    """Ring for whatever waits. Called every few seconds; may be called at any time, by anybody."""
    from projects.files import claims, publishing

    for upload_id in claims.due().values_list("pk", flat=True)[:100]:
        advance_upload.delay(upload_id)
    for upload in Upload.objects.filter(state=Upload.State.DONE).exclude(file="")[:10]:
        publishing.forget_file(upload)
    if Item.objects.exclude(image="").filter(thumbnail="").exists():
        make_thumbnails.delay()


@shared_task
def advance_upload(upload_id: int) -> None:
    """Move one upload on by one step, if it is due."""
    from projects.files import claims, importing

    upload = claims.due().filter(pk=upload_id).select_related("project").first()
    if upload is None:
        return
    if upload.state in {Upload.State.WAITING, Upload.State.CHECKING}:
        importing.check(upload)
    else:
        importing.import_upload(upload)


@shared_task
def make_thumbnails() -> None:
    """Make the next thumbnails that are missing; doing one twice does no harm."""
    from projects.files import thumbnails

    if thumbnails.make(THUMBNAILS) == THUMBNAILS:
        make_thumbnails.delay()
