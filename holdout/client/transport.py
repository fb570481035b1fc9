"""What both clients tell httpx, and what they understand of it."""

import gzip
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from holdout import __version__
from holdout.client.wire import Reply, Request
from holdout.errors import InvalidInput

PART_BYTES: Final = 1024 * 1024
BROKEN: Final = (httpx.TransportError, httpx.DecodingError)
"""The request or its answer got lost, or stopped on the way."""
_WORTH_COMPRESSING: Final = 1_024
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_CONNECT_SECONDS: Final = 10.0


def http_options(
    base_url: str, key: str | None, *, timeout_seconds: float, trust_env: bool
) -> dict[str, Any]:
    """For httpx's clients. Raises `InvalidInput` (`server_invalid`, `key_invalid`)."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput("server_invalid", f"{base_url!r} is no address of a registry (https://...).")
    headers = {"user-agent": f"holdout-registry/{__version__}"}
    if key is not None:
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise InvalidInput(
                "key_invalid", "This is no API key: it is empty, or has blanks or signs in it."
            )
        headers["authorization"] = f"Bearer {key}"
    return {
        "base_url": base_url,
        "headers": headers,
        "timeout": httpx.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds)),
        # A redirect would turn a POST into a GET, and could carry the key to another host.
        "follow_redirects": False,
        # No proxy leads to this machine itself.
        "trust_env": trust_env and parts.hostname not in _LOOPBACK,
    }


def http_request(
    request: Request, body: bytes | Iterator[bytes] | AsyncIterator[bytes], *, compress: bool
) -> dict[str, Any]:
    """The arguments of httpx's `stream`."""
    headers = dict(request.headers)
    if compress and isinstance(body, bytes) and len(body) >= _WORTH_COMPRESSING:
        body, headers["content-encoding"] = gzip.compress(body, compresslevel=1), "gzip"
    return {
        "method": request.method,
        "url": request.path,
        "params": dict(request.params) or None,
        "headers": headers,
        "content": body,
    }


def heard(response: httpx.Response, body: bytes) -> Reply:
    return Reply(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, body
    )


def why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
