"""The Celery app and its queues.

A message is only a doorbell: what is to be done stands in PostgreSQL, so a lost or doubled message costs
nothing but time (DESIGN: a bulk job survives anything).
"""

import logging.config
from typing import Any

from celery import Celery, signals
from django.conf import settings
from structlog.contextvars import bind_contextvars, unbind_contextvars

app = Celery("holdout")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def set_up_logging(**_: object) -> None:
    """As everywhere; while somebody listens to this signal Celery leaves logging alone."""
    logging.config.dictConfig(settings.LOGGING)


@signals.task_prerun.connect
def name_the_task(*, task_id: str, task: Any, **_: object) -> None:
    """What is logged until the task ends says which one it was."""
    bind_contextvars(task=task.name, task_id=task_id)


@signals.task_postrun.connect
def forget_the_task(**_: object) -> None:
    unbind_contextvars("task", "task_id")
