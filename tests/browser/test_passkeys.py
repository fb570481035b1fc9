"""A passkey from its making to its end, with the authenticator that Chromium plays for tests."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from accounts.models import AuditEvent, User
from tests.browser.conftest import Visitor
from tests.web.conftest import signed_in

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=[(390, False, "en"), (1280, True, "en")], ids=["phone", "desk"])
def visitor(request: pytest.FixtureRequest, chromium: Browser, live_server: Any) -> Iterator[Visitor]:
    width, dark, language = request.param
    somebody = Visitor(chromium, live_server.url, width=width, dark=dark, language=language)
    yield somebody
    somebody.context.close()
    assert somebody.complaints == []


def device(visitor: Visitor) -> tuple[Any, str]:
    """A telephone with a fingerprint reader, in the hand of the person who looks at the page."""
    cdp = visitor.context.new_cdp_session(visitor.page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return cdp, cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]


def add_a_passkey(visitor: Visitor, name: str) -> None:
    visitor.look("/accounts/2fa/passkeys/add/", "passkey-add")
    visitor.page.get_by_label("Name").fill(name)
    visitor.press("#add_passkey")
    visitor.page.wait_for_url("**/accounts/2fa/passkeys/confirm/**")
    visitor.look_here("passkey-confirm")
    visitor.press("#confirm_passkey")
    visitor.page.wait_for_url("**/accounts/2fa/codes/")


def test_a_passkey_is_added_and_signs_in_by_itself(visitor: Visitor, ann: User) -> None:
    page = visitor.page
    device(visitor)
    visitor.sign_in(ann)
    add_a_passkey(visitor, "Ann's telephone")
    visitor.look("/accounts/2fa/", "security-passkey")
    visitor.look("/accounts/2fa/passkeys/", "passkeys")
    expect(page.get_by_role("heading", name="Ann's telephone")).to_be_visible()
    page.goto("/accounts/logout/")
    visitor.press("main form button")
    page.goto("/accounts/login/code/?next=/works/new")
    visitor.look_here("sign-in-passkey")
    visitor.press("#sign_in_by_passkey")
    page.wait_for_url("**/works/new")

    page.goto("/accounts/2fa/passkeys/")
    visitor.press("text=Rename")
    visitor.press("#confirm_passkey")  # signing in is one thing, changing the locks another
    visitor.look_here("passkey-rename")
    page.get_by_label("Name").fill("Old telephone")
    visitor.press("main form button")
    expect(page.get_by_role("heading", name="Old telephone")).to_be_visible()
    visitor.press("text=Remove …")
    visitor.look_here("passkey-remove")
    visitor.press("main form .danger")
    expect(page.get_by_text("You have no passkey.")).to_be_visible()
    changes = AuditEvent.objects.filter(what__startswith="person:second_factor").order_by("pk")
    assert [(e.what.rpartition(":")[2], e.details["kind"]) for e in changes] == [
        ("added", "webauthn"),
        ("added", "recovery_codes"),
        ("renamed", "webauthn"),
        ("removed", "webauthn"),
        ("removed", "recovery_codes"),
    ]


def test_after_the_mailed_code_the_passkey_is_the_second_step(visitor: Visitor, ann: User) -> None:
    device(visitor)
    visitor.sign_in(ann)
    add_a_passkey(visitor, "Ann's telephone")
    visitor.context.clear_cookies()
    visitor.page.goto("/accounts/login/code/")
    visitor.sign_in_by_mail(ann.email)
    visitor.page.wait_for_url("**/accounts/2fa/authenticate/")
    visitor.look_here("second-step-passkey")
    visitor.press("#passkey")
    visitor.page.wait_for_url("**/overview/")


def test_a_cancelled_question_is_said_on_the_page(visitor: Visitor, ann: User) -> None:
    cdp, authenticator = device(visitor)
    cdp.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    visitor.sign_in(ann)
    visitor.page.goto("/accounts/2fa/passkeys/add/")
    visitor.page.locator("#add_passkey").click()
    expect(visitor.page.locator("[data-passkey-trouble]")).to_be_visible()
    visitor.look_here("passkey-trouble")


def test_a_passkey_of_a_person_who_signed_in_long_ago_confirms_a_withdrawal(
    visitor: Visitor, ann: User, work: Any
) -> None:
    device(visitor)
    visitor.sign_in(ann)
    add_a_passkey(visitor, "Ann's telephone")
    visitor.context.clear_cookies()
    old = signed_in(ann, seconds_ago=3600).cookies["sessionid"].value
    visitor.context.add_cookies(
        [{"name": "sessionid", "value": old, "url": visitor.page.url.split("/accounts")[0]}]
    )
    visitor.page.goto(f"/works/{work.public_id}/withdraw")
    visitor.press("#confirm_passkey")
    visitor.page.wait_for_url(f"**/works/{work.public_id}/withdraw")
    expect(visitor.page.get_by_role("heading", name="Withdraw what you said?")).to_be_visible()
