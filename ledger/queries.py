"""Reading the logs."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from holdout.errors import NotFound
from holdout.receipts import RECEIPT_VERSION
from holdout.verdicts import AsOf
from ledger.models import Log, LogEntry, Opening


def head() -> AsOf:
    """The declarations log's last index and its time; index -1 and the epoch for an empty log."""
    last = LogEntry.objects.filter(log=Log.DECLARATIONS).order_by("-index").first()
    if last is None:
        return AsOf(log_index=-1, time=datetime.fromtimestamp(0, tz=UTC))
    return AsOf(log_index=last.index, time=last.time)


def as_of_index(index: int) -> AsOf:
    """The moment of an entry of the declarations log. Raises `NotFound` (`not_in_log`)."""
    entry = LogEntry.objects.filter(log=Log.DECLARATIONS, index=index).first()
    if entry is None:
        raise NotFound("not_in_log", "The log has no entry with that index (yet).")
    return AsOf(log_index=entry.index, time=entry.time)


def leaf_hash_at(index: int) -> bytes:
    """The leaf hash of a place in the declarations log; empty where there is no entry."""
    entry = LogEntry.objects.filter(log=Log.DECLARATIONS, index=index).first()
    return b"" if entry is None else bytes(entry.leaf_hash)


def entries_of(record_ids: Iterable[str]) -> dict[str, LogEntry]:
    """The log entries of those of these records that are sequenced, by record id."""
    return {entry.record_id: entry for entry in LogEntry.objects.filter(record_id__in=list(record_ids))}


def receipt(record_id: str) -> dict[str, Any]:
    """The receipt of a sequenced record: the entry, the record and the salt that opens the commitment.

    It verifies offline with `holdout.receipts.verify_opening`. Raises `NotFound` (`not_in_log`) when the
    record is unknown, not sequenced yet, or erased.
    """
    entry = LogEntry.objects.filter(record_id=record_id).first()
    opening = Opening.objects.filter(record_id=record_id).first()
    if entry is None or opening is None:
        raise NotFound("not_in_log", "No log entry with that record is here (yet, or any more).")
    return _receipt(entry, opening)


def receipts(record_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The receipts of those of these records that are sequenced and not erased, by record id."""
    entries = entries_of(record_ids)
    return {
        opening.record_id: _receipt(entries[opening.record_id], opening)
        for opening in Opening.objects.filter(record_id__in=list(entries))
    }


def _receipt(entry: LogEntry, opening: Opening) -> dict[str, Any]:
    return {
        "version": RECEIPT_VERSION,
        "log": entry.log,
        "entry": {
            "index": entry.index,
            "type": entry.entry_type,
            "time_ms": entry.time_ms,
            "leaf_hash": bytes(entry.leaf_hash).hex(),
        },
        "record": opening.record,
        "salt": bytes(opening.salt).hex(),
    }
