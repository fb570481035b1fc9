"""Organisations on the pages: founding, switching, inviting, keys, and taking over."""

import re
from datetime import UTC, datetime

import pytest
from django.core import mail
from django.test import Client

from accounts import organizations
from accounts.audit import SYSTEM
from accounts.models import ApiKey, AuditEvent, Membership, Organization, User
from accounts.queries import live_key
from accounts.services import let_vouch, personal_organization
from holdout.urls import KeyKind
from registry.mandates import Consent, give_mandate, handover_code
from registry.models import Mandate, SubjectKind, Work
from registry.services import key_of
from registry.vouching import vouch_for_files, vouch_for_places
from tests.web.conftest import person, signed_in
from web.reauthentication import RECENT_SECONDS

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


@pytest.fixture
def studio(ann: User) -> Organization:
    return organizations.found(user=ann, name="Studio", by=SYSTEM)


def acting(browser: Client) -> str:
    found = re.search(r"<summary>Acting for: <strong>(.*?)</strong>", browser.get("/works/").content.decode())
    return found[1] if found else ""


def test_the_switcher_is_there_only_where_there_is_a_choice(browser: Client, ann: User) -> None:
    assert acting(browser) == ""
    answered = browser.post("/organization/found", {"name": "Studio <b>"}, follow=True)
    assert "Studio &lt;b&gt;" in answered.content.decode()
    assert acting(browser) == "Studio &lt;b&gt;"
    own = personal_organization(user=ann)
    browser.post("/organization/choose", {"organization": own.public_id})
    assert acting(browser) == "myself"


def test_what_is_registered_belongs_to_the_chosen_organisation(
    browser: Client, ann: User, studio: Organization
) -> None:
    browser.post("/organization/choose", {"organization": studio.public_id})
    browser.post("/places/new", {"address": "studio.example", "extent": "host", "preset": "no-ai"})
    assert "studio.example" in browser.get("/places/").content.decode()
    assert studio.declarants.count() == 1
    browser.post("/organization/choose", {"organization": personal_organization(user=ann).public_id})
    assert "studio.example" not in browser.get("/places/").content.decode()


def test_who_is_no_member_any_more_acts_for_themselves(
    browser: Client, ann: User, studio: Organization
) -> None:
    browser.post("/organization/choose", {"organization": studio.public_id})
    Membership.objects.filter(organization=studio, user=ann).delete()
    assert "You act for yourself" in browser.get("/organization/").content.decode()
    assert browser.post("/organization/choose", {"organization": studio.public_id}).status_code == 404


def test_an_invited_person_joins_by_the_link_in_the_mail(browser: Client, studio: Organization) -> None:
    browser.post("/organization/choose", {"organization": studio.public_id})
    form = {"email": "ben@example.com", "role": "member"}
    assert "Invited." in browser.post("/organization/invitations", form, follow=True).content.decode()
    link = re.search(r"http://testserver(/join/\w+)", str(mail.outbox[0].body))
    assert link
    assert browser.get(link[1]).status_code == 404  # it is not for Ann
    bens = signed_in(person("ben@example.com"))
    assert "Studio" in bens.get(link[1]).content.decode()
    page = bens.post(link[1], follow=True).content.decode()
    assert "ann@example.com" in page
    assert "Make manager" not in page
    assert bens.post("/organization/invitations", form).status_code == 403
    assert bens.get("/organization/keys/new").status_code == 403
    members = Membership.objects.get(user__email="ben@example.com", organization=studio)
    browser.post(f"/organization/members/{members.pk}/remove")
    assert "You act for yourself" in bens.get("/organization/").content.decode()


def test_roles_names_and_leaving(browser: Client, ann: User, studio: Organization) -> None:
    browser.post("/organization/choose", {"organization": studio.public_id})
    assert browser.post("/organization/leave").status_code == 409
    ben = Membership.objects.create(organization=studio, user=person("ben@example.com"))
    browser.post(f"/organization/members/{ben.pk}/role", {"role": "manager"})
    browser.post("/organization/name", {"name": "Atelier"})
    assert "Atelier" in browser.get("/organization/leave").content.decode()
    assert browser.post("/organization/leave").status_code == 302
    assert studio.memberships.get().user_id == ben.user_id
    assert studio.memberships.get().role == "manager"
    whats = AuditEvent.objects.filter(organization=studio.public_id, actor=ann.pk).order_by("pk")
    assert [event.what for event in whats] == [
        *("person:organization:made_manager", "person:organization:renamed", "person:organization:left"),
    ]


def test_a_key_is_shown_once_and_revoked(browser: Client, ann: User, studio: Organization) -> None:
    browser.post("/organization/choose", {"organization": studio.public_id})
    page = browser.post("/organization/keys/new", {"name": "plugin"}).content.decode()
    text = re.search(r"<code>(ho_live_\w+)</code>", page)
    assert text
    key = live_key(text[1])
    assert key
    assert key.organization == studio
    shown = browser.get("/organization/").content.decode()
    assert "plugin" in shown
    assert text[1] not in shown
    browser.post(f"/organization/keys/{key.public_id}/revoke")
    assert live_key(text[1]) is None
    whats = [event.what for event in AuditEvent.objects.filter(object_id=key.public_id).order_by("pk")]
    assert whats == ["person:api_key:issued", "person:api_key:revoked"]


def test_a_new_key_needs_a_recent_proof_of_who_asks(ann: User, studio: Organization) -> None:
    browser = signed_in(ann, seconds_ago=RECENT_SECONDS + 1)
    for answered in (
        browser.get("/organization/keys/new"),
        browser.post("/organization/keys/new", {"name": "x"}),
    ):
        assert answered.status_code == 302
        assert "/accounts/confirm/" in answered["Location"]
    assert not ApiKey.objects.exists()


def offered(platform: Organization) -> str:
    let_vouch(organization=platform, by=SYSTEM)
    mandate = give_mandate(
        organization=platform,
        reference="user-1",
        consent=Consent(at=NOW, how="signed", text_sha256="ab" * 32),
        kinds=list(SubjectKind),
        expires_at=datetime(2036, 1, 1, tzinfo=UTC),
        by=SYSTEM,
        now=NOW,
    )
    vouch_for_files(declarant=mandate.declarant, digests=[bytes(32)])
    targets = {KeyKind.URL: "https://x.example/a.jpg", KeyKind.ACCOUNT: "weibo:1669879400"}
    keys = [(target, key_of(kind, target)) for kind, target in targets.items()]
    vouch_for_places(declarant=mandate.declarant, keys=keys)
    return handover_code(mandate=mandate, by=SYSTEM, now=NOW)[0]


def test_with_a_code_a_person_takes_over_what_was_registered_for_them(alice_platform: Organization) -> None:
    code = offered(alice_platform)
    bens = signed_in(person("ben@example.com"))
    assert bens.post("/handover", {"code": "wrong"}).status_code == 404
    assert "Taken over." in bens.post("/handover", {"code": code}, follow=True).content.decode()
    work = Work.objects.get()
    assert bens.get(f"/works/{work.public_id}/").status_code == 200
    pages = re.findall(r"/places/loc_\w+/", bens.get("/places/").content.decode())
    assert len(pages) == 2
    for page in pages:
        assert "L5, since" in bens.get(page).content.decode()
        assert bens.post(f"{page}proof").status_code == 200
        assert b"Said." in bens.post(page, {"preset": "no-ai"}, follow=True).content
    assert bens.post("/handover", {"code": code}).status_code == 404
    assert Mandate.objects.get().why == Mandate.Why.HANDED_OVER
    event = AuditEvent.objects.get(what="person:mandate:handed_over")
    assert event.organization == alice_platform.public_id


@pytest.fixture
def alice_platform(db: None) -> Organization:
    return Organization.objects.create(name="Platform", side=Organization.Side.CREATOR, shared=True)
