import pytest
from django.db import IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError

from holdout.errors import InvalidInput, NotFound, Unavailable
from holdout.receipts import verify_opening
from ledger.models import Log, LogEntry, Opening, PendingEntry
from ledger.queries import head, receipt
from ledger.services import append, append_many, sequence_pending, wait_for_entry

pytestmark = pytest.mark.django_db


def put(record_id: str, log: Log = Log.DECLARATIONS) -> None:
    with transaction.atomic():
        append(log=log, entry_type="test", record_id=record_id, record={"says": record_id})


def test_entries_get_gapless_indices_in_each_log() -> None:
    for record_id, log in [("a", Log.DECLARATIONS), ("b", Log.LOOKUPS), ("c", Log.DECLARATIONS)]:
        put(record_id, log)
    assert sequence_pending() == 3
    put("d")
    assert sequence_pending() == 1
    placed = LogEntry.objects.filter(log=Log.DECLARATIONS).order_by("index")
    assert [(entry.index, entry.record_id) for entry in placed] == [(0, "a"), (1, "c"), (2, "d")]
    assert LogEntry.objects.get(log=Log.LOOKUPS).index == 0
    assert not PendingEntry.objects.exists()


def test_nothing_pending_changes_nothing() -> None:
    assert sequence_pending() == 0
    assert head().log_index == -1


def test_time_never_runs_backwards_within_a_log() -> None:
    put("a")
    sequence_pending()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_logentry DISABLE TRIGGER append_only")
        cursor.execute("UPDATE ledger_logentry SET time_ms = time_ms + 3600000")
        cursor.execute("ALTER TABLE ledger_logentry ENABLE TRIGGER append_only")
    put("b")
    sequence_pending()
    first, second = LogEntry.objects.order_by("index")
    assert second.time_ms == first.time_ms


@pytest.mark.parametrize("change", ["UPDATE ledger_logentry SET time_ms = 0", "DELETE FROM ledger_logentry"])
def test_the_database_refuses_to_change_the_log(change: str) -> None:
    put("a")
    sequence_pending()
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)
    assert head().log_index == 0


@pytest.mark.django_db(transaction=True)
def test_append_outside_a_transaction_is_refused() -> None:
    with pytest.raises(TransactionManagementError):
        append(log=Log.DECLARATIONS, entry_type="test", record_id="a", record={})


def test_a_record_that_is_rolled_back_never_reaches_the_log() -> None:
    with transaction.atomic():
        append(log=Log.DECLARATIONS, entry_type="test", record_id="a", record={})
        transaction.set_rollback(True)
    assert sequence_pending() == 0


def test_a_receipt_opens_its_log_entry() -> None:
    put("a")
    sequence_pending()
    verify_opening(receipt("a"))


def test_a_receipt_with_another_record_does_not_verify() -> None:
    put("a")
    sequence_pending()
    forged = receipt("a") | {"record": {"says": "b"}}
    with pytest.raises(InvalidInput) as refused:
        verify_opening(forged)
    assert refused.value.code == "receipt_does_not_match"


@pytest.mark.parametrize("rubbish", [{}, {"entry": None}, {"entry": {}, "salt": "zz", "record": {}}])
def test_rubbish_is_no_receipt(rubbish: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as refused:
        verify_opening(rubbish)
    assert refused.value.code == "receipt_malformed"


def test_erasing_the_opening_erases_the_record_and_leaves_the_log() -> None:
    put("a")
    sequence_pending()
    Opening.objects.all().delete()
    with pytest.raises(NotFound):
        receipt("a")
    assert head().log_index == 0


def test_waiting_for_a_sequencer_that_does_not_run_ends_in_unavailable() -> None:
    put("a")
    with pytest.raises(Unavailable) as refused:
        wait_for_entry(record_id="a", timeout_seconds=0.05)
    assert refused.value.code == "not_sequenced_yet"
    assert sequence_pending() == 1


def test_thousands_of_records_cost_few_queries(django_assert_max_num_queries: object) -> None:
    with django_assert_max_num_queries(10), transaction.atomic():  # type: ignore[operator]
        append_many(
            log=Log.DECLARATIONS, entry_type="test", records={f"r{i}": {"i": i} for i in range(2_500)}
        )
    assert sequence_pending() == 2_500
