"""API key -> the organisation that asks."""

import time
from typing import Final, NamedTuple, cast

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.keys import digest
from accounts.models import ApiKey, Organization
from accounts.queries import live_key

KEPT_SECONDS: Final = 5.0
"""So long a process believes what it read of a key and its organisation: to ask PostgreSQL each time would
cost as much as all else that surrounds a lookup."""
_MOST_KEPT: Final = 10_000
_kept: Final[dict[bytes, tuple[ApiKey, float]]] = {}
"""By the digest of its text: a key that was live, and until when that is believed."""


class Caller(NamedTuple):
    """Stands where Django expects a user: a program acting for an organisation."""

    organization: Organization
    is_authenticated: bool = True


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer ho_live_...`. A revoked key is refused `KEPT_SECONDS` later at the latest."""

    scheme = b"bearer"

    def authenticate(self, request: Request) -> tuple[Caller, ApiKey] | None:
        scheme, _, text = get_authorization_header(request).partition(b" ")
        if not scheme:
            return None
        key = _live(text.decode("ascii", "replace").strip()) if scheme.lower() == self.scheme else None
        if key is None:
            raise AuthenticationFailed("This key is unknown or revoked. Send `Authorization: Bearer KEY`.")
        return Caller(key.organization), key

    def authenticate_header(self, _request: Request) -> str:
        return 'Bearer realm="holdout"'


def _live(text: str) -> ApiKey | None:
    """`live_key`, or what that said a moment ago."""
    name, now = digest(text), time.monotonic()
    key, until = _kept.get(name, (None, now))
    if now < until:
        return key
    key = live_key(text)
    if key is None:
        _kept.pop(name, None)
    else:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[name] = key, now + KEPT_SECONDS
    return key


def caller(request: Request) -> Organization:
    """The organisation that asks; only for views that demand a key."""
    return cast("Caller", request.user).organization
