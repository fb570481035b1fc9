import pytest
from django.db import IntegrityError, connection, transaction

from consent.models import Statement
from consent.queries import current_statement, statements_in_force
from consent.services import declare, declare_many, withdraw
from holdout.errors import Conflict, NotPermitted
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.vocabulary import PRESETS, UsageCategory
from ledger.models import LogEntry, PendingEntry
from ledger.queries import head, receipt
from registry.models import Declarant
from registry.services import authorize_locators
from tests.factories import NO_AI, fingerprinted_work, place, reserve_place, reserve_work, settle


def in_force(statement: Statement) -> list[str]:
    works = [statement.work_id] if statement.work_id else []
    locators = [statement.locator_id] if statement.locator_id else []
    found = statements_in_force(works=works, locators=locators, as_of=head().log_index)
    return [s.statement for s in found]


def test_a_statement_is_in_force_once_it_is_sequenced(alice: Declarant) -> None:
    statement = declare(declarant=alice, subject=place(alice, "https://alice.example/a"), preferences=NO_AI)
    assert in_force(statement) == []
    settle()
    assert in_force(statement) == [statement.public_id]


def test_a_new_statement_supersedes_the_last_and_history_stays(alice: Declarant) -> None:
    first = reserve_place(alice, "https://alice.example/a")
    before = head().log_index
    assert first.locator is not None
    second = declare(declarant=alice, subject=first.locator, preferences=PRESETS["open"])
    settle()
    assert in_force(second) == [second.public_id]
    then = statements_in_force(works=[], locators=[first.locator.pk], as_of=before)
    assert [s.statement for s in then] == [first.public_id]


def test_withdrawing_says_nothing_any_more_and_keeps_the_receipt(alice: Declarant) -> None:
    statement = reserve_work(alice, {"sha256": b"x" * 32})
    withdraw(statement=statement)
    settle()
    (standing,) = statements_in_force(works=[statement.work_id or 0], locators=[], as_of=head().log_index)
    assert standing.preferences == {}
    assert receipt(statement.public_id)["record"]["preferences"]["train_gen"] == "deny"


def test_nobody_declares_about_what_another_registered(alice: Declarant, bob: Declarant) -> None:
    work = fingerprinted_work(alice, {"sha256": b"x" * 32})
    with pytest.raises(NotPermitted) as refused:
        declare(declarant=bob, subject=work, preferences=NO_AI)
    assert refused.value.code == "not_your_subject"
    assert not Statement.objects.exists()


@pytest.mark.parametrize(
    ("kind", "target", "level", "enough"),
    [
        (KeyKind.URL, "https://alice.example/a.jpg", 0, True),
        (KeyKind.PATH, "https://alice.example/art/", 1, False),
        (KeyKind.PATH, "https://alice.example/art/", 2, True),
        (KeyKind.HOST, "alice.example", 2, False),
        (KeyKind.HOST, "alice.example", 3, True),
        (KeyKind.DOMAIN, "alice.example", 2, False),
        (KeyKind.DOMAIN, "alice.example", 3, True),
    ],
)
def test_how_far_a_statement_may_reach_depends_on_the_proof(
    alice: Declarant, kind: KeyKind, target: str, level: int, enough: bool
) -> None:
    locator = place(alice, target, kind)
    authorize_locators(declarant=alice, locators=[locator], level=Assurance(level), method="test")
    if enough:
        declare(declarant=alice, subject=locator, preferences=NO_AI)
    else:
        with pytest.raises(NotPermitted) as refused:
            declare(declarant=alice, subject=locator, preferences=NO_AI)
        assert refused.value.code == "control_not_proven"
        assert not Statement.objects.exists()


def test_a_fork_of_the_history_cannot_be_stored(alice: Declarant) -> None:
    first = reserve_place(alice, "https://alice.example/a")
    fields = {"declarant": alice, "locator": first.locator}
    with pytest.raises(IntegrityError), transaction.atomic():
        Statement.objects.create(**fields)
    Statement.objects.create(**fields, supersedes=first)
    with pytest.raises(IntegrityError), transaction.atomic():
        Statement.objects.create(**fields, supersedes=first)


def test_two_declarations_at_once_make_one_statement_and_one_conflict(
    alice: Declarant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = reserve_place(alice, "https://alice.example/a")
    assert first.locator is not None
    monkeypatch.setattr("consent.services.standing_statements", lambda *_: {})
    with pytest.raises(Conflict) as refused:
        declare(declarant=alice, subject=first.locator, preferences=NO_AI)
    assert refused.value.code == "said_meanwhile"
    assert Statement.objects.count() == 1
    assert not PendingEntry.objects.exists()


@pytest.mark.parametrize(
    "change", ["UPDATE consent_statement SET tdm = 'allow'", "DELETE FROM consent_statement"]
)
def test_the_database_refuses_to_change_a_statement(alice: Declarant, change: str) -> None:
    reserve_place(alice, "https://alice.example/a")
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)


def test_the_database_knows_only_the_words_of_the_vocabulary(alice: Declarant) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Statement.objects.create(declarant=alice, locator=place(alice, "https://a.example/"), tdm="maybe")


def test_bulk_declaring_costs_few_queries(alice: Declarant, django_assert_max_num_queries: object) -> None:
    places = [place(alice, f"https://alice.example/{i}") for i in range(50)]
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        declare_many(declarant=alice, subjects=places, preferences=NO_AI)
    assert settle() == 50
    assert LogEntry.objects.count() == 50


def test_the_current_statement_is_the_last_one_said(alice: Declarant) -> None:
    statement = reserve_work(alice, {"sha256": b"x" * 32})
    assert statement.work is not None
    again = declare(declarant=alice, subject=statement.work, preferences={UsageCategory.TDM: "deny"})  # type: ignore[dict-item]
    assert current_statement(statement.work) == again
