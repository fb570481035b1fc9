"""Which addresses are ordinary places on the public internet. The only place that decides it."""

import tomllib
from functools import cache
from importlib import resources
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

IpAddress = IPv4Address | IPv6Address

_TABLE: Final = "special_purpose.toml"
_LISTS: Final = ("ipv4", "ipv6", "beyond")
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All that IANA gives out for IPv6 (RFC 4291, 2.4). Whatever is carved from the rest is not for us."""


def is_public(address: IpAddress | str) -> bool:
    """Whether `address` is one that anybody's web server may stand at. Never raises.

    IPv4: in no block of the table. IPv6: inside 2000::/3 and in no block of the table; so an IPv4 address in
    IPv6 clothes (mapped, compatible, translated, NAT64, 6to4, Teredo) is never public, whatever it carries.
    Text is read strictly (`ipaddress`): what is not one plain address, or has a zone, is not public.

    The stdlib's `is_global` is not enough: it lets multicast and site-local through and follows the Python
    version. NAT64 under an operator's own prefix (RFC 6052) cannot be seen in an address: such a network has
    to close itself.
    """
    try:
        address = ip_address(address)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and (address.scope_id or address not in _GLOBAL_UNICAST):
        return False
    return not any(address in block for block in special_blocks())


@cache
def special_blocks() -> tuple[IPv4Network | IPv6Network, ...]:
    """Every block of the table, in its order."""
    text = resources.files("holdout.fetch").joinpath(_TABLE).read_text(encoding="utf-8")
    table = tomllib.loads(text)
    return tuple(ip_network(block) for name in _LISTS for block, _purpose, _source in table[name])
