"""Celery's shells round what `consent` does in workers and by the clock."""

from datetime import UTC, datetime

from celery import shared_task

from consent import erasing, importing, intentions


@shared_task
def fulfil_intentions() -> None:
    intentions.fulfil_intentions(now=datetime.now(UTC))


@shared_task
def erase() -> None:
    erasing.erase()


@shared_task
def work_on_imports() -> None:
    """Take one piece further, and ring again while there is any."""
    if importing.work_once(now=datetime.now(UTC)):
        work_on_imports.delay()
