"""For `./run serve` and `./run demo` on one's own machine; never for a public address."""

from config.env import kept_signing_key
from config.logging import logging_config
from config.settings.base import *  # noqa: F403
from config.settings.base import VAR_DIR

DEBUG = False  # the real error pages and the real static files, also while developing
SECRET_KEY = "for-local-use-only-" + "x" * 40
HOLDOUT_SNAPSHOT_SIGNING_KEY = kept_signing_key(VAR_DIR / "snapshot-signing-key")
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
LOGGING = logging_config(readable=True)
