"""The read index follows the log, whatever becomes of its files or of the log."""

import threading

import pytest
from django.conf import LazySettings

from consent.services import declare, withdraw
from holdout.errors import Conflict, Unavailable
from holdout.index.manifest import MANIFEST
from holdout.index.publish import Publisher
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.verdicts import Outcome, Query
from holdout.vocabulary import UsageCategory
from ledger.models import LogEntry, Opening
from ledger.queries import head
from ledger.services import sequence_pending
from lookup import indexing
from lookup.engine import answer
from lookup.indexing import Indexer, wait_until_indexed
from registry.models import Declarant
from registry.read_index import current_view, index_folder
from registry.services import authorize_locators, register_locators
from tests.factories import (
    NO_AI,
    OPEN,
    fingerprinted_work,
    reserve_place,
    reserve_places,
    reserve_work,
    settle,
)

GEN = UsageCategory.TRAIN_GEN
URL = "https://a.example/x.jpg"


def said_of(url: str = URL) -> Outcome:
    (verdict,) = answer([Query(url=url)])
    return verdict.uses[GEN]


def test_nothing_is_said_before_it_is_indexed(alice: Declarant) -> None:
    (locator,) = register_locators(declarant=alice, targets=[(KeyKind.URL, URL)])
    declare(declarant=alice, subject=locator, preferences=NO_AI)
    sequence_pending()
    assert said_of() is Outcome.UNKNOWN
    settle()
    assert said_of() is Outcome.DENY
    assert current_view().as_of == head()


def test_what_is_withdrawn_is_gone(alice: Declarant) -> None:
    statement = reserve_place(alice, URL)
    withdraw(statement=statement)
    settle()
    assert said_of() is Outcome.UNKNOWN


def test_a_proof_changes_what_a_statement_reaches(alice: Declarant) -> None:
    statement = reserve_place(alice, URL, preferences=OPEN, level=Assurance.L0)
    assert said_of() is Outcome.UNKNOWN
    assert statement.locator
    authorize_locators(declarant=alice, locators=[statement.locator], level=Assurance.L3, method="operator")
    settle()
    assert said_of() is Outcome.ALLOW


def test_a_place_added_to_a_work_counts_from_its_log_entry_on(alice: Declarant) -> None:
    work = reserve_work(alice, {"sha256": bytes(32)}).work
    register_locators(declarant=alice, targets=[(KeyKind.URL, URL)], work=work)
    settle_index_alone()
    assert said_of() is Outcome.UNKNOWN
    settle()
    assert said_of() is Outcome.DENY
    again = register_locators(declarant=alice, targets=[(KeyKind.URL, URL)], work=work)
    assert sequence_pending() == 0
    assert len(again) == 1


def settle_index_alone() -> None:
    with Indexer() as indexer:
        while indexer.catch_up():
            pass


def test_a_file_added_to_a_reserved_work_is_found(alice: Declarant) -> None:
    work = fingerprinted_work(alice, {"sha256": bytes(32)})
    declare(declarant=alice, subject=work, preferences=NO_AI)
    settle()
    (verdict,) = answer([Query(sha256=bytes(32))])
    assert verdict.uses[GEN] is Outcome.DENY


def test_many_declarants_statements_about_one_place_are_all_there(alice: Declarant, bob: Declarant) -> None:
    for declarant in (alice, bob):
        reserve_place(declarant, URL)
    (verdict,) = answer([Query(url=URL)])
    assert len(verdict.reasons) == 2


def test_an_index_from_scratch_says_the_same_as_one_that_grew(alice: Declarant, bob: Declarant) -> None:
    places = [f"https://a.example/{i}.jpg" for i in range(30)]
    reserve_places(alice, KeyKind.URL, places)
    reserve_places(bob, KeyKind.URL, places[:10])
    withdraw(statement=reserve_place(alice, "a.example", kind=KeyKind.DOMAIN))
    reserve_work(alice, {"sha256": bytes(32)})
    settle()
    grown = said_about(places)
    for path in index_folder().iterdir():
        path.unlink()
    settle()
    assert said_about(places) == grown


def said_about(places: list[str]) -> list[object]:
    asked = [*(Query(url=url) for url in places), Query(sha256=bytes(32))]
    return [(verdict.uses, verdict.reasons) for verdict in answer(asked)]


def test_a_damaged_index_answers_nothing_and_is_built_anew(alice: Declarant) -> None:
    reserve_place(alice, URL)
    (index_folder() / MANIFEST).write_text("{}")
    with pytest.raises(Unavailable, match="index_damaged"):
        said_of()
    settle_index_alone()
    assert said_of() is Outcome.DENY


def test_deleted_files_are_built_anew_while_the_indexer_runs(
    alice: Declarant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_HEARTBEAT_SECONDS", 0)
    reserve_place(alice, URL)
    with Indexer() as indexer:
        indexer.catch_up()
        for path in index_folder().glob("*"):
            path.unlink()
        with pytest.raises(Unavailable):
            indexer.catch_up()
    settle()
    assert said_of() is Outcome.DENY


def test_an_index_of_another_log_is_built_anew(alice: Declarant, bob: Declarant) -> None:
    """The database was restored to an earlier state, and the log grew again with other entries."""
    reserve_place(alice, URL)
    view = current_view()
    with Publisher(index_folder()) as publisher:
        publisher.publish_base(
            view.base,
            watermark=view.as_of.log_index,
            leaf_hash=b"another log's leaf hash ........",
            time=view.as_of.time,
        )
    reserve_place(bob, "https://b.example/y.jpg")
    assert said_of() is Outcome.DENY
    assert said_of("https://b.example/y.jpg") is Outcome.DENY
    assert LogEntry.objects.count() <= Opening.objects.count()


def test_a_large_overlay_is_merged_and_says_the_same(
    alice: Declarant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "MERGE_AT", 5)
    places = [f"https://a.example/{i}.jpg" for i in range(12)]
    withdrawn = reserve_place(alice, URL)
    reserve_places(alice, KeyKind.URL, places)
    withdraw(statement=withdrawn)
    settle()
    view = current_view()
    assert view.base.keys >= 12
    assert [said_of(url) for url in [*places, URL]] == [Outcome.DENY] * 12 + [Outcome.UNKNOWN]


def test_a_bulk_registration_becomes_visible_in_steps(
    alice: Declarant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_CHANGES_AT_ONCE", 3)
    places = [f"https://a.example/{i}.jpg" for i in range(5)]
    reserve_places(alice, KeyKind.URL, places)
    assert [said_of(url) for url in places] == [Outcome.DENY] * 5


def test_a_second_indexer_is_kept_out(db: None) -> None:
    with Indexer(), pytest.raises(Conflict, match="index_publisher_runs"):
        Indexer()


def test_waiting_for_an_entry_ends_when_it_is_indexed(alice: Declarant, settings: LazySettings) -> None:
    reserve_place(alice, URL)
    wait_until_indexed(head().log_index, timeout_seconds=1)
    with pytest.raises(Unavailable, match="not_indexed_yet"):
        wait_until_indexed(head().log_index + 1, timeout_seconds=0.05)
    assert threading.active_count() >= 1
