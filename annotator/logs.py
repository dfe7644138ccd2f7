"""What the server writes down of requests."""

from __future__ import annotations

import logging

from django.core.exceptions import PermissionDenied

from projects.tracing import REQUEST


class ShortRefusals(logging.Filter):
    """Leave one line of a page that was refused: that is no fault, so nobody needs its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
            record.exc_info = record.exc_text = None
        return True


class RequestId(logging.Filter):
    """Say in each line which request it is about: the id that events and the answer's header carry."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        name = REQUEST.get()
        record.request_id = f" [{name}]" if name else ""
        return True
