"""What featurizers read of items: texts, and pictures opened one after the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.db.models.functions import Left
from PIL import Image

from projects.models import Item, Project
from sampling.core.arrays import IntArray
from sampling.core.ngrams import LONGEST

# Large pictures are decoded at a fraction of their size, but no smaller than this.
_SIDE = 256

log = logging.getLogger(__name__)


def contents_of(items: QuerySet[Item], media: str) -> tuple[IntArray, Sequence[Any]]:
    """Ids of the items, and what featurizers read of them."""
    if media == Project.Media.IMAGE:
        found = list(items.values_list("pk", "image"))
        return np.array([pk for pk, _ in found], np.int64), Pictures([path for _, path in found])
    # No featurizer reads further; a text may be as long as a book.
    texts = list(items.values_list("pk", Left("text", LONGEST)))
    return np.array([pk for pk, _ in texts], np.int64), [text for _, text in texts]


def metadata_of(items: QuerySet[Item]) -> list[dict[str, Any]]:
    """What else is known of the items, in their order."""
    return [known if isinstance(known, dict) else {} for known in items.values_list("metadata", flat=True)]


class Pictures(Sequence[Image.Image | None]):
    """Pictures of the default storage, opened when asked for: thousands never lie in memory together."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Image.Image | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[Image.Image | None]: ...
    def __getitem__(self, index: int | slice) -> Image.Image | list[Image.Image | None] | None:
        if isinstance(index, slice):
            return [_opened(path) for path in self._paths[index]]
        return _opened(self._paths[index])


def _opened(path: str) -> Image.Image | None:
    """Decode a picture of the storage; None when it cannot be read."""
    try:
        with default_storage.open(path) as file:
            return decoded(file)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        log.warning("The picture %s cannot be read.", path)
        return None


def decoded(file: Any) -> Image.Image:
    """Decode a picture as featurizers see it: a large JPEG no larger than they need."""
    with Image.open(file) as picture:
        picture.draft("RGB", (_SIDE, _SIDE))
        return picture.copy()
