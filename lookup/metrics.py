"""What each process counts of its lookups; what jobs did stands in PostgreSQL (`config.metrics`)."""

from collections import Counter as Tally
from collections.abc import Iterable
from enum import StrEnum

from prometheus_client import Counter

from holdout.verdicts import Status, Verdict


class Door(StrEnum):
    """Where a lookup comes in."""

    NOW = "now"
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


def count_answers(verdicts: Iterable[Verdict]) -> None:
    """The verdicts of one call of the engine."""
    for status, number in Tally(verdict.status for verdict in verdicts).items():
        _QUERIES.labels(status.value).inc(number)
