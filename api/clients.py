"""From which address a request comes, as far as that can be known."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest


def network_of(request: HttpRequest) -> str:
    """The network that is held to one anonymous quota: an IPv4 address, or an IPv6 /64.

    A household or a server is given a whole /64 and may pick any address in it. What nobody can read (a Unix
    socket's peer) is one network of its own.
    """
    address = _address(request)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(IPv6Network((int(address) >> 64 << 64, 64)))
        address = address.ipv4_mapped
    return str(address) if address else "unknown"


def _address(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    """The peer, or what the outermost of our own proxies saw.

    Each proxy appends its peer to X-Forwarded-For, so only the last `HOLDOUT_TRUSTED_PROXIES` entries were
    written by ours; all others are whatever the caller liked to send.
    """
    hops = settings.HOLDOUT_TRUSTED_PROXIES
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hops else []
    if hops and len(forwarded) >= hops and (seen := _parsed(forwarded[-hops])):
        return seen
    return _parsed(request.META.get("REMOTE_ADDR", ""))


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
