"""Celery's shells round what `registry` does in workers and by the clock."""

from datetime import UTC, datetime

from celery import shared_task

from registry import erasing, observing, upkeep
from registry import ingest as worker

_PLACES_AT_ONCE = 20
_PLACE_SECONDS = 600


@shared_task
def ingest(*, asset_id: str) -> None:
    worker.ingest(asset_id=asset_id)


@shared_task
def sweep() -> None:
    worker.sweep()


@shared_task
def erase() -> None:
    erasing.erase()


@shared_task
def observe(*, locator_id: str) -> None:
    observing.observe(locator_id=locator_id)


@shared_task
def observe_places() -> None:
    """Send somebody to each place that is due; one who does not get there in time is sent again."""
    for locator_id in observing.due(now=datetime.now(UTC), most=_PLACES_AT_ONCE):
        observe.apply_async(kwargs={"locator_id": locator_id}, expires=_PLACE_SECONDS)


@shared_task
def recheck(*, authorization_id: str) -> None:
    upkeep.recheck(authorization_id=authorization_id)


@shared_task
def recheck_proofs() -> None:
    """Send somebody to each proof that is due; one who does not get there in time is sent again."""
    for authorization_id in upkeep.due(now=datetime.now(UTC), most=_PLACES_AT_ONCE):
        recheck.apply_async(kwargs={"authorization_id": authorization_id}, expires=_PLACE_SECONDS)
