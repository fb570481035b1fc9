"""How long PostgreSQL works, or waits for a lock, for one of our connections, and how long we wait for it."""

from collections.abc import Mapping
from typing import Final

from django.core.exceptions import ImproperlyConfigured

_CONNECT_SECONDS: Final = 5
# PostgreSQL ends a slow statement by itself and says so; only silence beyond that means that it hangs.
_GRACE_SECONDS: Final = 2


def with_timeouts(database: Mapping[str, object], *, statement_ms: int, lock_ms: int) -> dict[str, object]:
    """Django's database settings with both limits, in milliseconds; 0 leaves the server's own.

    They travel with the start of the connection, after the options that DATABASE_URL has, and cost no query.
    Whoever limits its statements does not wait for ever either: not for a connection, and not for the answer
    of a server that hangs (`config.postgresql`).
    """
    limits = {"statement_timeout": statement_ms, "lock_timeout": lock_ms}
    if min(limits.values()) < 0:
        raise ImproperlyConfigured(
            "A timeout is a number of milliseconds, 0 for none; it cannot be negative."
        )
    told = [f"-c {name}={value}" for name, value in limits.items() if value]
    if not told:
        return dict(database)
    given = database.get("OPTIONS")
    options = dict(given) if isinstance(given, dict) else {}
    options["options"] = " ".join([options.get("options", ""), *told]).strip()
    if not statement_ms:
        return {**database, "OPTIONS": options}
    options.setdefault("connect_timeout", _CONNECT_SECONDS)
    return {**database, "OPTIONS": options, "PATIENCE_SECONDS": statement_ms / 1000 + _GRACE_SECONDS}
