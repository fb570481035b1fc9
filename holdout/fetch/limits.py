"""How much one fetch may cost us: figures, and the deadline that all its steps share."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from holdout.fetch.refusals import failed


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one fetch may take. Time is for the whole, redirects and DNS included; sizes are per answer."""

    seconds: float = 10.0
    connect_seconds: float = 3.0
    """For one attempt, so that a dead IPv6 route leaves time for IPv4."""
    header_bytes: int = 32 * 1024
    """Status line and headers."""
    body_bytes: int = 64 * 1024
    redirects: int = 10


class Deadline:
    """The end of a fetch on a clock that does not jump."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds that remain, more than 0. Raises FetchFailed `timed_out`."""
        seconds = self._end - self._clock()
        if seconds <= 0:
            raise failed("timed_out")
        return seconds
