"""The WSGI entry point, served by granian."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from annotator.processes import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotator.settings")
if os.environ.get("SERVED"):
    end_with_parent()

application = get_wsgi_application()

# What is loaded by now stays: looking through it again and again for rubbish costs every request a little.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 20)
