"""What vendors wrote, on the pages."""

import pytest
from django.test import Client

from accounts.audit import SHELL
from accounts.models import Organization, User
from accounts.services import list_vendor, personal_organization
from lookup.models import Inquiry, Mute
from registry.models import Work
from tests.web.conftest import person, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def inquiry(work: Work, vera: Organization) -> Inquiry:
    return Inquiry.objects.create(
        organization=vera,
        statement=work.statements.get(),
        message="May <b>we</b>?",
        reply_to="vera@example.com",
        state=Inquiry.State.SENT,
    )


def page(browser: Client) -> str:
    return browser.get("/inquiries/").content.decode()


def test_a_message_is_shown_as_text_with_what_can_be_done(
    browser: Client, inquiry: Inquiry, vera: Organization
) -> None:
    shown = page(browser)
    assert "May &lt;b&gt;we&lt;/b&gt;?" in shown
    assert "mailto:vera@example.com" in shown
    assert "/permissions/new" not in shown
    list_vendor(organization=vera, by=SHELL)
    assert f"/permissions/new?vendor={vera.public_id}" in page(browser)


def test_a_vendor_is_silenced_and_heard_again(browser: Client, inquiry: Inquiry, vera: Organization) -> None:
    path = f"/inquiries/{inquiry.public_id}/mute"
    for _ in range(2):
        browser.post(path)
    assert Mute.objects.get().vendor == vera
    assert "Hear from it again" in page(browser)
    browser.post(path, {"muted": "no"})
    assert not Mute.objects.exists()


@pytest.mark.parametrize(("chosen", "kept"), [("all", True), ("none", False), ("conditional", None)])
def test_who_may_write_is_chosen(browser: Client, ann: User, chosen: str, kept: bool | None) -> None:
    organization = personal_organization(user=ann)
    Organization.objects.filter(pk=organization.pk).update(accepts_inquiries=not kept)
    browser.post("/inquiries/choice", {"accepts": chosen})
    organization.refresh_from_db()
    assert organization.accepts_inquiries is kept
    assert f'value="{chosen}" checked' in page(browser)
    browser.post("/inquiries/choice", {"accepts": "everybody"})
    organization.refresh_from_db()
    assert organization.accepts_inquiries is kept


def test_what_was_withheld_or_written_to_others_is_not_there(browser: Client, inquiry: Inquiry) -> None:
    other = signed_in(person("ben@example.com"))
    assert "vera@example.com" not in page(other)
    assert other.post(f"/inquiries/{inquiry.public_id}/mute").status_code == 404
    Inquiry.objects.update(state=Inquiry.State.WITHHELD)
    assert "vera@example.com" not in page(browser)
    assert browser.post(f"/inquiries/{inquiry.public_id}/mute").status_code == 404
    assert not Mute.objects.exists()
