"""Writing the logs: `append` in the caller's transaction, `sequence_pending` by the one sequencer."""

import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import connection, transaction
from django.db.models.functions import Now

from holdout import receipts
from holdout.errors import Unavailable
from ledger.models import Log, LogEntry, Opening, PendingEntry

_SEQUENCER_LOCK: Final = 0x53657175656E63
_BATCH: Final = 5_000


def append(*, log: Log, entry_type: str, record_id: str, record: Mapping[str, Any]) -> None:
    """Put `record` in line for `log`, inside the transaction that writes what it records.

    The entry takes effect, and gets its index, when the sequencer reaches it. `record` must be what RFC 8785
    can carry. Raises `TransactionManagementError` outside a transaction.
    """
    append_many(log=log, entry_type=entry_type, records={record_id: record})


def append_many(*, log: Log, entry_type: str, records: Mapping[str, Mapping[str, Any]]) -> None:
    """`append` for many records (record id -> record) at the cost of two statements per thousand."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("append belongs into the transaction of the decision.")
    openings = [
        Opening(record_id=record_id, salt=secrets.token_bytes(32), record=dict(record))
        for record_id, record in records.items()
    ]
    Opening.objects.bulk_create(openings, batch_size=1_000)
    PendingEntry.objects.bulk_create(
        [
            PendingEntry(
                log=log,
                entry_type=entry_type,
                record_id=opening.record_id,
                commitment=receipts.commitment(salt=bytes(opening.salt), record=opening.record),
            )
            for opening in openings
        ],
        batch_size=1_000,
    )


def forget_records(record_ids: Iterable[str]) -> None:
    """Erase these records: their salts go, and nobody can say any more what the log commits to.

    What waits for its place gets it all the same, and receipts that people hold keep verifying.
    """
    Opening.objects.filter(record_id__in=list(record_ids)).delete()


def sequence_pending() -> int:
    """Give every waiting entry its place; returns how many got one.

    The advisory lock makes this the only sequencer even where two processes run it. Times come from the
    database's clock and never run backwards within a log.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SEQUENCER_LOCK])
        waiting = list(PendingEntry.objects.annotate(now=Now()).order_by("pk")[:_BATCH])
        heads = {log: _head(log) for log in {entry.log for entry in waiting}}
        entries = []
        for entry in waiting:
            index, last_ms = heads[entry.log]
            time_ms = max(last_ms, int(entry.now.timestamp() * 1000))
            entries.append(_place(entry, index=index, time_ms=time_ms))
            heads[entry.log] = (index + 1, time_ms)
        LogEntry.objects.bulk_create(entries, batch_size=1_000)
        PendingEntry.objects.filter(pk__in=[entry.pk for entry in waiting]).delete()
    return len(waiting)


def _head(log: str) -> tuple[int, int]:
    """The next index of `log` and the time of its last entry."""
    last = LogEntry.objects.filter(log=log).order_by("-index").values_list("index", "time_ms").first()
    return (0, 0) if last is None else (last[0] + 1, last[1])


def _place(entry: PendingEntry, *, index: int, time_ms: int) -> LogEntry:
    committed = bytes(entry.commitment)
    return LogEntry(
        log=entry.log,
        index=index,
        entry_type=entry.entry_type,
        record_id=entry.record_id,
        time_ms=time_ms,
        commitment=committed,
        leaf_hash=receipts.leaf_hash(
            receipts.entry_bytes(entry_type=entry.entry_type, time_ms=time_ms, committed=committed)
        ),
    )


def wait_for_entry(*, record_id: str, timeout_seconds: float) -> LogEntry:
    """The log entry of a committed record: nothing is acknowledged before it is sequenced.

    Raises `Unavailable` (`not_sequenced_yet`) when the sequencer has not reached it in time; the record
    stays in line and will take effect.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        if entry := LogEntry.objects.filter(record_id=record_id).first():
            return entry
        if time.monotonic() >= deadline:
            raise Unavailable(
                "not_sequenced_yet",
                "What you said was stored and waits for its place in the log; look again in a moment.",
            )
        time.sleep(0.02)
