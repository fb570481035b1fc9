"""Who is behind an audited act, without personal data: no name, no e-mail address, no full IP address."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Final

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

_REQUEST_ID_LENGTH: Final = 64


class Source(StrEnum):
    """From where something was done; the first word of what an audit event says."""

    STAFF = "staff"
    PERSON = "person"
    PROGRAM = "program"
    """Somebody's API key."""
    SHELL = "shell"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a user's number (None for programs), the request it came with, the network it came from."""

    source: Source
    user: int | None = None
    request_id: str = ""
    network: str = ""


SYSTEM: Final = Actor(Source.SYSTEM)
SHELL: Final = Actor(Source.SHELL)


def actor_of(request: HttpRequest, source: Source) -> Actor:
    """The person who is signed in with `request`."""
    return Actor(
        source=source,
        user=request.user.pk,
        request_id=str(getattr(request, "request_id", ""))[:_REQUEST_ID_LENGTH],
        network=coarse_network(_address(request)),
    )


def program_of(request: HttpRequest) -> Actor:
    """The program whose key came with `request`."""
    return Actor(
        source=Source.PROGRAM,
        request_id=str(getattr(request, "request_id", ""))[:_REQUEST_ID_LENGTH],
        network=coarse_network(_address(request)),
    )


def coarse_network(address: str) -> str:
    """The /24 (IPv4) or /64 (IPv6) around an address; nothing for what is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if isinstance(parsed, IPv4Address):
        return str(IPv4Network((int(parsed), 24), strict=False))
    return str(IPv6Network((int(parsed), 64), strict=False))


def _address(request: HttpRequest) -> str:
    """As allauth sees it for its rate limits, behind trusted proxies too."""
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:
        return ""
