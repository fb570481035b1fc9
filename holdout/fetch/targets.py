"""Where a request goes: a URL read as a browser reads it, taken apart once, before anything is resolved."""

from dataclasses import dataclass
from typing import Final

from ada_url import URL, HostType

from holdout.fetch.refusals import refused
from holdout.urls import MAX_URL_LENGTH

_DEFAULT_PORTS: Final = {"http:": 80, "https:": 443}
_PORTS: Final = frozenset(_DEFAULT_PORTS.values())


@dataclass(frozen=True, slots=True)
class Target:
    """One http(s) URL that may be asked if its host is public. Made by `parse_target` only."""

    url: str
    """As WHATWG serialises it, without a fragment; ASCII."""
    scheme: str
    host: str
    """A name without trailing dot, or an IP address without brackets."""
    is_ip: bool
    port: int
    authority: str
    """For the Host header: host and, where it is not the scheme's own, port."""
    path: str
    """With the query; begins with a slash."""


def parse_target(url: str, *, base: str | None = None) -> Target:
    """Read `url` by the WHATWG URL Standard, relative to `base` if there is one.

    The spellings of an IP address (127.1, 0x7f.1, 127。0。0。1) become that address here. Raises FetchRefused
    `url_invalid`, `url_too_long`, `url_scheme_unsupported`, `url_has_credentials`, `host_invalid` or
    `port_not_allowed`.
    """
    if len(url) > MAX_URL_LENGTH:
        raise refused("url_too_long")
    try:
        parsed = URL(url, base=base)
    except ValueError:
        raise refused("url_invalid") from None
    if parsed.protocol not in _DEFAULT_PORTS:
        raise refused("url_scheme_unsupported")
    if parsed.username or parsed.password:
        raise refused("url_has_credentials")
    host = parsed.hostname.removesuffix(".").strip("[]")
    is_ip = parsed.host_type is not HostType.DEFAULT
    if not (is_ip or _fits_dns(host)):
        raise refused("host_invalid")
    port = int(parsed.port or _DEFAULT_PORTS[parsed.protocol])
    if port not in _PORTS:
        raise refused("port_not_allowed")
    href = parsed.href.partition("#")[0]
    if len(href) > MAX_URL_LENGTH:
        raise refused("url_too_long")
    return Target(
        url=href,
        scheme=parsed.protocol.removesuffix(":"),
        host=host,
        is_ip=is_ip,
        port=port,
        authority=parsed.host,
        path=parsed.pathname + parsed.search,
    )


def _fits_dns(name: str) -> bool:
    """Whether DNS could carry this name (RFC 1035, 2.3.4). WHATWG does not ask."""
    return len(name) <= 253 and all(1 <= len(label) <= 63 for label in name.split("."))
