"""Celery's shells round what `consent` does by the clock."""

from celery import shared_task

from consent import places


@shared_task
def fulfil_intentions() -> None:
    places.fulfil_intentions()
"""Celery's shell round `consent.erasing`."""

from celery import shared_task

from consent import erasing


@shared_task
def erase() -> None:
    erasing.erase()
