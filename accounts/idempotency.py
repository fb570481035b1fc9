"""Answers that are given again: one execution for each organisation and Idempotency-Key.

A row is claimed before anything is executed (`claim`) and then either completed, in the transaction of what
was done, or released. The time is the database's.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts.models import IdempotentResponse, Organization
from holdout.errors import Conflict, InvalidInput

KEPT: Final = timedelta(hours=24)
"""How long an answer is given again, at least."""


def claim(
    *, organization: Organization, key: str, request_digest: bytes, lease: timedelta
) -> IdempotentResponse:
    """The stored answer (state `done`), or the right to execute for as long as `lease` (state `running`).

    Raises `InvalidInput` (`idempotency_key_reused`) when the key came with another request, and `Conflict`
    (`idempotency_in_progress`) while somebody else executes this one.
    """
    with transaction.atomic():
        fresh = IdempotentResponse(organization=organization, key=key, request_digest=request_digest)
        IdempotentResponse.objects.bulk_create([fresh], ignore_conflicts=True)
        rows = IdempotentResponse.objects.select_for_update().filter(organization=organization, key=key)
        row = rows.annotate(leased=Q(lease_until__gt=Now())).first()
        if row is not None and bytes(row.request_digest) != request_digest:
            raise reused()
        if row is not None and row.state == IdempotentResponse.State.DONE:
            return row
        if row is None or row.leased:  # none: swept this very moment
            raise _in_progress()
        row.fence += 1
        IdempotentResponse.objects.filter(pk=row.pk).update(fence=row.fence, lease_until=Now() + lease)
        return row


def complete(
    held: IdempotentResponse,
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    body_digest: bytes | None,
) -> None:
    """Keep the answer; call it in the transaction of what was done.

    Raises `Conflict` (`idempotency_in_progress`) when the lease ran out and another took the row: then what
    was done must be rolled back.
    """
    done = _mine(held).update(
        state=IdempotentResponse.State.DONE,
        status=status,
        headers=dict(headers),
        body=body,
        body_digest=body_digest,
    )
    if not done:
        raise _in_progress()


def release(held: IdempotentResponse) -> None:
    """Nothing was done: the next request with this key starts afresh."""
    _mine(held).delete()


def sweep() -> int:
    """Delete what is older than `KEPT` and not being executed; returns how many."""
    old = IdempotentResponse.objects.filter(created_at__lt=Now() - KEPT, lease_until__lt=Now())
    return old.delete()[0]


def reused() -> InvalidInput:
    return InvalidInput(
        "idempotency_key_reused", "This Idempotency-Key came with another request before; use a new one."
    )


def _mine(held: IdempotentResponse) -> QuerySet[IdempotentResponse]:
    running = IdempotentResponse.State.RUNNING
    return IdempotentResponse.objects.filter(pk=held.pk, fence=held.fence, state=running)


def _in_progress() -> Conflict:
    return Conflict("idempotency_in_progress", "The same request is being executed; ask again in a moment.")
