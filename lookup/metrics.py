"""What each process counts of its lookups; what jobs did stands in PostgreSQL (`config.metrics`)."""

from enum import StrEnum

from prometheus_client import Counter

from holdout.verdicts import Status


class Door(StrEnum):
    """Where a lookup comes in."""

    NOW = "now"
    SPAWNING = "spawning"
    """Spawning's query, for its clients."""
    STATUS = "status"
    JOB = "job"
    BADGE = "badge"


class Result(StrEnum):
    """What became of a request for answers. No answer is ever made up: what failed is `failed`."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


_LOOKUPS = Counter(
    "holdout_lookups", "Requests for answers, by door; a submitted job is one.", ["door", "result"]
)
_QUERIES = Counter("holdout_lookup_queries", "Queries that this process answered, by status.", ["status"])

for _door in Door:
    for _result in Result:
        _LOOKUPS.labels(_door.value, _result.value)
for _status in Status:
    _QUERIES.labels(_status.value)


def count_lookup(*, door: Door, http_status: int) -> None:
    """One request for answers, and how it ended."""
    result = Result.ANSWERED if http_status < 400 else Result.REFUSED if http_status < 500 else Result.FAILED
    _LOOKUPS.labels(door.value, result.value).inc()


def count_answers(*, checked: int, failed: int) -> None:
    """The rows of one call of the engine."""
    _QUERIES.labels(Status.CHECKED.value).inc(checked)
    _QUERIES.labels(Status.FAILED.value).inc(failed)
