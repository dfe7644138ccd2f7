"""The site: settings, addresses, accounts, the worker's entry point."""

from annotator.celery import app as celery_app

__all__ = ["celery_app"]
