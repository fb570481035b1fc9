"""`manage.py migrate_locked`: migrate, safe for several at once and for those who work meanwhile."""

import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

from config.postgresql.base import waiting

# Any fixed number serves; all processes of one database must use the same.
_LOCK = 0x486F6C646F7574

# While a migration waits for its lock on a table, everybody who comes later waits behind it.
LOCK_TIMEOUT_MS = 2_000
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)


class Command(BaseCommand):
    help = (
        "Apply migrations under an advisory lock (Django's migrate races with itself). A migration that does"
        " not get its lock on a table soon gives way and is tried again."
    )

    def handle(self, *_args: object, **options: Any) -> None:
        with connection.cursor() as cursor, waiting(connection, seconds=None):
            # To build an index may take long, and so may the process that migrates already.
            cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
            cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            try:
                cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
                self._migrate(verbosity=options["verbosity"])
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
                cursor.execute("RESET lock_timeout; RESET statement_timeout")

    def _migrate(self, *, verbosity: int) -> None:
        """Migrate; CommandError when a table is locked at every attempt. What was applied stays applied."""
        for pause in (*PAUSES, None):
            try:
                call_command("migrate", verbosity=verbosity, interactive=False)
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise
                if pause is None:
                    raise CommandError(
                        f"A table that a migration changes was locked by others at {len(PAUSES) + 1}"
                        " attempts. End what holds it (see pg_stat_activity), then run the command again."
                    ) from error
                self.stderr.write(f"a table is locked by others; the next attempt is in {pause:g} s")
                time.sleep(pause)
            else:
                return
