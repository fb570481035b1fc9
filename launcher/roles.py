"""The processes that the product consists of."""

import sys
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Role:
    """A process that runs as long as the product does. `docker-compose.yml` has the same roles."""

    name: str
    argv: list[str]


def all_roles(*, port: int, schedule: Path) -> list[Role]:
    """Every role of the product; the web server listens on `port` of the loopback address.

    `schedule` is the file in which beat remembers what it did last; one beat at a time can use it.
    """
    return [
        Role("web", _web(port)),
        Role("worker-ingest", _worker("ingest", processes=1)),
        Role("worker-lookup", _worker("lookup", processes=2)),
        Role("sequencer", manage("sequencer")),
        Role("beat", _celery("beat", "--schedule", str(schedule))),
    ]


def manage(*arguments: str) -> list[str]:
    """A Django management command."""
    return [sys.executable, "manage.py", *arguments]


def _web(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian"),
        *("--interface", "wsgi"),
        *("--host", HOST),
        *("--port", str(port)),
        *("--workers", "1"),
        *("--blocking-threads", "4"),
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
