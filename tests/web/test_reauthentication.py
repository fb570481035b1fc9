"""What cannot be undone needs a recent proof of who is there: a second factor or a mailed code."""

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import User
from consent.models import Statement
from registry.models import Work
from tests.web.conftest import signed_in
from tests.web.test_second_factor import code_now, set_up, stop_the_clock
from tests.web.test_signing_in import code_in
from web.reauthentication import RECENT_SECONDS

pytestmark = pytest.mark.django_db

LONG_AGO = RECENT_SECONDS + 1


@pytest.fixture
def page(work: Work) -> str:
    return f"/works/{work.public_id}/withdraw"


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_signed_in_long_ago_is_asked_again_before_withdrawing(ann: User, page: str, method: str) -> None:
    asked = getattr(signed_in(ann, seconds_ago=LONG_AGO), method)(page)
    assert (asked.status_code, asked.headers["Location"]) == (302, f"/accounts/confirm/?next={page}")
    assert Statement.objects.count() == 1


def test_who_has_just_signed_in_is_not_asked(ann: User, page: str) -> None:
    assert signed_in(ann, seconds_ago=RECENT_SECONDS - 60).post(page).status_code == 302
    assert Statement.objects.count() == 2


def test_who_has_just_signed_up_is_not_asked(client: Client, mailoutbox: list[EmailMessage]) -> None:
    client.post("/accounts/signup/", {"email": "new@example.com"})
    client.post("/accounts/confirm-email/", {"code": code_in(mailoutbox[-1])})
    (proof,) = client.session["account_authentication_methods"]
    assert proof["method"] == "code"


def test_a_proof_of_somebody_else_in_the_same_session_counts_for_nothing(ann: User, page: str) -> None:
    browser = signed_in(ann)
    session = browser.session
    session["account_authentication_methods_user"] = "0"
    session.save()
    assert browser.post(page).headers["Location"].startswith("/accounts/confirm/")


def test_a_mailed_code_leads_back_to_the_question(
    ann: User, page: str, mailoutbox: list[EmailMessage]
) -> None:
    browser = signed_in(ann, seconds_ago=LONG_AGO)
    confirm = browser.get(page).headers["Location"]
    assert "We send a code to ann@example.com" in browser.get(confirm).content.decode()
    assert not mailoutbox  # looking sends nothing
    sent = browser.post(confirm, {"action": "send", "next": page}, follow=True)
    assert sent.redirect_chain == [(confirm, 302)]
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == ([ann.email], "Your code to confirm that it is you")
    answer = browser.post(confirm, {"code": code_in(mail).lower(), "next": page})
    assert (answer.status_code, answer.headers["Location"]) == (302, page)
    assert "Withdraw what you said?" in browser.get(page).content.decode()


def test_three_wrong_codes_end_it(ann: User, page: str, mailoutbox: list[EmailMessage]) -> None:
    browser = signed_in(ann, seconds_ago=LONG_AGO)
    browser.post("/accounts/confirm/", {"action": "send"})
    for _ in range(3):
        browser.post("/accounts/confirm/", {"code": "WRNG-WRNG"})
    browser.post("/accounts/confirm/", {"code": code_in(mailoutbox[-1])})
    assert browser.get(page).status_code == 302


def test_a_code_serves_once(ann: User, page: str, mailoutbox: list[EmailMessage]) -> None:
    browser = signed_in(ann, seconds_ago=LONG_AGO)
    browser.post("/accounts/confirm/", {"action": "send"})
    code = code_in(mailoutbox[-1])
    assert browser.post("/accounts/confirm/", {"code": code}).status_code == 302
    again = browser.post("/accounts/confirm/", {"code": code})
    assert "Send me a code" in again.content.decode()


def test_an_old_code_serves_no_more(
    ann: User, page: str, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = signed_in(ann, seconds_ago=LONG_AGO)
    browser.post("/accounts/confirm/", {"action": "send"})
    session = browser.session
    session["reauthentication_code"]["at"] -= 15 * 60 + 1
    session.save()
    answer = browser.post("/accounts/confirm/", {"code": code_in(mailoutbox[-1])})
    assert "Send me a code" in answer.content.decode()
    assert browser.get(page).status_code == 302


def test_nobody_is_flooded_with_codes(ann: User, mailoutbox: list[EmailMessage]) -> None:
    browser = signed_in(ann, seconds_ago=LONG_AGO)
    for _ in range(10):
        last = browser.post("/accounts/confirm/", {"action": "send"}, follow=True)
    assert len(mailoutbox) == 3
    assert "Too many codes" in last.content.decode()


def test_the_way_back_leads_nowhere_else(ann: User, mailoutbox: list[EmailMessage]) -> None:
    browser = signed_in(ann, seconds_ago=LONG_AGO)
    elsewhere = "https://evil.example/"
    browser.post("/accounts/confirm/", {"action": "send", "next": elsewhere})
    answer = browser.post("/accounts/confirm/", {"code": code_in(mailoutbox[-1]), "next": elsewhere})
    assert answer.headers["Location"] == "/"


def test_with_a_second_factor_a_mailed_code_is_not_enough(
    ann: User, page: str, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[EmailMessage]
) -> None:
    stop_the_clock(monkeypatch)
    browser = signed_in(ann)
    secret = set_up(browser)
    assert browser.get(page).headers["Location"] == f"/accounts/2fa/confirm/?next={page}"
    assert browser.post("/accounts/confirm/", {"action": "send"}).status_code == 302
    assert not mailoutbox
    done = browser.post(f"/accounts/2fa/confirm/?next={page}", {"code": code_now(secret), "next": page})
    assert done.headers["Location"] == page
    assert browser.get(page).status_code == 200


def test_who_has_only_a_passkey_is_asked_for_that_first(ann: User, page: str) -> None:
    for kind in ("webauthn", "recovery_codes"):
        Authenticator.objects.create(user=ann, type=kind, data={"name": "Phone"})
    cache.clear()
    asked = signed_in(ann).get(page)
    assert asked.headers["Location"] == f"/accounts/2fa/passkeys/confirm/?next={page}"


def test_strangers_are_sent_to_sign_in(client: Client) -> None:
    assert client.get("/accounts/confirm/").headers["Location"].startswith("/accounts/login/code/")
