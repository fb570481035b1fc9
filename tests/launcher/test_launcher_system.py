"""`./run test --system`: Debian's servers, thrown away afterwards."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from launcher import commands, processes, system
from launcher.failures import Failure
from launcher.paths import CHECKOUT

needs_debian = pytest.mark.skipif(
    not (list(system.POSTGRES.glob("*/bin/postgres")) and system.REDIS.exists()),
    reason="Debian's postgresql and redis-server are not installed",
)
HOLD = """
import sys
import tempfile
from launcher import system
with system.engines() as addresses:
    print(*addresses.values(), flush=True)
    sys.stdin.read()
"""


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@needs_debian
def test_the_servers_answer_over_tcp_and_leave_nothing_behind() -> None:
    with system.engines() as addresses:
        with psycopg.connect(addresses["DATABASE_URL"]) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        with redis.Redis.from_url(addresses["REDIS_URL"]) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}

    assert row is not None
    assert not Path(row[0]).parent.exists()
    assert not any(is_open(port_of(url)) for url in addresses.values())


@needs_debian
def test_nobody_gets_in_without_the_password() -> None:
    with system.engines() as addresses:
        for url in addresses.values():
            assert urlsplit(url).hostname == "127.0.0.1"
        parts = urlsplit(addresses["DATABASE_URL"])
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                host="127.0.0.1", port=parts.port, user="holdout", password="guess", dbname="postgres"
            )
        with (
            redis.Redis(
                host="127.0.0.1", port=port_of(addresses["REDIS_URL"]), retry=Retry(NoBackoff(), 0)
            ) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that Debian's servers can enter, unlike pytest's own; a killed launcher cannot tidy up."""
    path = Path(tempfile.mkdtemp(prefix="holdout-launcher-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@needs_debian
@pytest.mark.slow
def test_the_servers_end_even_when_the_launcher_is_killed(open_folder: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=CHECKOUT,
        env={**os.environ, "TMPDIR": str(open_folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    ports = [port_of(url) for url in holder.stdout.readline().split()]
    assert len(ports) == 2
    assert all(map(is_open, ports))

    holder.kill()
    holder.communicate()

    assert processes.wait_until(lambda: not any(map(is_open, ports)), seconds=10)


@pytest.mark.parametrize(
    ("missing", "words"),
    [("POSTGRES", "Debian's PostgreSQL cannot"), ("REDIS", "Redis cannot")],
)
def test_what_is_missing_is_told_with_the_command_that_installs_it(
    missing: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, missing, tmp_path / "nothing")

    with pytest.raises(Failure, match=words) as refused, system.engines():
        pass

    assert "apt-get install --no-install-recommends postgresql redis-server" in str(refused.value)


def test_the_tests_get_debians_addresses_whatever_else_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"DATABASE_URL": "postgresql://debian", "REDIS_URL": "redis://debian"}
    seen: dict[str, Any] = {}

    def run(argv: Sequence[str], environment: dict[str, str]) -> int:
        seen.update(argv=argv, environment=environment)
        return 0

    @contextmanager
    def engines() -> Any:
        yield given

    monkeypatch.setattr(commands, "_foreground", run)
    monkeypatch.setattr(system, "engines", engines)
    monkeypatch.setattr(system, "versions", lambda: "PostgreSQL and Redis")

    assert commands.test(["--system", "--fast", "-k", "word"]) == 0

    assert given.items() <= seen["environment"].items()
    assert os.environ["DATABASE_URL"] != given["DATABASE_URL"]
    assert seen["argv"][-4:] == ["-m", "not slow and not full", "-k", "word"]
