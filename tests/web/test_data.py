"""One's data: the page, the file with everything, and the way to delete the account."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.audit import SHELL
from accounts.models import AuditEvent, ErasureRequest, Organization, User
from accounts.services import issue_key, make_staff
from consent.grants import give_grant, revoke
from consent.services import declare_many
from holdout.ids import id_bits
from holdout.receipts import verify_opening
from holdout.urls import KeyKind
from holdout.vocabulary import UsageCategory
from lookup.exporting import sections
from lookup.models import HitCount
from registry.models import Work
from registry.services import default_declarant, register_locators
from tests.factories import NO_AI, fingerprinted_work, reserve_place, settle
from tests.web.conftest import person, signed_in
from tests.web.test_signing_in import code_in
from web.reauthentication import RECENT_SECONDS
from web.streaming import written

pytestmark = pytest.mark.django_db


def downloaded(browser: Client) -> dict[str, Any]:
    answer = browser.get("/account/data.json")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="holdout-data-')
    assert answer.streaming
    found: dict[str, Any] = json.loads(answer.getvalue())
    return found


def test_everything_that_is_kept_about_a_person_is_in_the_file(
    browser: Client, ann: User, anns: Organization, work: Work, vera: Organization
) -> None:
    issue_key(organization=anns, name="plugin")
    register_locators(
        declarant=work.declarant, targets=[(KeyKind.URL, "https://ann.example/a.jpg")], work=work
    )
    reserve_place(work.declarant, "ann.example", kind=KeyKind.DOMAIN)
    statement = work.statements.get()
    bits = UUID(bytes=id_bits(statement.public_id))
    HitCount.objects.create(statement=bits, organization=vera, day="2026-01-02", rows=3)
    now = datetime.now(UTC)
    grant = give_grant(
        declarant=work.declarant,
        grantee=vera,
        uses=[UsageCategory.TDM],
        expires_at=now + timedelta(days=1),
        now=now,
    )
    revoke(grant=grant)
    settle()
    found = downloaded(browser)
    assert list(found) == [
        *("format", "made_at", "account", "organisations"),
        *("works", "places", "grants", "messages", "audit_events"),
    ]
    (permitted,) = found["grants"]
    assert (permitted["id"], permitted["uses"]) == (grant.public_id, ["tdm"])
    assert permitted["to"] == {"id": vera.public_id, "name": "Vera"}
    assert permitted["revoked_at"]
    assert [receipt["entry"]["type"] for receipt in permitted["receipts"]] == ["grant", "revocation"]
    assert found["account"]["email"] == ann.email
    assert found["organisations"][0]["api_keys"][0]["name"] == "plugin"
    (entry,) = found["works"]
    assert (entry["title"], entry["id"]) == ("Harbour", work.public_id)
    assert entry["files"][0]["fingerprints"]["sha256"] == bytes(32).hex()
    assert entry["files"][0]["looks"]
    assert entry["files"][0]["proofs"][0]["level"] == "L1"
    assert entry["places"][0]["address"] == "https://ann.example/a.jpg"
    assert entry["statements"][0]["says"]["train_gen"] == "deny"
    assert entry["who_asked"] == [{"day": "2026-01-02", "organisation": "Vera", "pictures": 3}]
    (place,) = found["places"]
    assert place["address"] == "ann.example"
    for receipt in [*entry["receipts"], *place["receipts"]]:
        verify_opening(receipt)
    said = {statement.public_id, *(s["id"] for s in place["statements"])}
    assert said <= {r["record"].get("statement") for r in [*entry["receipts"], *place["receipts"]]}


def test_nothing_of_anybody_else_is_in_the_file(work: Work) -> None:
    found = json.dumps(downloaded(signed_in(person("bob@example.com"))))
    assert work.public_id not in found
    assert "ann@example.com" not in found
    assert "Harbour" not in found


def test_a_hundred_works_cost_no_more_queries_than_one(ann: User, anns: Organization) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as context:
            for _ in written(sections(ann)):
                pass
        return len(context)

    declarant = default_declarant(organization=anns)
    works = [fingerprinted_work(declarant, {"sha256": bytes([n]) * 32}) for n in range(2)]
    declare_many(declarant=declarant, subjects=works, preferences=NO_AI)
    few = queries()
    more = [fingerprinted_work(declarant, {"sha256": bytes([n]) * 32}) for n in range(2, 90)]
    declare_many(declarant=declarant, subjects=more, preferences=NO_AI)
    assert queries() == few <= 32


def test_the_file_is_written_while_it_is_read(ann: User, anns: Organization) -> None:
    """The first work comes before the last is asked for, so a block of them is in hand, not all."""
    declarant = default_declarant(organization=anns)
    for number in range(101):
        fingerprinted_work(declarant, {"sha256": number.to_bytes(32)})
    lines = written(sections(ann))
    while "wrk_" not in next(lines):
        pass
    with CaptureQueriesContext(connection) as rest:
        assert sum("wrk_" in line for line in lines) == 100
    assert any("registry_work" in query["sql"] for query in rest)


def test_the_file_of_somebody_without_anything_is_a_whole_one(browser: Client) -> None:
    assert downloaded(browser)["works"] == []


def test_the_file_needs_a_recent_proof(ann: User) -> None:
    asked = signed_in(ann, seconds_ago=RECENT_SECONDS + 1).get("/account/data.json")
    assert asked.headers["Location"] == "/accounts/confirm/?next=/account/data.json"


def ask(browser: Client, kind: str = "keep", email: str = "ann@example.com") -> str:
    return browser.post("/account/delete", {"kind": kind, "email": email}).content.decode()


@pytest.mark.parametrize("kind", ["keep", "withdraw"])
def test_asking_signs_out_everywhere_and_erases_nothing_yet(
    ann: User, work: Work, kind: str, mailoutbox: list[EmailMessage]
) -> None:
    browser, elsewhere = signed_in(ann), signed_in(ann)
    asked = ErasureRequest.objects.first
    page = ask(browser, kind, " ANN@example.com")
    waiting = asked()
    assert waiting is not None
    assert waiting.kind == kind
    assert waiting.due_at - waiting.asked_at == timedelta(days=7)
    assert f"Your account will be deleted on {waiting.due_at:%Y-%m-%d}" in page
    for client in (browser, elsewhere):
        assert client.get("/works/").headers["Location"].startswith("/accounts/login/code/")
    assert User.objects.get().is_active
    (mail,) = mailoutbox
    assert mail.subject == "Your Holdout account will be deleted"
    (event,) = AuditEvent.objects.filter(what="person:account:deletion_asked")
    assert (event.actor, event.details["kind"]) == (ann.pk, kind)


def test_signing_in_again_leads_to_the_button_that_keeps_the_account(
    ann: User, work: Work, mailoutbox: list[EmailMessage]
) -> None:
    ask(signed_in(ann))
    client = Client()
    client.post("/accounts/login/code/", {"email": ann.email})
    page = client.post(
        "/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])}, follow=True
    ).content.decode()
    assert "Your account will be deleted on" in page
    assert client.get(f"/works/{work.public_id}/").headers["Location"] == "/account/delete"
    kept = client.post("/account/keep", follow=True).content.decode()
    assert "Your account stays. Nothing was erased." in kept
    assert "Harbour" in kept
    assert ErasureRequest.objects.get().state == "cancelled"
    assert AuditEvent.objects.filter(what="person:account:deletion_called_off").exists()
    assert client.post("/account/keep").status_code == 409


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"kind": "keep"},
        {"email": "ann@example.com"},
        {"kind": "keep", "email": "bob@example.com"},
        {"kind": "everything", "email": "ann@example.com"},
    ],
)
def test_nothing_is_deleted_without_the_choice_and_the_address(browser: Client, form: dict[str, str]) -> None:
    assert browser.post("/account/delete", form).status_code == 422
    assert not ErasureRequest.objects.exists()
    assert browser.get("/works/").status_code == 200


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_signed_in_long_ago_is_asked_again_before_deleting(ann: User, method: str) -> None:
    browser = signed_in(ann, seconds_ago=RECENT_SECONDS + 1)
    asked = getattr(browser, method)("/account/delete", {"kind": "keep", "email": ann.email})
    assert asked.headers["Location"].startswith("/accounts/confirm/?next=/account/delete")
    assert not ErasureRequest.objects.exists()


def test_staff_are_refused_in_words(ann: User) -> None:
    make_staff(email=ann.email, by=SHELL)
    answer = signed_in(ann).post("/account/delete", {"kind": "keep", "email": ann.email})
    assert answer.status_code == 403
    assert "dismiss you first" in answer.content.decode()
    assert not ErasureRequest.objects.exists()


def test_who_shares_an_organisation_is_told_what_stays(browser: Client, anns: Organization) -> None:
    assert "You share an organisation" not in browser.get("/account/delete").content.decode()
    anns.memberships.create(user=person("eve@example.com"))
    assert "You share an organisation" in browser.get("/account/delete").content.decode()


def test_strangers_have_no_data_page(client: Client) -> None:
    for page in ("data", "data.json", "delete"):
        assert client.get(f"/account/{page}").status_code == 302
