"""Celery's shells round what `accounts` does by the clock."""

from celery import shared_task

from accounts import idempotency


@shared_task
def sweep() -> None:
    idempotency.sweep()
