"""WSGI entry for granian."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

django = get_wsgi_application()

# They need settings, which stand now.
from api.admission import Admission  # noqa: E402
from config.refusals import note_refusal  # noqa: E402

application = Admission(django, refused=note_refusal)
