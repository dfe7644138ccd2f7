"""Which request is being answered. Imports nothing of ours, so that the log may know it before all else."""

from contextvars import ContextVar

# The id of the request; blank outside of one.
REQUEST: ContextVar[str] = ContextVar("request", default="")
