"""A vendor writes to who declared something; whether that is read, nobody tells it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import Organization, User
from accounts.services import accept_inquiries, issue_key, personal_organization
from consent.models import Statement
from consent.services import withdraw
from holdout.vocabulary import PRESETS, Preferences
from lookup import inquiries
from lookup.hits import roll_up
from lookup.inquiries import deliver, mute, sweep
from lookup.models import Inquiry
from registry.services import default_declarant
from tests.factories import NO_AI, reserve_place, settle
from tests.web.conftest import person

pytestmark = pytest.mark.django_db
URL = "https://ann.example/x.jpg"
LICENCE = PRESETS["licence-first"]
MESSAGE = "May we train on this?\nYours, Vera"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def ann() -> User:
    return person("ann@example.com")


@pytest.fixture
def anns(ann: User) -> Organization:
    return personal_organization(user=ann)


@pytest.fixture
def vendor(vera_key: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {vera_key}"}, raise_request_exception=False)


def told(anns: Organization, vendor: Client, says: Preferences = LICENCE, url: str = URL) -> Statement:
    """A statement of Ann's that the vendor was told of."""
    said = reserve_place(default_declarant(organization=anns), url, preferences=says)
    vendor.post("/v1/lookups", url, content_type="text/plain")
    return said


def write(vendor: Client, statement: str, **other: object) -> Any:
    body = {"statement": statement, "message": MESSAGE, "reply_to": "licences@vera.example"} | other
    return vendor.post("/v1/contacts", body, content_type="application/json")


def refused(answered: Any) -> tuple[int, str]:
    return answered.status_code, answered.json()["code"]


@pytest.mark.parametrize("counted", [False, True])
def test_a_message_reaches_the_declarant_and_tells_the_vendor_nothing(
    vendor: Client, anns: Organization, mailoutbox: list[EmailMessage], settings: Any, counted: bool
) -> None:
    settings.HOLDOUT_PUBLIC_URL = "https://registry.example"
    said = told(anns, vendor)
    if counted:
        roll_up()
    answered = write(vendor, said.public_id)
    inquiry = Inquiry.objects.get()
    assert (answered.status_code, answered.json()) == (202, {"id": inquiry.public_id})
    assert not mailoutbox
    assert (deliver(now=now()), deliver(now=now())) == (1, 0)
    (mail,) = mailoutbox
    assert (mail.to, mail.reply_to) == (["ann@example.com"], ["licences@vera.example"])
    assert mail.content_subtype == "plain"
    text = str(mail.body)
    assert all(
        part in text for part in ("Vera", MESSAGE, said.public_id, "https://registry.example/inquiries/")
    )


@pytest.mark.parametrize(
    ("says", "accepted", "arrives"),
    [
        (LICENCE, None, True),
        (NO_AI, None, False),
        (NO_AI, True, True),
        (LICENCE, False, False),
    ],
)
def test_what_is_not_wanted_is_stored_and_not_sent(
    vendor: Client,
    anns: Organization,
    mailoutbox: list[EmailMessage],
    says: Preferences,
    accepted: bool | None,
    arrives: bool,
) -> None:
    accept_inquiries(organization=anns, accepted=accepted)
    assert write(vendor, told(anns, vendor, says).public_id).status_code == 202
    assert (deliver(now=now()), len(mailoutbox)) == (arrives, arrives)
    assert Inquiry.objects.get().state == ("sent" if arrives else "withheld")


def test_who_is_muted_is_answered_alike_and_read_no_more(
    vendor: Client, anns: Organization, vera: Organization, mailoutbox: list[EmailMessage]
) -> None:
    mute(organization=anns, vendor=vera, muted=True)
    assert write(vendor, told(anns, vendor).public_id).status_code == 202
    assert (deliver(now=now()), mailoutbox) == (0, [])
    mute(organization=anns, vendor=vera, muted=False)
    assert deliver(now=now()) == 0  # what was withheld stays so


def test_after_a_withdrawal_nobody_is_asked(vendor: Client, anns: Organization) -> None:
    said = told(anns, vendor)
    withdraw(statement=said)
    settle()
    assert write(vendor, said.public_id).status_code == 202
    assert deliver(now=now()) == 0


def test_what_one_was_not_told_of_is_not_found(vendor: Client, anns: Organization) -> None:
    other = reserve_place(default_declarant(organization=anns), URL, preferences=LICENCE)
    wanda = Organization.objects.create(name="Wanda", side=Organization.Side.VENDOR)
    key = issue_key(organization=wanda, name="test")[1]
    stranger = Client(headers={"Authorization": f"Bearer {key}"})
    said = told(anns, vendor, url="https://ann.example/y.jpg")
    for client, name in (
        (vendor, other.public_id),
        (stranger, said.public_id),
        (vendor, "stm_" + "a" * 26),
        (vendor, "stm_" + "2" * 26),  # looks like an id, and is none
        (vendor, anns.public_id),
        (vendor, "\0"),
    ):
        assert refused(write(client, name)) == (404, "statement_unknown")
    assert not Inquiry.objects.exists()


def test_a_statement_whose_declarant_is_gone_is_not_found(
    vendor: Client, anns: Organization, ann: User
) -> None:
    said = told(anns, vendor)
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert refused(write(vendor, said.public_id)) == (404, "statement_unknown")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"message": ""}, "message_malformed"),
        ({"message": " \n "}, "message_malformed"),
        ({"message": "a" * 4_001}, "message_malformed"),
        ({"message": "a\u202eb"}, "message_malformed"),
        ({"message": "a\r\nb"}, "message_malformed"),
        ({"message": "a\0b"}, "message_malformed"),
        ({"reply_to": "vera"}, "reply_to_malformed"),
        ({"reply_to": "v@example.com\nBcc: x@example.com"}, "reply_to_malformed"),
        ({"message": None}, "body_malformed"),
        ({"subject": "Hi"}, "body_malformed"),
    ],
)
def test_what_is_no_message_is_refused(
    vendor: Client, anns: Organization, wrong: dict[str, object], code: str
) -> None:
    said = told(anns, vendor)
    assert refused(write(vendor, said.public_id, **wrong)) == (422, code)
    assert not Inquiry.objects.exists()


def test_one_about_a_statement_in_seven_days(vendor: Client, anns: Organization) -> None:
    said = told(anns, vendor)
    assert write(vendor, said.public_id).status_code == 202
    assert refused(write(vendor, said.public_id)) == (429, "inquiry_limit")
    Inquiry.objects.update(created_at=now() - timedelta(days=7, seconds=1))
    assert write(vendor, said.public_id).status_code == 202


def test_so_many_in_a_day_sent_or_not(
    vendor: Client, anns: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiries, "A_DAY", 1)
    accept_inquiries(organization=anns, accepted=False)
    assert write(vendor, told(anns, vendor).public_id).status_code == 202
    deliver(now=now())
    other = told(anns, vendor, url="https://ann.example/y.jpg")
    assert refused(write(vendor, other.public_id)) == (429, "inquiry_limit")


def test_a_mail_server_that_is_away_delays_it_for_two_days_at_most(
    vendor: Client, anns: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OSError

    write(vendor, told(anns, vendor).public_id)
    monkeypatch.setattr(EmailMessage, "send", away)
    assert deliver(now=now()) == 0
    assert Inquiry.objects.get().state == "waiting"
    assert deliver(now=now() + timedelta(days=2)) == 0
    assert Inquiry.objects.get().state == "withheld"


def test_after_a_year_it_is_gone(vendor: Client, anns: Organization) -> None:
    write(vendor, told(anns, vendor).public_id)
    assert sweep(now=now() + timedelta(days=364)) == 0
    assert sweep(now=now() + timedelta(days=366)) == 1


def test_it_takes_a_vendors_key(anns: Organization) -> None:
    key = issue_key(organization=anns, name="test")[1]
    client = Client(headers={"Authorization": f"Bearer {key}"})
    assert refused(write(client, "stm_" + "a" * 26)) == (403, "vendor_key_needed")
