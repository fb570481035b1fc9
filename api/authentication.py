"""API key -> the organisation that asks."""

from typing import NamedTuple, cast

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiKey, Organization
from accounts.queries import live_key


class Caller(NamedTuple):
    """Stands where Django expects a user: a program acting for an organisation."""

    organization: Organization
    is_authenticated: bool = True


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer ho_live_...`"""

    scheme = b"bearer"

    def authenticate(self, request: Request) -> tuple[Caller, ApiKey] | None:
        scheme, _, text = get_authorization_header(request).partition(b" ")
        if not scheme:
            return None
        key = live_key(text.decode("ascii", "replace").strip()) if scheme.lower() == self.scheme else None
        if key is None:
            raise AuthenticationFailed("This key is unknown or revoked. Send `Authorization: Bearer KEY`.")
        return Caller(key.organization), key

    def authenticate_header(self, _request: Request) -> str:
        return 'Bearer realm="holdout"'


def caller(request: Request) -> Organization:
    """The organisation that asks; only for views that demand a key."""
    return cast("Caller", request.user).organization
