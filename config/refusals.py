"""What is counted and written of requests that were turned away before Django (`api.admission`)."""

import logging
import threading
import time
from functools import lru_cache
from typing import Final

from django.urls import Resolver404, resolve

from config.metrics import count_refusal

logger = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 1.0


class _Tally:
    """Counts until there is time for a line: under load there are thousands of refusals a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._told_at = -_PAUSE_SECONDS

    def add(self) -> int:
        """How many there were since a line was last due, if one is due now; else 0."""
        with self._lock:
            self._count += 1
            now = time.monotonic()
            if now - self._told_at < _PAUSE_SECONDS:
                return 0
            count, self._count, self._told_at = self._count, 0, now
            return count


_TALLY: Final = _Tally()


def note_refusal(method: str, path: str) -> None:
    """Count it, and write one warning a second that says how many there were."""
    count_refusal(route=_route(path), method=method)
    if count := _TALLY.add():
        logger.warning("requests turned away", extra={"count": count})


@lru_cache(maxsize=1_024)
def _route(path: str) -> str:
    try:
        return resolve(path).route
    except Resolver404:
        return "none"
