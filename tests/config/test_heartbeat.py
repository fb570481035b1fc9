"""The sign of life that compose looks for."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from django.conf import LazySettings
from django.db import connection

from config import heartbeat
from launcher.paths import CHECKOUT
from launcher.processes import wait_until
from launcher.roles import all_roles

Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(transactional_db: None, settings: LazySettings, tmp_path: Path) -> Iterator[Start]:
    """Start a role of the product on this test's database and broker; its heart is the file of its name."""
    running: list[subprocess.Popen[bytes]] = []
    roles = {role.name: role for role in all_roles(port=1, schedule=tmp_path / "schedule")}
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": urlunsplit(database),
    }

    def start_role(name: str) -> "subprocess.Popen[bytes]":
        own = environment | {"HOLDOUT_HEARTBEAT_FILE": str(tmp_path / name)}
        with (tmp_path / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(roles[name].argv, cwd=CHECKOUT, env=own, stdout=log, stderr=log)
        running.append(process)
        return process

    yield start_role
    for process in running:
        process.send_signal(signal.SIGCONT)
        process.terminate()
    for process in running:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=60)
        process.kill()  # how they end is not what is tested here
        process.wait()
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()


@pytest.mark.slow
def test_roles_that_work_show_it_and_those_that_hang_do_not(start: Start, tmp_path: Path) -> None:
    hearts = [tmp_path / name for name in ("worker-ingest", "sequencer", "beat")]

    def stop_beating() -> None:
        for heart in hearts:
            heart.unlink(missing_ok=True)

    processes = [start(heart.name) for heart in hearts]
    for _ in range(2):  # at the start, and again
        assert wait_until(lambda: all(heart.exists() for heart in hearts), seconds=40)
        stop_beating()

    for process in processes:
        process.send_signal(signal.SIGSTOP)
    time.sleep(0.2)  # for what was under way
    stop_beating()
    assert not wait_until(lambda: any(heart.exists() for heart in hearts), seconds=6)


def test_without_a_file_nothing_is_touched(settings: LazySettings) -> None:
    settings.HOLDOUT_HEARTBEAT_FILE = ""

    heartbeat.touch()


def test_a_file_is_made_when_it_is_not_there(settings: LazySettings, tmp_path: Path) -> None:
    settings.HOLDOUT_HEARTBEAT_FILE = str(tmp_path / "heartbeat")

    heartbeat.touch()

    assert (tmp_path / "heartbeat").exists()
