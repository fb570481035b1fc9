"""One request and its answer, over a connection of its own. Carries nothing from any other request."""

import ssl
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from typing import Final

import certifi
import httpcore

from holdout.fetch.fetched import Fetched
from holdout.fetch.limits import Deadline, FetchLimits
from holdout.fetch.pinned import Allowance, Connector, PinnedNetwork
from holdout.fetch.refusals import failed
from holdout.fetch.targets import Target

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_FRAMING: Final = 8
"""Bytes on the wire per byte of body, at most. A chunk of one byte takes six."""


def ask(
    target: Target,
    *,
    addresses: Sequence[str],
    agent: str,
    limits: FetchLimits,
    deadline: Deadline,
    connect: Connector,
    ssl_context: ssl.SSLContext | None,
) -> Fetched:
    """GET `target` from one of its checked `addresses`. A redirect's body is not read. Raises FetchFailed."""
    allowance = Allowance(limits.header_bytes, "headers_too_large")
    network = PinnedNetwork(
        addresses=addresses,
        connect=connect,
        connect_seconds=limits.connect_seconds,
        deadline=deadline,
        allowance=allowance,
    )
    request = _request(target, agent)
    context = (ssl_context or _certified_only()) if target.scheme == "https" else None
    connection = httpcore.HTTPConnection(request.url.origin, ssl_context=context, network_backend=network)
    try:
        with closing(connection), closing(connection.handle_request(request)) as response:
            head = Fetched(url=target.url, status=response.status, headers=_headers(response), body=b"")
            if head.status in REDIRECTS:
                return head
            _refuse_coding(head)
            allowance.left, allowance.code = limits.body_bytes * _FRAMING, "too_large"
            return replace(head, body=_read(response.iter_stream(), limits.body_bytes))
    except httpcore.RemoteProtocolError as error:
        raise failed("answer_not_http") from error


def _request(target: Target, agent: str) -> httpcore.Request:
    return httpcore.Request(
        "GET",
        httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
        headers={
            "Host": target.authority,
            "User-Agent": agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        },
    )


def _headers(response: httpcore.Response) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("ascii").lower(), value.decode("latin-1")) for name, value in response.headers)


def _refuse_coding(head: Fetched) -> None:
    """Compressed data is not unpacked: what is small on the way may be endless at home."""
    codings = {value.strip().lower() for value in head.values("content-encoding")}
    if codings - {"", "identity"}:
        raise failed("content_encoding_unsupported")


def _read(parts: Iterable[bytes], most: int) -> bytes:
    body = bytearray()
    for part in parts:
        body += part
        if len(body) > most:
            raise failed("too_large")
    return bytes(body)


@cache
def _certified_only() -> ssl.SSLContext:
    # The certificates are named because those of the system may be chosen by the environment (SSL_CERT_FILE).
    return ssl.create_default_context(cafile=certifi.where())
