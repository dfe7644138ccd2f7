"""The WSGI entry point, served by granian."""

import os

from django.core.wsgi import get_wsgi_application

from annotator.processes import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotator.settings")
if os.environ.get("SERVED"):
    end_with_parent()

application = get_wsgi_application()
