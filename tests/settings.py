"""The site's settings, with nothing but time saved: cheap password hashes, static files as they lie there."""

from annotator.settings import *  # noqa: F403
from annotator.settings import DATABASES, STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_AUTOREFRESH = True
# A heartbeat cannot see what a test has not committed, and on a busy machine a round takes seconds.
HEARTBEAT_SECONDS = 3600.0
# One piece of feature work after the other, whatever the broker: tests count them.
FEATURE_LANES = 1
# Fifty people at once in threads of one process, each on a connection of their own.
if pool := DATABASES["default"].get("OPTIONS", {}).get("pool"):
    pool["max_size"] = 64
