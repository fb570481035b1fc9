"""For the test suite: cheap hashing, mail in memory, real PostgreSQL and Valkey."""

import base64
import os

# mypy and editors import these settings without engines; no connection is made until a test asks for it.
os.environ.setdefault("DATABASE_URL", "postgresql://holdout@localhost/holdout")
os.environ.setdefault("REDIS_URL", "redis://localhost:6379/0")

from config.env import broker_from_redis_url, valkey_database
from config.settings import base
from config.settings.base import *  # noqa: F403

# Each parallel test process has a Valkey database of its own, or they would eat each other's tasks.
_NUMBER = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
REDIS_URL = valkey_database(base.REDIS_URL, _NUMBER)
CELERY_BROKER_URL = broker_from_redis_url(REDIS_URL)

DEBUG = False
SECRET_KEY = "for-tests-only-" + "x" * 40
HOLDOUT_SNAPSHOT_SIGNING_KEY = base64.b64encode(b"\x01" * 32).decode()
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# `manage.py lintmigrations`, which only `./run check` needs; what it looks at stands in pyproject.toml.
INSTALLED_APPS = [*base.INSTALLED_APPS, "django_migration_linter"]
# A test must not fail because the machine it runs on is slow.
HOLDOUT_INGEST_TIMEOUT_SECONDS = 120
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
