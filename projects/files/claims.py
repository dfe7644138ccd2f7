"""Who works on an upload: claimed by compare-and-swap, kept by a heartbeat, taken over when that is old."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from projects.models import Upload
from projects.saying import gettext as _
from projects.saying import kept, plain

State = Upload.State
DEAD_AFTER: Final = timedelta(seconds=30)
BEAT_SECONDS: Final = 2.0
# A file that stopped so many workers is not given to another.
MOST_TAKEOVERS: Final = 3
GAVE_UP: Final = _(
    "The work on this file stopped several times before its end. Split the file, or ask your operator."
)


class Lost(Exception):
    """This attempt is no longer the one that counts."""


def due() -> QuerySet[Upload]:
    """Return the uploads that wait for a worker, and those whose worker seems to be dead."""
    old = Q(state__in=[State.CHECKING, State.IMPORTING], heartbeat_at__lt=timezone.now() - DEAD_AFTER)
    return Upload.objects.filter(Q(state__in=[State.WAITING, State.READY]) | old).order_by("pk")


def claim(upload: Upload, wanted: list[str], becomes: str) -> bool:
    """Take the upload for this process; False where another has it or nothing is to be done."""
    held = Upload.objects.get(pk=upload.pk)
    now = timezone.now()
    dead = held.state == becomes and (held.heartbeat_at is None or held.heartbeat_at < now - DEAD_AFTER)
    if held.state not in wanted and not dead:
        return False
    takeovers = held.report.get("takeovers", 0) + 1 if dead else 0
    ours = Upload.objects.filter(pk=held.pk, state=held.state, attempt=held.attempt)
    values: dict[str, Any] = {
        "report": held.report | {"takeovers": takeovers},
        "attempt": held.attempt + 1,
        "rows_done": 0,
    }
    if takeovers > MOST_TAKEOVERS:
        values["report"] = values["report"] | {"message": kept(GAVE_UP)}
        ours.update(state=State.REFUSED, message=plain(GAVE_UP), **values)
        return False
    if not ours.update(state=becomes, heartbeat_at=now, message="", **values):
        return False
    upload.refresh_from_db()
    return True


def ours(upload: Upload) -> QuerySet[Upload]:
    """Return the upload's row as long as this attempt counts."""
    return Upload.objects.filter(pk=upload.pk, state=upload.state, attempt=upload.attempt)


def finish(upload: Upload, state: str, **values: Any) -> None:
    """End this attempt. Raises Lost where it no longer counts."""
    if not ours(upload).update(state=state, **values):
        raise Lost
    upload.refresh_from_db()


class Heart:
    """Shows every two seconds that the work goes on, and how far it is."""

    def __init__(self, upload: Upload) -> None:
        self._upload, self._last = upload, monotonic()

    def beat(self, rows: int = 0) -> None:
        """Raise Lost when this attempt no longer counts."""
        if monotonic() - self._last < BEAT_SECONDS:
            return
        self._last = monotonic()
        if not ours(self._upload).update(heartbeat_at=timezone.now(), rows_done=rows):
            raise Lost
