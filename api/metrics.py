"""Requests that the edge turned away before asking anybody."""

from prometheus_client import Counter

from lookup.metrics import Door

_THROTTLED = Counter("holdout_requests_throttled", "Requests beyond their caller's quota, by door.", ["door"])
_SHED = Counter("holdout_requests_shed", "Requests refused because the registry was busy, by door.", ["door"])

for _door in Door:
    _THROTTLED.labels(_door.value)
    _SHED.labels(_door.value)


def count_throttled(*, door: Door) -> None:
    """A caller asked more than its quota allows."""
    _THROTTLED.labels(door.value).inc()


def count_shed(*, door: Door) -> None:
    """The registry had too much to do, whoever asked."""
    _SHED.labels(door.value).inc()
