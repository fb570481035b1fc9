"""Celery's shells round what `consent` does by the clock."""

from celery import shared_task

from consent import erasing, places


@shared_task
def fulfil_intentions() -> None:
    places.fulfil_intentions()


@shared_task
def erase() -> None:
    erasing.erase()
