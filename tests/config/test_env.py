"""How settings read addresses."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured

from config.env import broker_from_redis_url, database_from_url, kept_signing_key, valkey_database
from holdout.signing import SigningKey


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("unix:///tmp/v.sock?db=0", "unix:///tmp/v.sock?db=3"),
        ("unix:///tmp/v.sock", "unix:///tmp/v.sock?db=3"),
        ("redis://:secret@host:6379/0", "redis://:secret@host:6379/3"),
        ("rediss://host", "rediss://host/3"),
    ],
)
def test_another_database_of_the_same_server(given: str, expected: str) -> None:
    assert valkey_database(given, 3) == expected
    redis.Redis.from_url(expected)  # does not connect; refuses what it cannot read


def test_the_broker_is_told_of_the_socket_in_its_own_spelling() -> None:
    url = broker_from_redis_url("unix:///tmp/v.sock?db=2")
    assert url == "redis+socket:///tmp/v.sock?virtual_host=2"
    assert broker_from_redis_url("redis://host/1") == "redis://host/1"


def test_a_database_is_read_from_a_libpq_url() -> None:
    database = database_from_url("postgresql://u:p@/name?host=/tmp/sockets&sslmode=disable")
    assert (database["NAME"], database["HOST"], database["USER"]) == ("name", "/tmp/sockets", "u")
    assert database["OPTIONS"] == {"sslmode": "disable"}


def test_what_is_no_postgresql_url_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured):
        database_from_url("mysql://x")


def test_ones_own_machine_makes_its_signing_key_once_for_all_processes(tmp_path: Path) -> None:
    path = tmp_path / "var" / "key"
    with ThreadPoolExecutor() as threads:
        keys = set(threads.map(lambda _: kept_signing_key(path), range(20)))
    assert len(keys) == 1
    SigningKey.from_text(keys.pop())
    assert path.stat().st_mode & 0o077 == 0
    assert [file.name for file in path.parent.iterdir()] == ["key"]
