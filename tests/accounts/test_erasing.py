"""A person is forgotten: what goes, what stays, in which order, and nothing by halves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.sessions.models import Session
from django.core.mail import EmailMessage
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test import Client

from accounts import erasing as accounts
from accounts.audit import SYSTEM
from accounts.models import ApiKey, AuditEvent, ErasureRequest, Membership, Organization, User
from accounts.services import issue_key, make_staff, personal_organization
from consent import erasing as consent
from consent.grants import give_grant
from consent.intentions import fulfil_intentions
from consent.models import Intention, Revocation, Statement
from consent.registration import say_of_all
from consent.services import declare
from holdout.errors import Conflict, NotPermitted
from holdout.ids import id_bits
from holdout.receipts import verify_opening
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.verdicts import Outcome, Query
from holdout.vocabulary import PRESETS, UsageCategory
from ledger.models import LogEntry, Opening
from ledger.queries import receipt
from ledger.services import sequence_pending
from lookup import erasing as lookup
from lookup.batch import batch_of
from lookup.engine import answer, look_up, verdicts_of
from lookup.inquiries import mute
from lookup.models import HitCount, Inquiry, Mute
from registry import erasing as registry
from registry.models import Asset, Declarant, Fingerprint, Looks, Standing, Work
from registry.read_index import index_folder
from registry.services import default_declarant, register_locators
from tests.factories import NO_AI, fingerprinted_work, reserve_place, settle
from tests.web.conftest import person, signed_in

pytestmark = pytest.mark.django_db

Kind, State = ErasureRequest.Kind, ErasureRequest.State
DIGEST, URL = b"\x17" * 32, "https://lovelace.example/harbour.jpg"
PERSONAL = ("ada.lovelace@example.com", "lovelace", "harbour at dusk", DIGEST.hex())
ROOMS = (consent, registry, lookup)


@pytest.fixture
def ada(db: None) -> User:
    """With a key, two works, a place of a work, a place that stands for itself, and somebody who asked."""
    user = person("ada.lovelace@example.com")
    organization = personal_organization(user=user)
    Organization.objects.filter(pk=organization.pk).update(name="Studio Lovelace")
    declarant = default_declarant(organization=organization)
    Declarant.objects.filter(pk=declarant.pk).update(name="Ada Lovelace")
    issue_key(organization=organization, name="Lovelace's plugin")
    for digest, preset in ((DIGEST, "no-ai"), (b"\x18" * 32, "licence-first")):
        work = fingerprinted_work(declarant, {"sha256": digest})
        Work.objects.filter(pk=work.pk).update(title="Harbour at dusk")
        terms = "https://lovelace.example/terms" if preset == "licence-first" else ""
        declare(declarant=declarant, subject=work, preferences=PRESETS[preset], terms_url=terms)
        register_locators(declarant=declarant, targets=[(KeyKind.URL, f"{URL}?{preset}")], work=work)
    reserve_place(declarant, "lovelace.example", kind=KeyKind.DOMAIN, level=Assurance.L3)
    return user


def statements() -> list[Statement]:
    return list(Statement.objects.order_by("pk"))


def ask(user: User, kind: ErasureRequest.Kind, *, days_ago: int = 7) -> ErasureRequest:
    erasure = accounts.ask_for_erasure(user=user, kind=kind, by=SYSTEM)
    ErasureRequest.objects.filter(pk=erasure.pk).update(due_at=Now() + accounts.GRACE - days(days_ago))
    erasure.refresh_from_db()
    return erasure


def days(number: int) -> Any:
    return accounts.GRACE / 7 * number


def run_all() -> None:
    """What beat and the other processes do in some minutes."""
    accounts.begin()
    for _ in range(4):
        for room in ROOMS:
            room.erase()
        settle()
    accounts.finish()


def columns() -> Iterator[tuple[str, str]]:
    """Every column of every table that can hold text, or what text is made of."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'ARRAY', 'bytea')"
        )
        yield from cursor.fetchall()


def where_it_stands(text: str) -> set[str]:
    found = set()
    with connection.cursor() as cursor:
        for table, column in columns():
            kept = f'"{column}"::text'
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE lower({kept}) LIKE %s', [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.add(f"{table}.{column}")
    return found


def test_what_is_personal_stands_in_many_places_before(ada: User) -> None:
    assert {table.partition("_")[0] for text in PERSONAL for table in where_it_stands(text)} >= {
        *("accounts", "account", "registry", "ledger", "consent"),
    }


def test_after_withdrawing_everything_nothing_personal_is_left_in_any_table(
    ada: User, mailoutbox: list[EmailMessage]
) -> None:
    browser = signed_in(ada)
    session = browser.session
    session["login_code"] = {"email": ada.email}
    session.save()
    Client().post("/accounts/login/code/", {"email": ada.email})
    ask(ada, Kind.WITHDRAW)
    run_all()
    assert {text: where_it_stands(text) for text in PERSONAL} == {text: set() for text in PERSONAL}
    assert not User.objects.exists()
    assert not Membership.objects.exists()
    assert not Fingerprint.objects.exists()
    assert not Looks.objects.exists()
    assert not [s for s in Session.objects.all() if "lovelace" in str(s.get_decoded())]
    assert mailoutbox[-1].to == ["ada.lovelace@example.com"]
    assert mailoutbox[-1].subject == "Your Holdout account is deleted"
    assert "withdrawn and erased" in str(mailoutbox[-1].body)


def test_after_withdrawing_lookups_say_unknown_and_the_looks_are_gone(ada: User) -> None:
    asked = [Query(url=f"{URL}?no-ai"), Query(sha256=DIGEST), Query(url="https://lovelace.example/x.png")]
    assert {v.uses[UsageCategory.TRAIN_GEN] for v in answer(asked)} == {Outcome.DENY}
    ask(ada, Kind.WITHDRAW)
    run_all()
    assert {v.uses[UsageCategory.TRAIN_GEN] for v in answer(asked)} == {Outcome.UNKNOWN}
    said = Standing.objects.values_list("standing", "reason")
    assert list(said) == [("gone", "erased")] * 2
    assert LogEntry.objects.filter(entry_type="standing").count() == 2


def test_after_withdrawing_an_index_from_scratch_says_the_same(ada: User) -> None:
    ask(ada, Kind.WITHDRAW)
    run_all()
    for path in index_folder().iterdir():
        path.unlink()
    settle()
    (verdict,) = answer([Query(url=f"{URL}?no-ai")])
    assert verdict.uses[UsageCategory.TRAIN_GEN] is Outcome.UNKNOWN


@pytest.mark.parametrize("kind", Kind)
def test_what_was_permitted_ends_also_where_the_reservations_stay(
    ada: User, vera: Organization, kind: ErasureRequest.Kind
) -> None:
    declarant = default_declarant(organization=personal_organization(user=ada))
    now = datetime.now(UTC)
    grant = give_grant(
        declarant=declarant,
        grantee=vera,
        uses=[UsageCategory.TRAIN_GEN],
        expires_at=now + accounts.GRACE,
        now=now,
    )
    settle()
    ask(ada, kind)
    run_all()
    assert Revocation.objects.get().grant == grant
    batch = batch_of([Query(url="https://lovelace.example/x.png")])
    (verdict,) = verdicts_of(batch, look_up(batch, vendor=vera.public_id))
    kept = kind is Kind.KEEP
    assert verdict.uses[UsageCategory.TRAIN_GEN] is (Outcome.DENY if kept else Outcome.UNKNOWN)
    assert Opening.objects.filter(record_id=grant.public_id).exists() is kept
    assert Opening.objects.filter(record_id__startswith="rvk_").exists() is kept


def test_kept_reservations_stand_without_a_name_and_their_receipts_verify(
    ada: User, mailoutbox: list[EmailMessage]
) -> None:
    receipts = [receipt(statement.public_id) for statement in statements()]
    before = statements()
    ask(ada, Kind.KEEP)
    run_all()
    for text in ("ada.lovelace", "studio lovelace", "ada lovelace", "lovelace's", "harbour at dusk"):
        assert where_it_stands(text) == set(), text
    assert statements() == before
    for old, statement in zip(receipts, before, strict=True):
        verify_opening(old)
        assert receipt(statement.public_id) == old
    (verdict,) = answer([Query(sha256=DIGEST)])
    assert verdict.uses[UsageCategory.TRAIN_GEN] is Outcome.DENY
    assert not Standing.objects.exists()
    assert "stays in force, without your name" in str(mailoutbox[-1].body)


def test_receipts_of_what_was_erased_still_verify_in_the_hands_of_those_who_kept_them(ada: User) -> None:
    kept = [receipt(statement.public_id) for statement in statements()]
    ask(ada, Kind.WITHDRAW)
    run_all()
    assert not Opening.objects.exists()
    for old in kept:
        verify_opening(old)
        assert LogEntry.objects.get(index=old["entry"]["index"]).leaf_hash.hex() == old["entry"]["leaf_hash"]


def test_a_file_that_somebody_else_registered_keeps_its_looks(ada: User, bob: Declarant) -> None:
    theirs = fingerprinted_work(bob, {"sha256": DIGEST})
    declare(declarant=bob, subject=theirs, preferences=NO_AI)
    settle()
    ask(ada, Kind.WITHDRAW)
    run_all()
    assert Standing.objects.count() == 1
    assert Asset.objects.get(work=theirs).fingerprints.exists()
    (verdict,) = answer([Query(sha256=DIGEST)])
    assert verdict.uses[UsageCategory.TRAIN_GEN] is Outcome.DENY


def test_fingerprints_stay_until_the_read_index_has_heard(ada: User) -> None:
    ask(ada, Kind.WITHDRAW)
    accounts.begin()
    consent.erase()  # withdrawn, and waiting for the log
    for room in ROOMS:
        room.erase()
    sequence_pending()  # in the log, and not in the index
    for room in ROOMS:
        room.erase()
    assert ErasureRequest.objects.get().done == []
    assert Opening.objects.exists()
    settle()
    consent.erase()
    registry.erase()
    assert ErasureRequest.objects.get().done == ["consent"]
    assert Fingerprint.objects.exists()
    run_all()
    assert ErasureRequest.objects.get().state == State.DONE


@pytest.mark.parametrize("kind", Kind)
def test_doing_it_twice_changes_nothing(ada: User, kind: ErasureRequest.Kind) -> None:
    ask(ada, kind)
    run_all()
    done = ErasureRequest.objects.get()
    head = LogEntry.objects.count()
    ErasureRequest.objects.update(done=[], state=State.RUNNING)
    run_all()
    assert LogEntry.objects.count() == head
    assert (done.state, done.done, done.user) == (State.DONE, ["consent", "registry", "lookup"], None)


def test_one_room_that_stopped_halfway_takes_it_up_again(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(ada, Kind.WITHDRAW)
    real = registry._forget_places

    def dies(_places: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(registry, "_forget_places", dies)
    with pytest.raises(RuntimeError):
        run_all()
    assert accounts.finish() == 0
    assert User.objects.exists()
    monkeypatch.setattr(registry, "_forget_places", real)
    run_all()
    assert not User.objects.exists()


def test_nothing_begins_before_the_week_is_over(ada: User) -> None:
    ask(ada, Kind.WITHDRAW, days_ago=6)
    run_all()
    assert User.objects.get().is_active
    assert len(statements()) == 3
    assert where_it_stands("harbour at dusk")


def test_what_was_called_off_is_not_done(ada: User) -> None:
    ask(ada, Kind.WITHDRAW)
    accounts.keep_account(user=ada, by=SYSTEM)
    run_all()
    assert User.objects.get().is_active
    assert len(statements()) == 3
    with pytest.raises(Conflict):
        accounts.keep_account(user=ada, by=SYSTEM)


def test_what_has_begun_cannot_be_called_off(ada: User) -> None:
    ask(ada, Kind.KEEP)
    assert accounts.begin() == 1
    with pytest.raises(Conflict) as refused:
        accounts.keep_account(user=ada, by=SYSTEM)
    assert refused.value.code == "erasure_not_waiting"
    assert not User.objects.get().is_active


def test_staff_are_not_deleted(ada: User) -> None:
    ask(ada, Kind.KEEP)
    make_staff(email=ada.email, by=SYSTEM)
    run_all()
    assert User.objects.get().is_active
    ErasureRequest.objects.all().delete()
    with pytest.raises(NotPermitted) as refused:
        accounts.ask_for_erasure(user=ada, kind=Kind.KEEP, by=SYSTEM)
    assert refused.value.code == "staff_not_erasable"
    assert not ErasureRequest.objects.exists()


def test_what_an_organisation_of_several_people_declared_is_theirs(ada: User) -> None:
    Membership.objects.create(organization=personal_organization(user=ada), user=person("eve@example.com"))
    ask(ada, Kind.WITHDRAW)
    run_all()
    assert len(statements()) == 3
    assert Work.objects.filter(title="Harbour at dusk").count() == 2
    assert User.objects.get().email == "eve@example.com"
    assert ApiKey.objects.get().revoked_at is None


def test_who_asked_is_forgotten_with_the_person_who_could_see_it(ada: User, vera: Organization) -> None:
    bits = [UUID(bytes=id_bits(statement.public_id)) for statement in statements()]
    HitCount.objects.create(statement=bits[0], organization=vera, day="2026-01-01", rows=3)
    HitCount.objects.create(statement=UUID(int=7), organization=vera, day="2026-01-01", rows=3)
    written = {"message": "May we?", "reply_to": "vera@example.com"}
    Inquiry.objects.create(organization=vera, statement=statements()[0], **written)
    mute(organization=personal_organization(user=ada), vendor=vera, muted=True)
    ask(ada, Kind.KEEP)
    run_all()
    assert HitCount.objects.get().statement == UUID(int=7)
    assert not Inquiry.objects.exists()
    assert not Mute.objects.exists()


def test_every_step_leaves_an_audit_event_without_anything_personal(ada: User) -> None:
    ask(ada, Kind.WITHDRAW)
    run_all()
    events = AuditEvent.objects.filter(what__contains=":account:").order_by("pk")
    steps = ["system:account:deletion_asked", "system:account:deletion_begun", "system:account:deleted"]
    assert [event.what for event in events] == steps
    assert all(set(event.details) == {"request", "kind"} for event in events)


def test_a_mail_server_that_is_away_delays_the_end_by_a_day_at_most(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(ada, Kind.KEEP)

    def away(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(accounts, "send_mail", away)
    run_all()
    assert User.objects.exists()
    ErasureRequest.objects.update(due_at=Now() - days(2))
    run_all()
    assert not User.objects.exists()


def test_of_a_statement_the_database_lets_only_the_address_of_the_terms_go(ada: User) -> None:
    one = Statement.objects.exclude(terms_url="").get()
    for change in (
        {"terms_url": "https://evil.example/"},
        {"terms_url": "", "tdm": "allow"},
        {"tdm": "allow"},
    ):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            Statement.objects.filter(pk=one.pk).update(**change)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        one.delete()


@pytest.mark.parametrize("kind", Kind)
def test_what_was_to_be_said_later_is_not_said_for_who_has_gone(ada: User, kind: ErasureRequest.Kind) -> None:
    day = datetime.now(UTC) + timedelta(days=1)
    organization = personal_organization(user=ada)
    say_of_all(organization=organization, preferences=PRESETS["research-ok"], terms_url="", starts_at=day)
    ask(ada, kind)
    run_all()
    assert fulfil_intentions(now=day) == 0
    assert not Intention.objects.exists()
    assert not Statement.objects.filter(tdm="allow").exists()
