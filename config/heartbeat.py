"""A Celery process shows that it lives: it touches HOLDOUT_HEARTBEAT_FILE, and `launcher.health` looks at it.

Workers and beat import this at their start (CELERY_IMPORTS). A worker's heartbeat comes every two seconds
from the loop that takes messages, and stops while the broker is away; beat's comes with every task that it
sends.
"""

from pathlib import Path

from celery.signals import before_task_publish, heartbeat_sent
from django.conf import settings


@heartbeat_sent.connect
@before_task_publish.connect
def touch(**_: object) -> None:
    """Touch the file, when one is set."""
    if settings.HOLDOUT_HEARTBEAT_FILE:
        Path(settings.HOLDOUT_HEARTBEAT_FILE).touch()
