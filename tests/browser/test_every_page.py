"""Every page in a real browser: it fits the window, breaks no rule of its own, and is accessible."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.test import Client
from playwright.sync_api import Browser, expect

from accounts.audit import SHELL
from accounts.models import ApiKey, AuditEvent, Membership, Organization, User
from accounts.services import list_vendor, personal_organization
from consent.models import Statement
from consent.places import add_place
from holdout.doctor import visit
from holdout.fetch import Fetched
from lookup.models import Inquiry
from registry.control import Extent
from registry.models import Declarant, Work
from tests.browser.conftest import SCREENSHOTS, Visitor, code_in
from tests.demo.test_demo_logins import demonstration  # noqa: F401 - the same one
from tests.factories import NO_AI, settle
from tests.registry.conftest import Web, records, web
from tests.staff.test_tables import fill
from tests.web.conftest import person
from tests.web.test_second_factor import code_now, set_up, stop_the_clock

__all__ = ["records", "web"]
pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db(transaction=True)]

EVERYBODY = {
    "home": "/",
    "check": "/check?url=https://example.org/a.jpg",
    "check-unreadable": "/check?url=nonsense",
    "avatar": "/avatar?url=example.org/a.jpg",
    "doctor": "/doctor",
    "doctor-examined": "/doctor?url=https://artist.example/tide.jpg",
    "kit": "/kit?preset=no-ai&site=https://artist.example/",
    "sign-up": "/accounts/signup/",
    "sign-in": "/accounts/login/code/",
    "not-found": "/nothing-here",
}
CREATOR = {
    "overview": "/overview/",
    "works": "/works/",
    "all-works": "/works/all",
    "new-import": "/imports/new",
    "new-work": "/works/new",
    "many": "/works/many",
    "work": "/works/{work}/",
    "avatar-work": "/avatar?work={work}",
    "withdraw": "/works/{work}/withdraw",
    "email": "/accounts/email/",
    "security": "/accounts/2fa/",
    "second-step-set-up": "/accounts/2fa/app/activate/",
    "passkeys": "/accounts/2fa/passkeys/",
    "passkey-add": "/accounts/2fa/passkeys/add/",
    "confirm-by-mail": "/accounts/confirm/",
    "your-data": "/account/data",
    "delete-account": "/account/delete",
    "sign-out": "/accounts/logout/",
}
SECOND_STEP = {
    "security-on": "/accounts/2fa/",
    "recovery-codes-kept": "/accounts/2fa/codes/",
    "recovery-codes-new": "/accounts/2fa/codes/new/",
    "second-step-switch-off": "/accounts/2fa/app/deactivate/",
}
STAFF = {
    "staff": "/staff/",
    "staff-room": "/staff/accounts/",
    "staff-statements": "/staff/consent/statement/",
    "staff-statement": "/staff/consent/statement/{statement}/change/",
    "staff-grants": "/staff/consent/grant/",
    "staff-revocations": "/staff/consent/revocation/",
    "staff-organisations": "/staff/accounts/organization/",
    "staff-organisation": "/staff/accounts/organization/{organization}/change/",
    "staff-people": "/staff/accounts/user/",
    "staff-person": "/staff/accounts/user/{user}/change/",
    "staff-pending-entries": "/staff/ledger/pendingentry/",
    "staff-log": "/staff/ledger/logentry/",
    "staff-audit-log": "/staff/accounts/auditevent/",
    "staff-audit-event": "/staff/accounts/auditevent/{event}/change/",
    "staff-nothing-found": "/staff/accounts/auditevent/?q=aud_nothing",
}
LOOKS = [(390, False, "en"), (1280, True, "zh-CN")]
if SCREENSHOTS:
    LOOKS = [(w, dark, lang) for w in (390, 1280) for dark in (False, True) for lang in ("en", "zh-CN")]


@pytest.fixture(params=LOOKS, ids=lambda look: "-".join(map(str, look)))
def visitor(request: pytest.FixtureRequest, chromium: Browser, live_server: Any) -> Iterator[Visitor]:
    width, dark, language = request.param
    somebody = Visitor(chromium, live_server.url, width=width, dark=dark, language=language)
    yield somebody
    somebody.context.close()
    assert somebody.complaints == []


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the codes of authenticator apps; the server runs in this process too."""
    stop_the_clock(monkeypatch)


def test_everybodys_pages(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    says = (("content-usage", "ai-train=no"), ("x-robots-tag", "noai"))
    monkeypatch.setattr(
        visit, "fetch", lambda url, **_: Fetched(url, 200, says, b"User-agent: *\nAllow: /\n")
    )
    for name, path in EVERYBODY.items():
        visitor.look(path, name)


def test_a_creators_pages(visitor: Visitor, ann: User, work: Work) -> None:
    visitor.sign_in(ann)
    for name, path in CREATOR.items():
        visitor.look(path.format(work=work.public_id), name)


def test_a_creator_permits_a_vendor_something(visitor: Visitor, ann: User, vera: Organization) -> None:
    visitor.sign_in(ann)
    visitor.look("/permissions/", "permissions-nobody-listed")
    list_vendor(organization=vera, by=SHELL)
    visitor.page.goto("/permissions/")
    visitor.press("main .actions a.button")
    visitor.look_here("new-permission")
    visitor.press("main form button.button")
    visitor.complaints.clear()  # the browser's word for 422
    visitor.look_here("new-permission-refused")
    visitor.page.locator("#id_uses_0").check()
    visitor.press("main form button.button")
    visitor.page.wait_for_url("**/permissions/")
    visitor.look_here("permissions")
    visitor.press("main .people a")
    visitor.look_here("revoke-permission")
    visitor.press("main form button.danger")
    visitor.page.wait_for_url("**/permissions/")
    visitor.look_here("permissions-before")


def test_a_creators_messages(visitor: Visitor, ann: User, work: Work, vera: Organization) -> None:
    visitor.sign_in(ann)
    visitor.look("/inquiries/", "messages-none")
    list_vendor(organization=vera, by=SHELL)
    Inquiry.objects.create(
        organization=vera,
        statement=work.statements.get(),
        message="May we train on this?\n\nYours, Vera",
        reply_to="licences@vera.example",
        state=Inquiry.State.SENT,
    )
    visitor.look("/inquiries/", "messages")
    visitor.press("form[action$=mute] button")
    visitor.look_here("messages-muted")


def test_deleting_the_account_and_keeping_it(visitor: Visitor, ann: User) -> None:
    visitor.sign_in(ann)
    visitor.page.goto("/account/delete")
    visitor.press("main form button")
    visitor.complaints.clear()  # the browser's word for 422
    visitor.look_here("delete-account-refused")
    visitor.page.locator("#id_kind_keep").check()
    visitor.page.locator("input[name=email]").fill(ann.email)
    visitor.press("main form button")
    visitor.look_here("delete-account-asked")
    visitor.page.goto("/works/")
    visitor.sign_in_by_mail(ann.email)
    visitor.page.wait_for_url("**/account/delete")
    visitor.look_here("delete-account-waits")
    visitor.press("main form button")
    visitor.page.wait_for_url("**/works/")
    User.objects.filter(pk=ann.pk).update(is_staff=True)
    visitor.page.goto("/account/delete")
    visitor.complaints.clear()  # the browser's word for 403
    visitor.look_here("delete-account-staff")


def test_a_creators_places(visitor: Visitor, ann: User, web: Web, records: dict[str, list[str]]) -> None:
    """From nothing to a proven account, by a keyboard and a mouse."""
    visitor.sign_in(ann)
    visitor.look("/places/", "places-none")
    visitor.look("/places/new", "new-place")
    visitor.page.fill("#id_address", "alice.lofter.com")
    visitor.press("main form.card button.button")
    visitor.look_here("place-claimed")
    visitor.press("form[action$=proof] button")
    visitor.look_here("place-not-found")
    code = visitor.page.locator("#prove-heading ~ pre code").first.inner_text()
    web("https://alice.lofter.com/", f'<meta name="description" content="{code}">')
    visitor.press("form[action$=proof] button")
    expect(visitor.page.locator(".message.success")).to_be_visible()
    settle()
    visitor.page.reload()
    visitor.look_here("place-proven")
    visitor.look("/p/" + code.partition("=")[2], "mark")
    add_place(
        organization=personal_organization(user=ann),
        typed="ann.example",
        extent=Extent.DOMAIN,
        preferences=NO_AI,
        terms_url="",
    )
    visitor.look("/places/", "places")
    visitor.press("text=ann.example")
    visitor.look_here("place-domain")


def test_an_organisations_pages(visitor: Visitor, ann: User) -> None:
    """Founded, somebody invited, a key made, and back to oneself."""
    visitor.sign_in(ann)
    visitor.look("/organization/", "organization-none")
    visitor.look("/handover", "handover")
    visitor.page.goto("/organization/")
    visitor.page.fill("#found_name", "Studio of the harbour, its tides and everybody who paints them")
    visitor.press("form[action$=found] button")
    visitor.page.fill("#id_email", "ben@example.com")
    visitor.press("form[action$=invitations] button")
    visitor.page.goto("/organization/keys/new")
    visitor.look_here("organization-key")
    visitor.page.fill("#id_name", "plugin")
    visitor.press("main form button")
    visitor.look_here("organization-key-made")
    studio = Organization.objects.get(shared=True)
    Membership.objects.create(organization=studio, user=person("cat@example.com"))
    visitor.look("/organization/", "organization")
    visitor.look("/organization/leave", "organization-leave")
    link = re.search(r"/join/[a-z2-7]+", str(mail.outbox[-1].body))
    assert link
    visitor.sign_in(person("ben@example.com"))
    visitor.look(link[0], "organization-join")
    visitor.press("main form button")
    visitor.page.locator(".acting summary").click()
    visitor.look_here("organization-member")


@pytest.mark.usefixtures("stopped_clock")
def test_signing_in_with_a_second_step(visitor: Visitor, ann: User, browser: Client) -> None:
    secret = set_up(browser)
    visitor.page.goto("/accounts/login/code/")
    visitor.sign_in_by_mail(ann.email)
    visitor.look_here("second-step")
    visitor.enter("000000")
    visitor.look_here("second-step-wrong")
    visitor.enter(code_now(secret))
    visitor.page.wait_for_url("**/overview/")
    visitor.page.goto("/accounts/2fa/codes/")
    visitor.enter(code_now(secret))  # shows the codes, once; from then on they are only counted
    for name, path in SECOND_STEP.items():
        visitor.look(path, name)


@pytest.mark.usefixtures("stopped_clock")
def test_from_the_refusal_into_the_staff_area(visitor: Visitor, sam: User) -> None:
    """Staff who have no second step yet: signed in by mail, sent to set it up, then let in."""
    visitor.page.goto("/staff/")
    visitor.sign_in_by_mail(sam.email)
    visitor.page.wait_for_url("**/accounts/2fa/app/activate/")
    expect(visitor.page.locator(".message.info")).to_be_visible()
    visitor.look_here("staff-refused")
    secret = visitor.page.locator("pre code").inner_text()
    visitor.enter("000000")
    visitor.look_here("second-step-set-up-wrong")
    visitor.enter(code_now(secret))
    visitor.look_here("second-step-confirm")
    visitor.enter(code_now(secret))
    visitor.look_here("recovery-codes")
    visitor.press("main a[href='/staff/']")
    expect(visitor.page.locator("#site-name")).to_be_visible()


@pytest.mark.usefixtures("stopped_clock")
def test_the_staff_area(visitor: Visitor, sam: User, alice: Declarant, vera: Organization) -> None:
    for number in range(3):
        fill(alice, vera, number)
    client = Client()
    client.force_login(sam)
    secret = set_up(client)
    visitor.page.goto("/staff/accounts/apikey/")
    visitor.sign_in_by_mail(sam.email)
    visitor.enter(code_now(secret))
    # Django's theme script ran: our policy lets it, and light or dark follows the visitor.
    expect(visitor.page.locator("html")).to_have_attribute("data-theme", "auto")
    visitor.look_here("staff-keys")
    visitor.page.locator("input.action-select").first.check()
    visitor.page.locator("select[name=action]").select_option("revoke")
    visitor.press(".actions button")
    visitor.look_here("staff-confirm")
    visitor.press("input[name=confirmed]")
    visitor.look_here("staff-done")
    assert ApiKey.objects.exclude(revoked_at=None).count() == 1
    rows = {
        "statement": Statement.objects.latest("pk").pk,
        "organization": personal_organization(user=sam).pk,
        "user": sam.pk,
        "event": AuditEvent.objects.latest("pk").pk,
    }
    for name, path in STAFF.items():
        visitor.look(path.format(**rows), name)
    visitor.page.goto("/staff/accounts/apikey/0/change/")
    visitor.look_here("staff-no-such-row")


@pytest.mark.usefixtures("demonstration")
def test_the_demonstration(visitor: Visitor, settings: LazySettings) -> None:
    """Its three doors, and the mail that would have left."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    visitor.look("/demo/", "demo")
    visitor.look("/demo/mail", "demo-no-mail")
    visitor.page.goto("/accounts/signup/")
    visitor.page.locator("input[name=email]").fill("linnea@example.org")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/confirm-email/**")
    visitor.look_here("demo-code")
    visitor.look("/demo/mail", "demo-mail")
    code = code_in(visitor.page.locator("pre").first.inner_text())
    visitor.page.goto("/accounts/confirm-email/")
    visitor.enter(code)
    visitor.look_here("demo-works")
    for part, door in (("vendor", re.compile("/demo/vendor$")), ("staff", re.compile("/staff/$"))):
        visitor.page.goto("/demo/")
        visitor.press(f"form[action='/demo/{part}'] button")
        visitor.page.wait_for_url(door)
        visitor.look_here(f"demo-{part}")
