"""Connections to PostgreSQL that are given up when the server has fallen silent.

PostgreSQL ends a statement that takes too long (`config.timeouts`). A server that hangs ends nothing and
keeps its sockets open, so only whoever waits can notice: a request that waits for ever is no answer, and
takes its thread with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final, TypeVar

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql import base
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout

T = TypeVar("T")

_HEALTH_SECONDS: Final = 3.0


class Connection(psycopg.Connection[Any]):
    """Waits `patience` seconds for each answer, or for as long as it takes when that is None."""

    patience: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        if timeout is not None or self.patience is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.patience)
        except _WaitTimeout:
            # Its answer may still come: whoever used this connection next would take it for theirs.
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"PostgreSQL has been silent for {self.patience:g} seconds; the connection was given up."
            ) from None


# What Django connects with, and where it finds the errors to translate.
_psycopg = ModuleType("psycopg")
_psycopg.__dict__.update(vars(psycopg), connect=Connection.connect)


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's, with the setting PATIENCE_SECONDS: how long to wait for an answer."""

    Database = _psycopg

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.patience = self.settings_dict.get("PATIENCE_SECONDS")
        return connection

    def is_usable(self) -> bool:
        """Django asks before each request: next to nothing, so silence soon means that the server hangs."""
        if self.connection is None or self.connection.patience is None:
            return super().is_usable()
        with waiting(self, seconds=min(_HEALTH_SECONDS, self.connection.patience)):
            return super().is_usable()


@contextmanager
def waiting(connection: BaseDatabaseWrapper, *, seconds: float | None) -> Iterator[None]:
    """Wait that long in this block, on a connection that is open; None: for as long as it takes."""
    ours = connection.connection
    patience, ours.patience = ours.patience, seconds
    try:
        yield
    finally:
        ours.patience = patience
