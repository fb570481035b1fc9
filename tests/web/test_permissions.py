"""What a creator permits single vendors, on the pages."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client

from accounts.audit import SHELL
from accounts.models import Organization, User
from accounts.services import list_vendor, personal_organization
from consent.grants import give_grant, revoke
from consent.models import Grant, Revocation
from holdout.vocabulary import UsageCategory
from registry.services import default_declarant
from tests.factories import settle
from tests.web.conftest import person, signed_in
from web.reauthentication import RECENT_SECONDS

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def nobody_sequences(settings: object) -> None:
    settings.HOLDOUT_SEQUENCING_TIMEOUT_SECONDS = 0  # type: ignore[attr-defined]


@pytest.fixture
def listed(vera: Organization) -> Organization:
    list_vendor(organization=vera, by=SHELL)
    return vera


def given(user: User, to: Organization, days: int = 9) -> Grant:
    declarant = default_declarant(organization=personal_organization(user=user))
    return give_grant(
        declarant=declarant,
        grantee=to,
        uses=[UsageCategory.TDM],
        expires_at=NOW + timedelta(days=days),
        now=NOW,
    )


def page(browser: Client, path: str = "/permissions/") -> str:
    answered = browser.get(path)
    assert answered.status_code == 200
    return answered.content.decode()


def test_where_nobody_is_listed_nothing_can_be_permitted(browser: Client, vera: Organization) -> None:
    shown = page(browser)
    assert "No vendor is listed yet" in shown
    assert "/permissions/new" not in shown
    answered = browser.post(
        "/permissions/new", {"vendor": vera.public_id, "uses": "tdm", "until": "2027-01-01"}
    )
    assert (answered.status_code, Grant.objects.count()) == (422, 0)


def test_a_permission_is_given_shown_and_taken_back(browser: Client, listed: Organization) -> None:
    assert "/permissions/" in page(browser, "/overview/")
    until = date.today() + timedelta(days=365)  # noqa: DTZ011 - as the form counts, give or take a day
    form = {"vendor": listed.public_id, "uses": ["train_gen", "search"], "until": until.isoformat()}
    answered = browser.post("/permissions/new", form, follow=True).content.decode()
    assert "It counts as soon as it has its place in the log." in answered
    assert "Waits for its place in the log" in answered
    grant = Grant.objects.get()
    assert grant.uses == ["train_gen", "search"]
    assert grant.expires_at == datetime.combine(until + timedelta(days=1), datetime.min.time(), tzinfo=UTC)
    settle()
    shown = page(browser)
    assert "Training generative AI, Search" in shown
    assert "Log entry 0" in shown
    path = f"/permissions/{grant.public_id}/revoke"
    assert path in shown
    assert "Revoke this permission?" in page(browser, path)
    assert not Revocation.objects.exists()
    for _ in range(2):
        browser.post(path)
    assert Revocation.objects.get().grant == grant
    settle()
    shown = page(browser)
    assert "What you permitted before" in shown
    assert "revoked: log entry 1" in shown
    assert path not in shown


def test_what_is_over_is_shown_as_such(browser: Client, ann: User, listed: Organization) -> None:
    revoke(grant=given(ann, listed))
    assert "revoked; waits for its place in the log" in page(browser)
    assert "Nothing: whatever you say holds for every vendor alike." in page(browser)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"vendor": "org_x"}, "Select a valid choice"),
        ({"uses": []}, "Choose at least one use."),
        ({"uses": ["painting"]}, "Select a valid choice"),
        ({"until": "2020-01-01"}, "Name a day that is still to come."),
        ({"until": "2099-01-01"}, "Permit it for at most five years"),
        ({"until": "9999-12-31"}, "Permit it for at most five years"),
        ({"until": "soon"}, "Enter a valid date."),
    ],
)
def test_a_slip_comes_back_in_words(
    browser: Client, listed: Organization, wrong: dict[str, object], words: str
) -> None:
    form = {"vendor": listed.public_id, "uses": ["tdm"], "until": "2027-01-01"} | wrong
    answered = browser.post("/permissions/new", form)
    assert answered.status_code == 422
    assert words in answered.content.decode()
    assert not Grant.objects.exists()


def test_who_signed_in_long_ago_is_asked_again_before_permitting(ann: User, listed: Organization) -> None:
    browser = signed_in(ann, seconds_ago=RECENT_SECONDS + 1)
    form = {"vendor": listed.public_id, "uses": ["tdm"], "until": "2027-01-01"}
    for answered in (browser.get("/permissions/new"), browser.post("/permissions/new", form)):
        assert answered.status_code == 302
        assert answered["Location"].startswith("/accounts/confirm/")
    assert not Grant.objects.exists()


def test_taking_back_needs_no_second_proof(ann: User, listed: Organization) -> None:
    grant = given(ann, listed)
    browser = signed_in(ann, seconds_ago=RECENT_SECONDS + 1)
    assert browser.post(f"/permissions/{grant.public_id}/revoke").status_code == 302
    assert Revocation.objects.exists()


def test_anothers_permission_is_not_there(browser: Client, listed: Organization) -> None:
    grant = given(person("ben@example.com"), listed)
    assert browser.post(f"/permissions/{grant.public_id}/revoke").status_code == 404
    assert not Revocation.objects.exists()
    assert grant.public_id not in page(browser)


def test_the_vendor_of_a_link_is_chosen_already(browser: Client, listed: Organization) -> None:
    shown = page(browser, f"/permissions/new?vendor={listed.public_id}")
    assert f'<option value="{listed.public_id}" selected>Vera</option>' in shown
