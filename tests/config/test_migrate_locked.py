"""Migrations give way to those who work, and the linter finds those that would not."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from config.management.commands import migrate_locked

# Takes the strongest lock, as ALTER TABLE does, and changes nothing.
NEEDS_THE_TABLE = """
from django.db import migrations

class Migration(migrations.Migration):
    operations = [migrations.RunSQL("LOCK TABLE ledger_pendingentry IN ACCESS EXCLUSIVE MODE", "SELECT 1")]
"""
INDEXES_THE_LOG = """
from django.db import migrations

class Migration(migrations.Migration):
    operations = [migrations.RunSQL('CREATE INDEX slow ON "ledger_logentry" ("time_ms")', "SELECT 1")]
"""
Write = Callable[[str], None]


@pytest.fixture
def migration(tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Call it to give the app `demo`, which has none, a migration."""
    package = f"migrations_{tmp_path.name}"
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    settings.MIGRATION_MODULES = {"demo": package}

    def write(source: str) -> None:
        (tmp_path / package / "0001_sample.py").write_text(source)

    return write


@pytest.fixture
def forget(transactional_db: None) -> Iterator[None]:
    yield
    MigrationRecorder(connection).record_unapplied("demo", "0001_sample")


def applied() -> bool:
    return ("demo", "0001_sample") in MigrationRecorder(connection).applied_migrations()


def another_connection() -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": psycopg.Cursor})


@pytest.mark.usefixtures("forget")
def test_a_locked_table_is_waited_for_in_short_turns(
    migration: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pauses: list[float] = []

    def let_go_at_the_second(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            holder.close()

    monkeypatch.setattr(migrate_locked, "LOCK_TIMEOUT_MS", 50)
    monkeypatch.setattr(migrate_locked, "PAUSES", (1.0, 2.0, 5.0))
    monkeypatch.setattr(time, "sleep", let_go_at_the_second)
    migration(NEEDS_THE_TABLE)
    holder = another_connection()
    holder.execute("LOCK TABLE ledger_pendingentry IN ACCESS SHARE MODE")  # as any reader does

    call_command("migrate_locked", verbosity=0)

    assert applied()
    assert pauses == [1.0, 2.0]
    assert "the next attempt is in 2 s" in capsys.readouterr().err


@pytest.mark.usefixtures("forget")
def test_a_table_that_stays_locked_is_left_alone_and_told(
    migration: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_locked, "LOCK_TIMEOUT_MS", 20)
    monkeypatch.setattr(migrate_locked, "PAUSES", (0.01, 0.01))
    migration(NEEDS_THE_TABLE)

    with another_connection() as holder:
        holder.execute("LOCK TABLE ledger_pendingentry IN ACCESS SHARE MODE")
        with pytest.raises(CommandError, match="locked by others at 3 attempts"):
            call_command("migrate_locked", verbosity=0)
        # Readers that come now are not kept waiting.
        with another_connection() as reader:
            reader.execute("SET lock_timeout = 500")
            reader.execute("SELECT FROM ledger_pendingentry")

    assert not applied()


@pytest.mark.usefixtures("forget")
def test_a_migration_that_fails_otherwise_is_not_tried_again(
    migration: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))
    migration(
        NEEDS_THE_TABLE.replace("LOCK TABLE ledger_pendingentry IN ACCESS EXCLUSIVE MODE", "SELECT nothing")
    )

    with pytest.raises(Exception, match="nothing"):
        call_command("migrate_locked", verbosity=0)


@pytest.mark.usefixtures("forget")
def test_afterwards_the_limits_of_the_connection_are_as_before(migration: Write) -> None:
    migration(NEEDS_THE_TABLE)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        before = cursor.fetchone()

        call_command("migrate_locked", verbosity=0)

        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == before
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone() == (0,)


@pytest.fixture
def hurried(forget: None) -> Iterator[None]:
    """The connection gives up what takes longer than a moment."""
    connection.ensure_connection()
    connection.connection.patience = 0.1
    yield
    connection.connection.patience = None


@pytest.mark.usefixtures("hurried")
def test_a_migration_that_takes_long_is_not_given_up(migration: Write) -> None:
    migration(NEEDS_THE_TABLE.replace("LOCK TABLE", "SELECT pg_sleep(0.5); LOCK TABLE"))

    call_command("migrate_locked", verbosity=0)

    assert applied()
    assert connection.connection.patience == 0.1


@pytest.mark.django_db
def test_the_linter_refuses_an_index_that_locks_a_big_table(
    migration: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    migration(INDEXES_THE_LOG)

    with pytest.raises(SystemExit):
        call_command("lintmigrations", "demo")

    assert "CREATE INDEX locks table" in capsys.readouterr().out
