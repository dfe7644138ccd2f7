"""Doorbells for files: check or import an upload, make thumbnails. What is due stands in the database."""

from __future__ import annotations

import logging
from time import monotonic

from celery import shared_task
from django.core.cache import cache
from kombu.exceptions import KombuError

from projects.models import Item, Upload

logger = logging.getLogger(__name__)
THUMBNAILS = 100
# A worker has other work too: the next tick goes on.
THUMBNAIL_SECONDS = 10
# What is not heard by then is rung again, and need not be heard twice.
EXPIRES = 30
_BUSY = "thumbnails-are-being-made"


def ring(upload_id: int) -> None:
    """Tell a worker to look at an upload; where no broker answers, the next tick tells it."""
    try:
        # A person waits for this page: a broker that does not answer is not asked twice.
        advance_upload.apply_async((upload_id,), retry=False)
    except (KombuError, OSError):
        logger.warning("no broker; upload %s waits for the next tick", upload_id)


def tick() -> None:
    """Ring for whatever waits. Called every few seconds; may be called at any time, by anybody."""
    from projects.files import claims, publishing

    for upload_id in claims.due().values_list("pk", flat=True)[:100]:
        advance_upload.apply_async((upload_id,), expires=EXPIRES)
    for upload in Upload.objects.filter(state=Upload.State.DONE).exclude(file="")[:10]:
        publishing.forget_file(upload)
    if Item.objects.exclude(image="").filter(thumbnail="").exists():
        make_thumbnails.apply_async(expires=EXPIRES)


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
    """Make thumbnails that are missing, for a while; doing one twice does no harm."""
    from projects.files import thumbnails

    # A courtesy among workers, not a lock: should it be forgotten, some work is done twice.
    if not cache.add(_BUSY, True, timeout=3 * THUMBNAIL_SECONDS):
        return
    try:
        end = monotonic() + THUMBNAIL_SECONDS
        while thumbnails.make(THUMBNAILS) == THUMBNAILS and monotonic() < end:
            pass
    finally:
        cache.delete(_BUSY)
