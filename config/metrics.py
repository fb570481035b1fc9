"""`GET /metrics` for Prometheus.

What many processes work on (the logs, jobs, pictures, queues) is read from PostgreSQL and Valkey at each
scrape and is the same whichever process answers; alerts take its `max`. What a web process does itself is
counted in that process: run one worker process in each web instance and scrape every instance.
"""

import ipaddress
import logging
import shutil
from collections.abc import Iterable, Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.metrics import count_shed, count_throttled
from holdout.errors import Unavailable
from ledger.models import Log
from lookup.jobs import RESULTS_KEPT
from lookup.metrics import Door, count_lookup
from lookup.models import LookupJob
from registry.ingest import STALE_AFTER
from registry.read_index import current_view

logger = logging.getLogger(__name__)

_REQUESTS = Counter("holdout_http_requests", "Requests answered.", ["route", "method", "status"])
_SECONDS = Histogram(
    "holdout_http_request_seconds",
    "Seconds from a request's head to its answer's head.",
    ["route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_DOORS: Final = {
    ("POST", "v1/lookups"): Door.NOW,
    ("POST", "api/v2/query/urls"): Door.SPAWNING,
    ("POST", "api/v2/query/urls/"): Door.SPAWNING,
    ("GET", "v1/status"): Door.STATUS,
    ("POST", "v1/jobs"): Door.JOB,
    ("GET", "badge/<str:work_id>.svg"): Door.BADGE,
    ("GET", "badge/url.svg"): Door.BADGE,
}


def count_request(*, route: str, method: str, status: int, seconds: float) -> None:
    """One answered request. `route` is a pattern and `method` a known one: labels must stay few."""
    _REQUESTS.labels(route, method, str(status)).inc()
    _SECONDS.labels(route).observe(seconds)
    if door := _door(method, route):
        count_lookup(door=door, http_status=status)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            count_throttled(door=door)


def count_refusal(*, route: str, method: str) -> None:
    """One request that was turned away before anybody looked at it; labels as for `count_request`."""
    _REQUESTS.labels(route, method, str(int(HTTPStatus.SERVICE_UNAVAILABLE))).inc()
    if door := _door(method, route):
        count_lookup(door=door, http_status=HTTPStatus.SERVICE_UNAVAILABLE)
        count_shed(door=door)


def _door(method: str, route: str) -> Door | None:
    return _DOORS.get(("GET" if method == "HEAD" else method, route))


# --- the page ----------------------------------------------------------------------------------------


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics, for whoever holds the token; to everybody else there is nothing here."""
    if not _may_read(request):
        raise Http404
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if token := settings.HOLDOUT_METRICS_TOKEN:
        return constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}")
    # Without a token, only from this machine, and not through a proxy that runs on it.
    proxied = {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via"}
    return (
        _is_loopback(request.META.get("REMOTE_ADDR", ""))
        and _is_loopback(split_domain_port(request.get_host())[0].strip("[]"))
        and not proxied & set(request.headers)
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- what is read at each scrape ---------------------------------------------------------------------

_AT_MOST: Final = 100_000
"""More waiting entries than this are not counted: the alert has rung long before."""
_NEWEST_JOBS: Final = 10_000
_GRACE: Final = timedelta(hours=2)
"""The sweeps run every hour; what is still there after two was missed."""
_OUR_FAILURES: Final = ["step_failed", "step_kills_workers"]

# Each reads no more than an index range that stays short, or a fixed number of rows.
QUERIES: Final = {
    "pending": """
        SELECT name, coalesce(pending.entries, 0), coalesce(pending.seconds, 0)
        FROM unnest(%(logs)s::text[]) AS name LEFT JOIN (
            SELECT log, count(*) AS entries,
                   extract(epoch FROM clock_timestamp() - min(created_at)) AS seconds
            FROM (SELECT log, created_at FROM ledger_pendingentry ORDER BY id LIMIT %(at_most)s) AS oldest
            GROUP BY log
        ) AS pending ON pending.log = name
    """,
    "logs": """
        SELECT name, coalesce(
            (SELECT index + 1 FROM ledger_logentry WHERE log = name ORDER BY index DESC LIMIT 1), 0
        ) FROM unnest(%(logs)s::text[]) AS name
    """,
    "steps": """
        SELECT count(*) FILTER (WHERE step.lease_until IS NULL),
               count(*) FILTER (WHERE step.lease_until >= clock_timestamp()),
               count(*) FILTER (WHERE step.lease_until < clock_timestamp()),
               count(*) FILTER (WHERE step.fence > 1)
        FROM lookup_jobstep AS step JOIN lookup_lookupjob AS job ON job.id = step.job_id
        WHERE NOT step.done AND job.state IN ('queued', 'running')
    """,
    "jobs": """
        SELECT state, count(*), extract(epoch FROM clock_timestamp() - min(created_at)),
               count(*) FILTER (WHERE recent AND error_code = ANY(%(ours)s::text[])),
               count(*) FILTER (WHERE recent AND error_code <> ALL(%(ours)s::text[])),
               coalesce(sum(rows) FILTER (WHERE recent), 0)
        FROM (
            SELECT *, finished_at > clock_timestamp() - interval '1 hour' AS recent FROM lookup_lookupjob
            WHERE id > (SELECT max(id) FROM lookup_lookupjob) - %(newest)s
        ) AS job GROUP BY state
    """,
    "pictures": """
        SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)
        FROM registry_asset WHERE state <> 'fingerprinted' AND state = 'received'
    """,
    "snapshot": """
        SELECT coalesce((
            SELECT extract(epoch FROM clock_timestamp() - created_at) FROM lookup_snapshot
            ORDER BY version DESC LIMIT 1
        ), 0)
    """,
    "overdue": """
        SELECT 'job_files', count(*) FROM lookup_lookupjob
        WHERE swept_at IS NULL AND finished_at < clock_timestamp() - %(results_kept)s
        UNION ALL
        SELECT 'uploads', count(*) FROM registry_asset AS asset
        WHERE state <> 'fingerprinted' AND created_at < clock_timestamp() - %(uploads_kept)s
          AND NOT EXISTS (SELECT FROM consent_statement AS said WHERE said.work_id = asset.work_id)
    """,
}


def parameters() -> dict[str, Any]:
    """What `QUERIES` are executed with."""
    return {
        "logs": [log.value for log in Log],
        "at_most": _AT_MOST,
        "newest": _NEWEST_JOBS,
        "ours": _OUR_FAILURES,
        "results_kept": RESULTS_KEPT + _GRACE,
        "uploads_kept": STALE_AFTER + _GRACE,
    }


class RegistryState(Collector):
    """What stands in PostgreSQL, in Valkey and on disk. An engine that is away is 0, never an exception."""

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        rows = _read_database()
        yield _gauge("holdout_database_up", "1 when PostgreSQL answered this scrape.", float(bool(rows)))
        if rows:
            yield from _of_logs(rows)
            yield from _of_jobs(rows)
            yield from _of_pictures(rows)
            yield from _of_index(rows)
            yield from _of_snapshot(rows)
        yield from _of_valkey()
        yield from _of_store()


_Rows = dict[str, list[tuple[Any, ...]]]


def _read_database() -> _Rows:
    """The rows of all `QUERIES`; none at all when one of them failed or took too long."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '2s'")
            rows = {}
            for name, query in QUERIES.items():
                cursor.execute(query, parameters())
                rows[name] = cursor.fetchall()
    except DatabaseError:
        logger.exception("the state of the registry could not be read")
        return {}
    return rows


def _of_logs(rows: _Rows) -> Iterator[GaugeMetricFamily]:
    yield _family("holdout_log_entries", "Entries of a log.", "log", rows["logs"])
    waiting = [(log, entries) for log, entries, _ in rows["pending"]]
    yield _family("holdout_sequencer_pending_entries", "Entries without an index yet.", "log", waiting)
    ages = [(log, seconds) for log, _, seconds in rows["pending"]]
    yield _family("holdout_sequencer_lag_seconds", "Age of the oldest entry without an index.", "log", ages)


def _of_jobs(rows: _Rows) -> Iterator[GaugeMetricFamily]:
    ((waiting, leased, expired, retried),) = rows["steps"]
    steps = [("waiting", waiting), ("leased", leased), ("expired", expired)]
    yield _family("holdout_job_steps", "Open steps of jobs.", "state", steps)
    yield _gauge("holdout_job_steps_retried", "Open steps that were taken more than once.", retried)
    jobs = {str(state): row for state, *row in rows["jobs"]}
    counts = [(state.value, jobs[state][0] if state in jobs else 0) for state in LookupJob.State]
    yield _family("holdout_jobs", "Jobs, of the newest 10,000.", "state", counts)
    oldest = jobs["queued"][1] if "queued" in jobs else 0
    yield _gauge("holdout_jobs_queued_oldest_seconds", "Age of the oldest job that was not begun.", oldest)
    ours, theirs = jobs["failed"][2:4] if "failed" in jobs else (0, 0)
    failed = [("registry", ours), ("upload", theirs)]
    yield _family("holdout_jobs_failed_last_hour", "Jobs that failed, by whose fault.", "cause", failed)
    screened = jobs["done"][4] if "done" in jobs else 0
    yield _gauge("holdout_job_rows_last_hour", "Rows of the jobs that were done in the last hour.", screened)


def _of_pictures(rows: _Rows) -> Iterator[GaugeMetricFamily]:
    ((waiting, oldest),) = rows["pictures"]
    yield _gauge("holdout_pictures_waiting", "Uploads without fingerprints yet.", waiting)
    yield _gauge("holdout_pictures_waiting_oldest_seconds", "Age of the oldest of them.", oldest)
    overdue = "Files that the hourly sweeps should have deleted."
    yield _family("holdout_overdue_deletions", overdue, "what", rows["overdue"])


def _of_snapshot(rows: _Rows) -> Iterator[GaugeMetricFamily]:
    ((age,),) = rows["snapshot"]
    yield _gauge("holdout_snapshot_age_seconds", "Since a snapshot for vendors was published.", age)


def _of_index(rows: _Rows) -> Iterator[GaugeMetricFamily]:
    entries = next(int(entries) for log, entries in rows["logs"] if log == Log.DECLARATIONS)
    try:
        indexed, up = current_view().as_of.log_index + 1, 1.0
    except Unavailable:
        indexed, up = 0, 0.0
    yield _gauge("holdout_index_up", "1 when the read index can be opened and its indexer is alive.", up)
    missing = max(0, entries - indexed)
    yield _gauge("holdout_index_lag_entries", "Log entries that the read index does not have yet.", missing)


def _of_valkey() -> Iterator[GaugeMetricFamily]:
    queues = sorted({str(route["queue"]) for route in settings.CELERY_TASK_ROUTES.values()})
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as valkey:
            lengths = [(queue, valkey.llen(queue)) for queue in queues]
    except redis.RedisError:
        lengths = []
    yield _gauge("holdout_valkey_up", "1 when Valkey answered this scrape.", float(bool(lengths)))
    if lengths:
        yield _family("holdout_queue_messages", "Bells that no worker has heard yet.", "queue", lengths)


def _of_store() -> Iterator[GaugeMetricFamily]:
    try:
        disk = shutil.disk_usage(settings.HOLDOUT_STORE_DIR)
    except OSError:
        return
    sizes = [("free", disk.free), ("size", disk.total)]
    yield _family("holdout_store_bytes", "The disk under the store of uploads and results.", "kind", sizes)


def _gauge(name: str, meaning: str, value: Any) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=float(value))


def _family(name: str, meaning: str, label: str, values: Iterable[tuple[Any, Any]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for key, value in values:
        family.add_metric([str(key)], float(value))
    return family


disable_created_metrics()  # type: ignore[no-untyped-call] # a series more that no alert reads
REGISTRY.register(RegistryState())
