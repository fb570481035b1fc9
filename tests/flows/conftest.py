"""The product as it runs: a real Celery worker and the real sequencer as processes, HTTP over loopback."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import redis
from django.conf import LazySettings
from django.db import connection

from config.celery import app

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(transactional_db: None, settings: LazySettings, tmp_path: Path) -> dict[str, str]:
    """What a process needs to work on this test's database and this test process's broker."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": urlunsplit(database),
        "HOLDOUT_STORE_DIR": str(tmp_path),
        "TMPDIR": str(tmp_path),  # what a killed worker cannot tidy up goes with the test
        "HOLDOUT_JOB_LEASE_SECONDS": "5",
    }


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start a process of the product; it is ended with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start_one(*command: str) -> "subprocess.Popen[bytes]":
        log = (tmp_path / f"process-{len(running)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that its children can be ended with it
            )
        running.append(process)
        return process

    yield start_one
    for process in running:
        process.terminate()
    for process in running:
        process.wait(timeout=20)
        kill_with_children(process)


def kill_with_children(process: "subprocess.Popen[bytes]") -> None:
    """At once, without a word to it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


WORKER = ("-m", "celery", "-A", "config.celery", "worker", "-Q", "ingest,lookup", "-c", "2", "-l", "warning")


@pytest.fixture
def product(start: Start) -> None:
    """A worker, the sequencer and the indexer run, and the worker answers."""
    start("manage.py", "sequencer")
    start("manage.py", "indexer")
    start(*WORKER, "--without-gossip", "--without-mingle")
    until(lambda: app.control.ping(timeout=1))


@pytest.fixture
def vendor(live_server: Any, vera_key: str) -> Iterator[httpx.Client]:
    """Vera's program, over HTTP."""
    headers = {"Authorization": f"Bearer {vera_key}"}
    with httpx.Client(base_url=live_server.url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def until(arrived: Callable[[], Any], *, seconds: float = 150) -> Any:
    """Wait for something to come true, and give it back."""
    deadline = time.monotonic() + seconds
    while not (value := arrived()):
        if time.monotonic() > deadline:
            raise AssertionError("it did not come")
        time.sleep(0.1)
    return value
