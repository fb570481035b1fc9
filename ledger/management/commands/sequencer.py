"""`manage.py sequencer`: the process that gives every log entry its place."""

import logging
import signal
import threading
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections

from ledger.services import sequence_pending

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.1
TROUBLE_SECONDS = 1.0


class Command(BaseCommand):
    help = "Sequence waiting log entries until told to stop (TERM, INT)."

    def handle(self, *_args: object, **_options: object) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        heartbeat = Path(settings.HOLDOUT_HEARTBEAT_FILE) if settings.HOLDOUT_HEARTBEAT_FILE else None
        while not stop.is_set():
            try:
                sequenced = sequence_pending()
                if heartbeat:
                    heartbeat.touch()
                if sequenced == 0:
                    stop.wait(IDLE_SECONDS)
                else:
                    logger.info("entries sequenced", extra={"entries": sequenced})
            except Error:
                # The database is away or restarting: what is pending is still pending, so try again.
                logger.exception("sequencing failed; trying again")
                close_old_connections()
                stop.wait(TROUBLE_SECONDS)
            except Exception:
                # A defect. Python's own last words would show the values that it failed on.
                logger.exception("the sequencer ends")
                raise SystemExit(1) from None
