"""The second step: an authenticator app and recovery codes; the pages, the secrets, the audit events."""

import re
from urllib.parse import quote

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import LazySettings
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import AuditEvent, User
from tests.web.test_pages import Page
from tests.web.test_signing_in import code_in

pytestmark = pytest.mark.django_db

SECRET = re.compile(r"<pre[^>]*><code>([A-Z2-7]{32})</code>")


HALF_MINUTE = 59_845_678


@pytest.fixture(autouse=True)
def half_minutes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_the_clock(monkeypatch)


def stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code must not grow old between its making and its use, however slow the machine."""
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: iter([HALF_MINUTE]))


def code_now(secret: str) -> str:
    """What the authenticator app shows while the clock is stopped, as if nobody had used it yet."""
    cache.clear()
    return str(totp.format_hotp_value(totp.hotp_value(secret, HALF_MINUTE)))


def set_up(browser: Client) -> str:
    """Go through the page; the secret that it showed."""
    found = SECRET.search(browser.get("/accounts/2fa/app/activate/").content.decode())
    assert found
    done = browser.post("/accounts/2fa/app/activate/", {"code": code_now(found[1])})
    assert done.headers["Location"] == "/accounts/2fa/codes/"
    return found[1]


def confirm(browser: Client, secret: str, page: str) -> str:
    """Prove the factor again on the way to `page`; what it shows then."""
    asked = browser.get(page)
    assert asked.headers["Location"] == f"/accounts/2fa/confirm/?next={quote(page, safe='')}"
    answer = browser.post(asked.headers["Location"], {"code": code_now(secret), "next": page}, follow=True)
    assert answer.redirect_chain[-1][0] == page
    return answer.content.decode()


def test_from_setting_up_to_recovery_codes_that_are_shown_once(browser: Client) -> None:
    secret = set_up(browser)
    shown = confirm(browser, secret, "/accounts/2fa/codes/")
    assert len(re.findall(r"^(?:.*<code>)?\d{8}$", shown, re.MULTILINE)) == 10
    again = browser.get("/accounts/2fa/codes/").content.decode()
    assert "Unused: 10 of 10" in again
    assert not re.search(r"\b\d{8}\b", again)


def test_signing_in_takes_both_steps(
    client: Client, browser: Client, ann: User, mailoutbox: list[EmailMessage]
) -> None:
    secret = set_up(browser)
    client.post("/accounts/login/code/", {"email": ann.email})
    second = client.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])})
    assert second.headers["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/works/").status_code == 302
    assert "Incorrect code" in client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode()
    done = client.post("/accounts/2fa/authenticate/", {"code": code_now(secret)})
    assert done.headers["Location"] == "/overview/"
    assert client.get("/works/").status_code == 200


def test_a_recovery_code_serves_once(browser: Client, ann: User, mailoutbox: list[EmailMessage]) -> None:
    secret = set_up(browser)
    (code, *_) = re.findall(r"\b\d{8}\b", confirm(browser, secret, "/accounts/2fa/codes/"))
    for works in (True, False):
        client = Client()
        cache.clear()
        client.post("/accounts/login/code/", {"email": ann.email})
        client.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])})
        answer = client.post("/accounts/2fa/authenticate/", {"code": code})
        assert (answer.status_code == 302) is works


def test_guessing_codes_ends_soon(
    client: Client, browser: Client, ann: User, mailoutbox: list[EmailMessage]
) -> None:
    secret = set_up(browser)
    client.post("/accounts/login/code/", {"email": ann.email})
    client.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])})
    right = code_now(secret)
    for _ in range(10):
        client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    refused = client.post("/accounts/2fa/authenticate/", {"code": right})
    assert refused.status_code == 200
    assert client.get("/works/").status_code == 302


def test_every_change_leaves_an_audit_event(browser: Client, ann: User) -> None:
    secret = set_up(browser)
    confirm(browser, secret, "/accounts/2fa/codes/new/")
    browser.post("/accounts/2fa/codes/new/")
    browser.post("/accounts/2fa/app/deactivate/")
    assert not Authenticator.objects.exists()
    events = AuditEvent.objects.order_by("pk").values_list("what", "actor", "details__kind")
    added, removed = "person:second_factor:added", "person:second_factor:removed"
    assert list(events) == [
        (added, ann.pk, "totp"),
        (added, ann.pk, "recovery_codes"),
        (added, ann.pk, "recovery_codes"),
        (removed, ann.pk, "recovery_codes"),
        (removed, ann.pk, "totp"),
        (removed, ann.pk, "recovery_codes"),
    ]


@pytest.mark.parametrize("page", ["app/deactivate/", "codes/new/", "codes/"])
def test_nothing_changes_without_a_fresh_code(browser: Client, page: str) -> None:
    set_up(browser)
    refused = browser.post(f"/accounts/2fa/{page}")
    assert refused.status_code in {302, 405}
    assert Authenticator.objects.count() == 2
    assert AuditEvent.objects.filter(what="person:second_factor:removed").count() == 0


def test_a_copy_of_the_database_holds_no_secret(browser: Client, settings: LazySettings) -> None:
    secret = set_up(browser)
    stored = Authenticator.objects.get(type="totp")
    assert secret not in str(stored.data)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 8, [settings.SECRET_KEY]
    assert stored.wrap().validate_code(code_now(secret))


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    "path", ["", "app/activate/", "authenticate/", "confirm/", "codes/", "codes/new/", "app/deactivate/"]
)
def test_every_page_keeps_the_house_rules(
    browser: Client, ann: User, mailoutbox: list[EmailMessage], path: str, language: str
) -> None:
    if path not in {"", "app/activate/"}:
        confirm(browser, set_up(browser), "/accounts/2fa/codes/")
    if path == "authenticate/":
        browser = Client()
        browser.post("/accounts/login/code/", {"email": ann.email})
        browser.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])})
    answer = browser.get(f"/accounts/2fa/{path}", headers={"Accept-Language": language})
    text = answer.content.decode()
    page = Page(text)
    assert answer.status_code == 200
    assert page.all("html") == [{"lang": language}]
    assert bool(re.search("[一-鿿]", text.replace("简体中文", ""))) == (language == "zh-hans")
    assert not page.all("script")
    assert not [
        a for _, attributes in page.elements for a in attributes if a == "style" or a.startswith("on")
    ]
    assert len(page.all("h1")) == 1
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert ("data:" in policy) is (path == "app/activate/")
