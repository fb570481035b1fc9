"""The append-only logs: what waits for its place, what has one, and what opens it.

`PendingEntry` is written in the transaction of the decision that it records; the one sequencer gives it
its index and makes it a `LogEntry`. Order is the log's, never the clock's.
"""

from datetime import UTC, datetime

from django.db import models
from django.db.models.functions import Now


class Log(models.TextChoices):
    """The logs that exist."""

    DECLARATIONS = "declarations"
    LOOKUPS = "lookups"


class PendingEntry(models.Model):
    """An entry that has not been sequenced; gone once it has."""

    log = models.CharField(max_length=16, choices=Log)
    entry_type = models.CharField(max_length=40)
    record_id = models.CharField(max_length=40, unique=True)
    commitment = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "pending entries"

    def __str__(self) -> str:
        return self.record_id


class LogEntry(models.Model):
    """One line of a log, for ever. A database trigger refuses UPDATE and DELETE."""

    log = models.CharField(max_length=16, choices=Log)
    index = models.BigIntegerField(help_text="Gapless from 0 within a log.")
    entry_type = models.CharField(max_length=40)
    record_id = models.CharField(max_length=40, unique=True, help_text="Public id of the record it is about.")
    time_ms = models.BigIntegerField(help_text="Milliseconds since 1970 UTC; never decreases within a log.")
    commitment = models.BinaryField(max_length=32)
    leaf_hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="logentry_place", fields=["log", "index"]),
            models.CheckConstraint(name="logentry_index_counts_up", condition=models.Q(index__gte=0)),
        ]
        verbose_name_plural = "log entries"

    def __str__(self) -> str:
        return f"{self.log} {self.index}"

    @property
    def time(self) -> datetime:
        """`time_ms` as a UTC datetime."""
        return datetime.fromtimestamp(self.time_ms / 1000, tz=UTC)


class Opening(models.Model):
    """Salt and record behind a commitment. Deleting it erases the record; the log still verifies."""

    record_id = models.CharField(max_length=40, unique=True)
    salt = models.BinaryField(max_length=32)
    record = models.JSONField()

    def __str__(self) -> str:
        return self.record_id
