"""One click signs anybody in as staff there, so the demonstration must never be a public service."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

_LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "testserver"}


@register()
def demonstration_stays_at_home(**_kwargs: Any) -> list[CheckMessage]:
    """An error where `HOLDOUT_DEMO` meets production: a public host name, or redirection to HTTPS."""
    if not settings.HOLDOUT_DEMO:
        return []
    public = set(settings.ALLOWED_HOSTS) - _LOOPBACK
    if not public and not settings.SECURE_SSL_REDIRECT:
        return []
    hint = "Unset HOLDOUT_DEMO. The demonstration runs under config.settings.demo, on this machine only."
    return [
        Error("HOLDOUT_DEMO is on in production: one click would sign in as staff.", hint, id="demo.E001")
    ]
