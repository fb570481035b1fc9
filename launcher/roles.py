"""The processes that the product consists of."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
# A visitor has gone long before; without limits a slow query or a held lock would take every thread with it.
_WEB_TIMEOUTS = {"HOLDOUT_STATEMENT_TIMEOUT_MS": "30000", "HOLDOUT_LOCK_TIMEOUT_MS": "5000"}


@dataclass(frozen=True)
class Role:
    """A process that runs as long as the product does. `docker-compose.yml` has the same roles.

    `environment` is what it is told besides what all are told, unless the caller's own environment says
    otherwise.
    """

    name: str
    argv: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def all_roles(*, port: int, schedule: Path, host: str = HOST) -> list[Role]:
    """Every role of the product; the web server listens on `port` of `host`.

    `schedule` is the file in which beat remembers what it did last; one beat at a time can use it.
    """
    return [
        Role("web", _web(host, port), _WEB_TIMEOUTS),
        Role("worker-ingest", _worker("ingest", processes=1)),
        Role("worker-lookup", _worker("lookup", processes=2)),
        Role("sequencer", manage("sequencer")),
        Role("indexer", manage("indexer")),
        Role("beat", _celery("beat", "--schedule", str(schedule))),
    ]


def manage(*arguments: str) -> list[str]:
    """A Django management command."""
    return [sys.executable, "manage.py", *arguments]


def _web(host: str, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian"),
        *("--interface", "wsgi"),
        *("--host", host),
        *("--port", str(port)),
        *("--workers", "1"),
        # More than are let in at a time (HOLDOUT_IN_FLIGHT_*): the rest is told so instead of waiting.
        *("--blocking-threads", "40"),
        "--no-ws",
        *("--workers-kill-timeout", "5"),  # seconds for open requests when stopping
        *("--log-level", "warning"),
        "config.wsgi:application",
    ]


def _worker(queue: str, *, processes: int) -> list[str]:
    return _celery(
        "worker",
        *("--queues", queue),
        *("--concurrency", str(processes)),
        *("--hostname", f"{queue}@%h"),
        # Workers here never look at each other: both would only cost start-up time.
        "--without-gossip",
        "--without-mingle",
    )


def _celery(command: str, *options: str) -> list[str]:
    program = [sys.executable, "-m", "celery", "--quiet", "-A", "config.celery"]
    return [*program, command, "--loglevel", "warning", *options]
