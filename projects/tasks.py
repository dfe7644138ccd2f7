"""Doorbells for files: check or import an upload, make thumbnails. What is due stands in the database."""

from __future__ import annotations

from time import monotonic

from celery import shared_task
from django.core.cache import cache

from projects.files import claims, importing, publishing, thumbnails
from projects.models import Item, Upload

THUMBNAILS = 100
# A worker has other work too: the next tick goes on.
THUMBNAIL_SECONDS = 10
# What is not heard by then is rung again, and need not be heard twice.
EXPIRES = 30
_BUSY = "thumbnails-are-being-made"


def tick() -> None:
    """Ring for whatever waits. Called every few seconds; may be called at any time, by anybody."""
    for upload_id in claims.due().values_list("pk", flat=True)[:100]:
        advance_upload.apply_async((upload_id,), expires=EXPIRES)
    for upload in Upload.objects.filter(state=Upload.State.DONE).exclude(file="")[:10]:
        publishing.forget_file(upload)
    if Item.objects.exclude(image="").filter(thumbnail="").exists():
        make_thumbnails.apply_async(expires=EXPIRES)


@shared_task
def advance_upload(upload_id: int) -> None:
    """Move one upload on by one step, if it is due."""
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
    # A courtesy among workers, not a lock: should it be forgotten, some work is done twice.
    if not cache.add(_BUSY, True, timeout=3 * THUMBNAIL_SECONDS):
        return
    try:
        end = monotonic() + THUMBNAIL_SECONDS
        while thumbnails.make(THUMBNAILS) == THUMBNAILS and monotonic() < end:
            pass
    finally:
        cache.delete(_BUSY)
