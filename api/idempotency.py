"""`Idempotency-Key`, as Stripe does it: the retry of a request is answered, not executed again.

The first answer is kept for at least 24 hours whatever its status, once execution began. What was refused
before (a quota, an overload, a body that is not read at all) and what could not be decided (503) is not kept:
the same key may be sent again. The body counts: another one under the same key is refused.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction
from django.http import HttpResponse
from redis.exceptions import RedisError
from rest_framework.request import Request

from accounts import idempotency
from accounts.models import IdempotentResponse
from api.authentication import caller
from api.problems import Problem, problem_of
from holdout.errors import HoldoutError, InvalidInput, Unavailable

_KEPT_HEADERS: Final = ("Content-Type", "Location")
_SLOWEST_BYTES_PER_SECOND: Final = 256 * 1024

Execute = Callable[[Iterator[bytes]], HttpResponse]


def once(
    request: Request, body: Iterator[bytes], execute: Execute, *, undo: Callable[[], None]
) -> HttpResponse:
    """`execute(body)`, or what it answered when the request came with the same key before.

    `execute` gets the body in parts and does everything in the transaction that it finds; `undo` undoes the
    rest when that is rolled back. It is not called after a database error: what was done may stand. Raises,
    besides what `execute` raises, what `accounts.idempotency.claim` does.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return execute(body)
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise InvalidInput("idempotency_key_invalid", "Send a key of 1 to 255 printable ASCII characters.")
    row = idempotency.claim(
        organization=caller(request), key=key, request_digest=_digest_of(request), lease=_lease_for(request)
    )
    hashed = _Hashed(body)
    if row.state == IdempotentResponse.State.DONE:
        return _again(row, hashed)
    try:
        return _first(row, hashed, execute, undo)
    except (Unavailable, DatabaseError, RedisError):
        with suppress(DatabaseError):  # else the lease runs out
            idempotency.release(row)
        raise


class _Hashed:
    """A body that is hashed as somebody reads it."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._sha256 = hashlib.sha256()
        self._whole = False

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            self._sha256.update(part)
            yield part
        self._whole = True

    def digest(self) -> bytes | None:
        """None when the body was not read to its end."""
        return self._sha256.digest() if self._whole else None


def _first(
    row: IdempotentResponse, body: _Hashed, execute: Execute, undo: Callable[[], None]
) -> HttpResponse:
    try:
        with transaction.atomic():
            response = execute(iter(body))
            _complete(row, body, response)
            return response
    except (Unavailable, DatabaseError, RedisError):
        raise
    except HoldoutError as error:
        undo()
        response = problem_of(error)
        _complete(row, body, response)
        return response
    except Exception:
        undo()
        # What `config.errors.server_error` will answer; the exception goes on, so that it is logged.
        _complete(
            row, body, Problem(status=500, code="internal_error", detail="Our mistake; it has been logged.")
        )
        raise


def _complete(row: IdempotentResponse, body: _Hashed, response: HttpResponse) -> None:
    idempotency.complete(
        row,
        status=response.status_code,
        headers={name: response[name] for name in _KEPT_HEADERS if name in response},
        body=response.content,
        body_digest=body.digest(),
    )


def _again(row: IdempotentResponse, body: _Hashed) -> HttpResponse:
    """The stored answer, after reading the body to see that it is the same."""
    if row.body_digest is not None:
        for _ in body:
            pass
        if body.digest() != bytes(row.body_digest):
            raise idempotency.reused()
    return HttpResponse(
        bytes(row.body), status=row.status, headers={**row.headers, "Idempotent-Replayed": "true"}
    )


def _digest_of(request: Request) -> bytes:
    head = [request.method or "", request.get_full_path(), request.content_type or ""]
    return hashlib.sha256("\n".join(head).encode()).digest()


def _lease_for(request: Request) -> timedelta:
    """Time enough for a body of that size; after it the request counts as dead."""
    announced = int(request.META.get("CONTENT_LENGTH") or 0)
    seconds = settings.HOLDOUT_IDEMPOTENCY_LEASE_SECONDS + announced // _SLOWEST_BYTES_PER_SECOND
    return timedelta(seconds=seconds)
