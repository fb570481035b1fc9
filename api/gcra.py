"""The generic cell rate algorithm. Pure; `gcra.lua` is the same arithmetic inside Valkey.

A key's state is one number, its theoretical arrival time (TAT): the moment at which everything it has spent
will have come back. All times are whole microseconds, so that both implementations agree to the last digit.
"""

import math
from dataclasses import dataclass

_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Quota:
    """`burst` units may be spent at once; `per_minute` of them come back each minute."""

    name: str
    per_minute: int
    burst: int

    @property
    def interval_us(self) -> int:
        """How long one unit takes to come back, rounded up: never more than `per_minute`."""
        return math.ceil(_MINUTE_US / self.per_minute)

    @property
    def window_us(self) -> int:
        """How long a quota that was spent whole takes to come back whole."""
        return self.burst * self.interval_us


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a charge. A refused one has spent nothing."""

    allowed: bool
    remaining: int
    retry_after_us: int
    """Until the same charge would be allowed; 0 for an allowed one."""
    full_after_us: int
    """Until all of the burst is there again."""


def charge(tat: int, *, now: int, cost: int, quota: Quota) -> tuple[int, Standing]:
    """The new TAT and the standing after trying to spend `cost` units at `now`."""
    tat = max(tat, now)
    after = tat + cost * quota.interval_us
    over = after - now - quota.window_us
    if over > 0:
        return tat, Standing(False, _remaining(tat, now, quota), over, tat - now)
    return after, Standing(True, _remaining(after, now, quota), 0, after - now)


def _remaining(tat: int, now: int, quota: Quota) -> int:
    # Lowering the burst in the settings leaves keys that owe more than it.
    return max(0, quota.window_us - (tat - now)) // quota.interval_us
