"""Celery's shells round `lookup.jobs`. A message carries nothing: the step table knows what is to be done."""

from datetime import UTC, datetime

from celery import shared_task

from lookup import digest, erasing, hits, inquiries, jobs, snapshots
from lookup.models import JobStep
from lookup.steps import open_steps

_MOST_BELLS = 8
_BELL_SECONDS = 5
"""A bell that no worker has heard for this long is dropped; beat has rung again by then."""


@shared_task
def work() -> None:
    """Do one step, and ring again: a bell keeps one worker busy until no step is left."""
    kind = jobs.work_once()
    if kind is JobStep.Kind.SPLIT:
        ring()
    elif kind is not None:
        work.delay()


@shared_task
def ring() -> None:
    """Ring for every step that waits; beat does it too, in case a bell or a worker was lost."""
    for _ in range(min(open_steps(), _MOST_BELLS)):
        work.apply_async(expires=_BELL_SECONDS)


@shared_task
def roll_up_hits() -> None:
    """Count stored hits together until none wait."""
    while hits.roll_up():
        pass


@shared_task
def send_digests() -> None:
    digest.send_due(now=datetime.now(UTC))


@shared_task
def deliver_inquiries() -> None:
    inquiries.deliver(now=datetime.now(UTC))


@shared_task
def sweep() -> None:
    jobs.sweep()
    hits.sweep()
    inquiries.sweep(now=datetime.now(UTC))


@shared_task
def erase() -> None:
    erasing.erase()


@shared_task
def publish_snapshot() -> None:
    snapshots.publish(when_due=True)
