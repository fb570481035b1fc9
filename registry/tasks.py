"""Celery's shells round `registry.ingest`."""

from celery import shared_task

from registry import ingest as worker


@shared_task
def ingest(*, asset_id: str) -> None:
    worker.ingest(asset_id=asset_id)


@shared_task
def sweep() -> None:
    worker.sweep()
