"""Limits on what a web process asks of the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from config.postgresql.base import DatabaseWrapper
from config.timeouts import with_timeouts
from launcher.roles import all_roles


@contextmanager
def connected(**limits: int) -> Iterator[BaseDatabaseWrapper]:
    """Another connection to this test's database, with these limits."""
    other = DatabaseWrapper(with_timeouts(deepcopy(connection.settings_dict), **limits), alias="limited")
    try:
        yield other
    finally:
        other.close()


def shown(other: BaseDatabaseWrapper, name: str) -> str:
    with other.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
def test_both_limits_reach_the_database() -> None:
    with connected(statement_ms=1_500, lock_ms=700) as other:
        assert (shown(other, "statement_timeout"), shown(other, "lock_timeout")) == ("1500ms", "700ms")


@pytest.mark.django_db
def test_a_query_over_the_limit_is_ended() -> None:
    with (
        connected(statement_ms=50, lock_ms=0) as other,
        other.cursor() as cursor,
        pytest.raises(OperationalError, match="statement timeout"),
    ):
        cursor.execute("SELECT pg_sleep(5)")


@pytest.mark.django_db
def test_options_of_the_address_are_kept() -> None:
    database = with_timeouts(
        {"OPTIONS": {"sslmode": "require", "options": "-c work_mem=8MB"}}, statement_ms=1, lock_ms=2
    )

    assert database["OPTIONS"] == {
        "sslmode": "require",
        "options": "-c work_mem=8MB -c statement_timeout=1 -c lock_timeout=2",
        "connect_timeout": 5,
    }


def test_whoever_limits_statements_waits_a_little_longer_and_no_more() -> None:
    database = with_timeouts({}, statement_ms=8_000, lock_ms=0)

    assert database["PATIENCE_SECONDS"] == 10
    assert database["OPTIONS"] == {"options": "-c statement_timeout=8000", "connect_timeout": 5}


def test_the_address_may_say_how_long_to_wait_for_a_connection() -> None:
    database = with_timeouts({"OPTIONS": {"connect_timeout": "30"}}, statement_ms=1, lock_ms=0)

    assert database["OPTIONS"] == {"options": "-c statement_timeout=1", "connect_timeout": "30"}


def test_a_limit_on_locks_alone_changes_no_waiting() -> None:
    assert with_timeouts({}, statement_ms=0, lock_ms=2) == {"OPTIONS": {"options": "-c lock_timeout=2"}}


def test_without_limits_nothing_is_added() -> None:
    assert with_timeouts({"OPTIONS": {}}, statement_ms=0, lock_ms=0) == {"OPTIONS": {}}


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="cannot be negative"):
        with_timeouts({}, statement_ms=-1, lock_ms=0)


def test_the_web_server_has_limits_and_nobody_else() -> None:
    roles = all_roles(port=8000, schedule=Path("schedule"))
    limited = {role.name: set(role.environment) for role in roles}

    assert limited.pop("web") == {"HOLDOUT_STATEMENT_TIMEOUT_MS", "HOLDOUT_LOCK_TIMEOUT_MS"}
    assert not any(limited.values())
