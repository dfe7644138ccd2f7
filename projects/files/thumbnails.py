"""Small copies of pictures, made in the worker after the import."""

from __future__ import annotations

import logging
from pathlib import PurePosixPath

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL.Image import DecompressionBombError

from projects.files import images
from projects.models import Item

logger = logging.getLogger(__name__)


def make(count: int) -> int:
    """Make up to ``count`` thumbnails that are missing, and return how many."""
    items = Item.objects.exclude(image="").filter(thumbnail="").order_by("project_id", "number")
    made = 0
    for item in items.only("pk", "image")[:count]:
        path = _small(item.image)
        if not Item.objects.filter(pk=item.pk, thumbnail="").update(thumbnail=path) and path != item.image:
            default_storage.delete(path)
        made += 1
    return made


def _small(image: str) -> str:
    """Write the thumbnail of a picture and return its path; the picture itself stands in where that fails."""
    try:
        with default_storage.open(image) as file:
            data = images.thumbnail(file.read())
    except (*images.BROKEN, DecompressionBombError):
        logger.exception("no thumbnail of %s", image)
        return image
    path = PurePosixPath(image)
    return default_storage.save(f"{path.parent}/small-{path.stem}.webp", ContentFile(data))
