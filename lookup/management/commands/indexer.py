"""`manage.py indexer`: the process that keeps the read index up to the log."""

import logging
import signal
import threading
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections

from holdout.errors import Conflict, Unavailable
from lookup.indexing import Indexer

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.1
TROUBLE_SECONDS = 1.0


class Command(BaseCommand):
    help = "Keep the read index up to the log until told to stop (TERM, INT)."

    def handle(self, *_args: object, **_options: object) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            while not stop.is_set():
                _run(stop)
        except Exception:
            # A defect. Python's own last words would show the values that it failed on.
            logger.exception("the indexer ends")
            raise SystemExit(1) from None


def _run(stop: threading.Event) -> None:
    """Index until something that may pass is wrong: the database away, the disk full, another indexer
    there.
    """
    heartbeat = Path(settings.HOLDOUT_HEARTBEAT_FILE) if settings.HOLDOUT_HEARTBEAT_FILE else None
    try:
        with Indexer() as indexer:
            while not stop.is_set():
                taken = indexer.catch_up()
                if heartbeat:
                    heartbeat.touch()
                if taken == 0:
                    stop.wait(IDLE_SECONDS)
    except (Conflict, Error, Unavailable):
        logger.exception("indexing failed; trying again")
        close_old_connections()
        stop.wait(TROUBLE_SECONDS)
