"""Pictures, for members only, in a form that no browser takes for anything else."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import Final

from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from projects import access
from projects.files.images import TYPES
from projects.models import Item

# A picture never changes; but whoever leaves the project should not keep it for long.
_DAY: Final = "private, max-age=86400, immutable"
_SOON: Final = "private, max-age=10"


@require_safe
@login_required
def image(request: HttpRequest, project_id: int, number: int) -> HttpResponse | FileResponse:
    """Serve an item's picture."""
    item = _item(request, project_id, number)
    return _served(request, item.image, f"item-{number}", _DAY)


@require_safe
@login_required
def thumbnail(request: HttpRequest, project_id: int, number: int) -> HttpResponse | FileResponse:
    """Serve an item's thumbnail, or the picture itself until the worker has made one."""
    item = _item(request, project_id, number)
    if item.thumbnail:
        return _served(request, item.thumbnail, f"item-{number}-small", _DAY)
    return _served(request, item.image, f"item-{number}", _SOON)


def _item(request: HttpRequest, project_id: int, number: int) -> Item:
    member = access.membership(request.user, project_id)
    item = Item.objects.filter(project=member.project, number=number).only("image", "thumbnail").first()
    if item is None or not item.image:
        raise Http404("There is no such picture.")
    return item


def _served(request: HttpRequest, path: str, name: str, caching: str) -> HttpResponse | FileResponse:
    suffix = PurePosixPath(path).suffix
    if suffix not in TYPES:
        raise Http404("This is not a picture.")
    # A path is written once, so it stands for what is in it.
    tag = f'"{hashlib.blake2b(path.encode(), digest_size=12).hexdigest()}"'
    known = get_conditional_response(request, etag=tag)
    if known is not None:
        known["Cache-Control"], known["ETag"] = caching, tag
        return known
    try:
        file = default_storage.open(path)
    except FileNotFoundError:
        raise Http404("The picture is no longer there.") from None
    response = FileResponse(file, content_type=TYPES[suffix])
    response["Content-Disposition"] = f'inline; filename="{name}{suffix}"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"], response["ETag"] = caching, tag
    return response
