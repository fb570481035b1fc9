"""Celery's shells round what `accounts` does by the clock."""

from celery import shared_task

from accounts import erasing, idempotency


@shared_task
def sweep() -> None:
    idempotency.sweep()
    erasing.forget_expired_sessions()
    erasing.forget_expired_invitations()


@shared_task
def erase() -> None:
    erasing.begin()
    erasing.finish()
