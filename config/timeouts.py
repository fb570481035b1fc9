"""How long PostgreSQL works, or waits for a lock, on behalf of one of our connections."""

from collections.abc import Mapping

from django.core.exceptions import ImproperlyConfigured


def with_timeouts(database: Mapping[str, object], *, statement_ms: int, lock_ms: int) -> dict[str, object]:
    """Django's database settings with both limits, in milliseconds; 0 leaves the server's own.

    They travel with the start of the connection, after the options that DATABASE_URL has, and cost no query.
    """
    limits = {"statement_timeout": statement_ms, "lock_timeout": lock_ms}
    if min(limits.values()) < 0:
        raise ImproperlyConfigured(
            "A timeout is a number of milliseconds, 0 for none; it cannot be negative."
        )
    told = [f"-c {name}={value}" for name, value in limits.items() if value]
    if not told:
        return dict(database)
    options = database.get("OPTIONS")
    given = options if isinstance(options, dict) else {}
    return {**database, "OPTIONS": {**given, "options": " ".join([given.get("options", ""), *told]).strip()}}
