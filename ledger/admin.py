"""The staff area's table of the logs. What opens a commitment is not shown."""

from django.contrib import admin

from ledger.models import LogEntry


@admin.register(LogEntry)
class LogEntryDesk(admin.ModelAdmin):  # type: ignore[type-arg] # generic for type checkers only
    list_display = ("__str__", "entry_type", "record_id", "when")
    list_filter = ("log",)
    search_fields = ("=record_id",)
    fields = ("log", "index", "entry_type", "record_id", "when", "leaf")
    ordering = ("-pk",)
    list_per_page = 50
    show_full_result_count = False
    sortable_by = ()

    @admin.display(description="time (UTC)")
    def when(self, entry: LogEntry) -> str:
        return f"{entry.time:%Y-%m-%d %H:%M:%S.%f}"[:-3]

    @admin.display(description="leaf hash")
    def leaf(self, entry: LogEntry) -> str:
        return bytes(entry.leaf_hash).hex()
