"""The staff area's tables of the logs and of what waits for them. What opens a commitment is not shown."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from ledger.models import LogEntry, PendingEntry


class LogDesk(admin.ModelAdmin):  # type: ignore[type-arg] # generic for type checkers only
    """A table of entries, newest first. Nothing there sorts or counts a big table by a click."""

    list_filter = ("log",)
    search_fields = ("=record_id",)
    ordering = ("-pk",)
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()


@admin.register(PendingEntry)
class PendingEntryDesk(LogDesk):
    """What the sequencer has not reached yet: an entry that stays here is the sign that it stands still."""

    list_display = ("record_id", "log", "entry_type", "created_at")
    fields = ("log", "entry_type", "record_id", "created_at")


@admin.register(LogEntry)
class LogEntryDesk(LogDesk):
    list_display = ("__str__", "entry_type", "record_id", "when")
    fields = ("log", "index", "entry_type", "record_id", "when", "leaf")

    @admin.display(description=_("time (UTC)"))
    def when(self, entry: LogEntry) -> str:
        return f"{entry.time:%Y-%m-%d %H:%M:%S.%f}"[:-3]

    @admin.display(description=_("leaf hash"))
    def leaf(self, entry: LogEntry) -> str:
        return bytes(entry.leaf_hash).hex()
