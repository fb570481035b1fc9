"""Nobody gets to any page of the staff area but staff who proved a second factor in this session."""

import re
from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.contrib import admin
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import URLPattern, URLResolver

from accounts.audit import SHELL
from accounts.models import AuditEvent, User
from accounts.services import dismiss_staff
from tests.staff.conftest import browser_of
from tests.web.conftest import person
from tests.web.test_second_factor import code_now, stop_the_clock
from tests.web.test_signing_in import code_in

pytestmark = pytest.mark.django_db


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        part = str(pattern.pattern)
        part = {"(?P<url>.*)$": "anything"}.get(part, re.sub(r"<[^>]+>", "1", part))
        part = re.sub(r"^\^\(\?P1\(?(\w+).*", r"\1/", part)  # the one regular expression: an app's index
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, prefix + part)
        else:
            yield prefix + part


EVERY_PAGE = sorted({f"/staff/{address}" for address in addresses(admin.site.get_urls())})


def test_the_walk_meets_every_kind_of_page() -> None:
    assert len(EVERY_PAGE) > 50
    assert {"/staff/", "/staff/accounts/", "/staff/jsi18n/", "/staff/anything"} <= set(EVERY_PAGE)
    assert "/staff/accounts/user/1/change/" in EVERY_PAGE
    assert not [page for page in EVERY_PAGE if "login" in page or "password" in page]


@pytest.mark.parametrize("send", ["get", "post"])
def test_a_stranger_is_asked_to_sign_in(send: str) -> None:
    for page in EVERY_PAGE:
        answer = getattr(Client(), send)(page)
        assert answer.status_code == 302
        assert answer.headers["Location"] == f"/accounts/login/code/?next={page}"


@pytest.mark.parametrize("send", ["get", "post"])
def test_for_everybody_else_there_is_nothing_here(send: str) -> None:
    ann = browser_of(person("ann@example.com"), method="mfa", type="totp")
    assert {getattr(ann, send)(page).status_code for page in EVERY_PAGE} == {404}


@pytest.mark.parametrize("send", ["get", "post"])
def test_staff_without_a_second_factor_must_set_one_up(sam: User, send: str) -> None:
    browser = browser_of(sam, method="code")
    answers = [getattr(browser, send)(page) for page in EVERY_PAGE]
    assert {answer.headers["Location"] for answer in answers} == {"/accounts/2fa/app/activate/"}
    assert "Set it up first" in browser.get("/accounts/2fa/app/activate/").content.decode()


@pytest.mark.parametrize(
    ("method", "proof", "hours_ago"),
    [("", {}, 0), ("code", {}, 0), ("demo", {}, 0), ("mfa", {"type": "totp"}, 12.1)],
)
def test_staff_who_did_not_prove_it_in_this_session_or_long_ago_must_do_so(
    sam: User, secret: str, method: str, proof: dict[str, str], hours_ago: float
) -> None:
    browser = browser_of(sam, method=method, hours_ago=hours_ago, **proof)
    for page in EVERY_PAGE:
        assert browser.get(page).headers["Location"] == f"/accounts/2fa/confirm/?next={page}"
    assert not AuditEvent.objects.filter(what="staff:session:entered").exists()


def test_a_proof_ends_with_the_factor_that_gave_it(desk: Client) -> None:
    assert desk.get("/staff/").status_code == 200
    Authenticator.objects.all().delete()
    assert desk.get("/staff/").headers["Location"] == "/accounts/2fa/app/activate/"


def test_staff_who_are_dismissed_are_out_at_once(desk: Client, sam: User) -> None:
    assert desk.get("/staff/").status_code == 200
    dismiss_staff(user=sam, by=SHELL)
    assert desk.get("/staff/").status_code == 404


def test_from_the_code_in_the_mail_through_the_app_into_the_area(
    client: Client,
    sam: User,
    secret: str,
    mailoutbox: list[EmailMessage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop_the_clock(monkeypatch)
    client.post("/accounts/login/code/?next=/staff/", {"email": sam.email})
    code = {"code": code_in(mailoutbox[0]), "next": "/staff/"}
    second = client.post("/accounts/login/code/confirm/", code)
    assert second.headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert client.get("/staff/").status_code == 302
    done = client.post(second.headers["Location"], {"code": code_now(secret)}, follow=True)
    assert done.redirect_chain[-1][0] == "/staff/"
    assert "Staff area" in done.content.decode()


def test_entering_leaves_one_audit_event_however_many_pages_are_read(desk: Client, sam: User) -> None:
    for page in ("/staff/", "/staff/accounts/user/", "/staff/consent/statement/"):
        desk.get(page, headers={"X-Request-ID": "0123456789abcdef"})
    (event,) = AuditEvent.objects.filter(what="staff:session:entered")
    assert (event.actor, event.object_id, event.details) == (sam.pk, str(sam), {"method": "totp"})
    assert (event.network, event.request_id) == ("127.0.0.0/24", "0123456789abcdef")


def test_the_demonstration_s_click_counts_only_where_there_is_a_demonstration(
    sam: User, settings: LazySettings
) -> None:
    browser = browser_of(sam, method="demo")
    assert browser.get("/staff/").status_code == 302
    settings.HOLDOUT_DEMO = True
    assert browser.get("/staff/").status_code == 200
    assert AuditEvent.objects.get(what="staff:session:entered").details == {"method": "demo"}
