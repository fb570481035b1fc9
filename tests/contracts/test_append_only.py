"""What is append-only cannot be changed, deleted or emptied, whoever asks the database."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from tests.conftest import APPEND_ONLY

pytestmark = pytest.mark.django_db


def triggers(name: str) -> set[str]:
    """The tables that have a trigger of this name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = %s", [name])
        return {table for (table,) in cursor.fetchall()}


def test_what_refuses_changes_also_refuses_to_be_emptied() -> None:
    assert triggers("append_only") == triggers("no_truncate") == set(APPEND_ONLY)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("emptying", ["TRUNCATE {table}", "TRUNCATE {table} CASCADE"])
def test_the_database_refuses_to_empty_what_is_append_only(table: str, emptying: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER no_truncate")  # as it is in life
        # Without CASCADE what other tables refer to is refused before any trigger.
        why = f"{table} is append-only|cannot truncate a table referenced in a foreign key"
        with pytest.raises(DatabaseError, match=why), transaction.atomic():
            cursor.execute(emptying.format(table=table))


def test_emptying_what_statements_hang_on_is_refused_with_them() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE consent_statement ENABLE TRIGGER no_truncate")
        with pytest.raises(IntegrityError, match="consent_statement is append-only"), transaction.atomic():
            cursor.execute("TRUNCATE registry_declarant CASCADE")
