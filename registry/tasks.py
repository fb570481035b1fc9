"""Celery's shells round `registry.ingest` and `registry.observing`."""

from datetime import UTC, datetime

from celery import shared_task

from registry import ingest as worker
from registry import observing

_PLACES_AT_ONCE = 20
_PLACE_SECONDS = 600


@shared_task
def ingest(*, asset_id: str) -> None:
    worker.ingest(asset_id=asset_id)


@shared_task
def sweep() -> None:
    worker.sweep()


@shared_task
def observe(*, locator_id: str) -> None:
    observing.observe(locator_id=locator_id)


@shared_task
def observe_places() -> None:
    """Send somebody to each place that is due; one who does not get there in time is sent again."""
    for locator_id in observing.due(now=datetime.now(UTC), most=_PLACES_AT_ONCE):
        observe.apply_async(kwargs={"locator_id": locator_id}, expires=_PLACE_SECONDS)
