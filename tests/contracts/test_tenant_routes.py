"""Tenant isolation: on every route, what is another tenant's does not exist.

Every route stands in one of the tables below. A new one fails the test until somebody has said whose objects
it shows.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import organizations
from accounts.audit import SYSTEM
from accounts.models import ApiKey, Invitation, Membership, Organization, User
from accounts.services import issue_key, let_vouch, personal_organization
from consent.grants import give_grant
from consent.imports import import_list
from consent.models import Grant, Import
from consent.services import declare
from holdout.errors import FetchFailed
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.vocabulary import UsageCategory
from ledger.models import Log
from ledger.services import append
from lookup.jobs import work_once
from lookup.models import Inquiry, LookupJob
from registry import looking
from registry.mandates import Consent, give_mandate
from registry.models import Locator, Mandate, Observation, Work
from registry.services import authorize_locators, default_declarant, register_locators
from tests.factories import NO_AI, fingerprinted_work, settle
from tests.web.conftest import person, signed_in

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)

WORK = "A creator's work, which its people see."
PLACE = "A creator's place, which its people see."
IMPORT = "A creator's import, which its people see."
JOB = "A vendor's job, which its keys see."
ORGANIZATION = "What is of an organisation, which its managers change."
GRANT = "What a creator permitted, which its people see."
MANDATE = "A platform's mandate, which its keys see."
# Route -> whose object its path names.
OBJECTS = {
    "works/<str:work_id>/": WORK,
    "works/<str:work_id>/keep": WORK,
    "works/<str:work_id>/withdraw": WORK,
    "works/<str:work_id>/receipt.json": WORK,
    "works/<str:work_id>/receipts/<str:record_id>.json": WORK,
    "places/<str:place_id>/": PLACE,
    "places/<str:place_id>/proof": PLACE,
    "places/<str:place_id>/keep": PLACE,
    "places/<str:place_id>/sign-in": PLACE,
    "places/<str:place_id>/withdraw": PLACE,
    "places/<str:place_id>/remove": PLACE,
    "places/<str:place_id>/observations/<str:observation_id>.json": PLACE,
    "imports/<str:import_id>/": IMPORT,
    "imports/<str:import_id>/report.csv": IMPORT,
    "organization/invitations/<str:invitation_id>/remove": ORGANIZATION,
    "organization/members/<int:member_id>/role": ORGANIZATION,
    "organization/members/<int:member_id>/remove": ORGANIZATION,
    "organization/keys/<str:key_id>/revoke": ORGANIZATION,
    "permissions/<str:grant_id>/revoke": GRANT,
    "inquiries/<str:inquiry_id>/mute": "What a vendor wrote to a creator, which its people see.",
    "join/<str:code>": "An invitation, which whoever has its address sees.",
    "v1/mandates/<mandate_id:mandate_id>": MANDATE,
    "v1/mandates/<mandate_id:mandate_id>/end": MANDATE,
    "v1/mandates/<mandate_id:mandate_id>/handover": MANDATE,
    "v1/jobs/<job_id:job_id>": JOB,
    "v1/jobs/<job_id:job_id>/result": JOB,
    "v1/jobs/<job_id:job_id>/receipt": JOB,
    "v1/jobs/<job_id:job_id>/resume": JOB,
}
# What can only be posted to, and what comes of it; the others are asked with GET.
POSTED = {
    "v1/jobs/<job_id:job_id>/resume": 409,  # it is done
    "places/<str:place_id>/proof": 200,  # nothing found there
    "places/<str:place_id>/remove": 409,  # it was proven
    "places/<str:place_id>/keep": 302,
    "works/<str:work_id>/keep": 302,
    "organization/invitations/<str:invitation_id>/remove": 302,
    "organization/members/<int:member_id>/role": 409,  # nobody else manages it
    "organization/members/<int:member_id>/remove": 409,
    "organization/keys/<str:key_id>/revoke": 302,
    "inquiries/<str:inquiry_id>/mute": 302,
    "v1/mandates/<mandate_id:mandate_id>/end": 200,
    "v1/mandates/<mandate_id:mandate_id>/handover": 201,
}
ELSEWHERE = "places/<str:place_id>/sign-in"
"""What one's own leads to the platform, or back with a word."""
LISTS = {"works/", "places/", "permissions/", "v1/jobs"}
# Route -> why nobody's object is named on it.
NOBODYS = {
    "": "the front page",
    "check": "asks the registry, which answers everybody alike",
    "r/<str:typed>": "public: what was said under a number, and nothing of what about",
    "avatar": "of one's own works alone the badge (tests/web/test_avatar.py)",
    "doctor": "asks somebody else's site, for everybody alike",
    "kit": "makes files of what is asked",
    "kit/marked": "gives back what was sent, marked",
    "overview/": "one's own: sums of what one's own lists show",
    "overview/digest": "one's own account",
    "works/all": "says something of all of one's own works",
    "works/new": "makes a work of one's own",
    "places/new": "claims a place for oneself",
    "imports/new": "starts an import of one's own",
    "organization/": "the one in which one acts",
    "organization/found": "makes one of one's own",
    "organization/choose": "one's own session: another's is not found",
    "organization/name": "the one in which one acts",
    "organization/invitations": "the one in which one acts",
    "organization/leave": "the one in which one acts",
    "organization/keys/new": "makes a key of the one in which one acts",
    "accounts/weibo/callback/": "by the state of one's own session",
    "accounts/instagram/callback/": "by the state of one's own session",
    "accounts/tumblr/callback/": "by the state of one's own session",
    "permissions/new": "permits something in one's own name",
    "inquiries/": "one's own: what was written to oneself (tests/web/test_inquiries.py)",
    "inquiries/choice": "the one in which one acts",
    "handover": "whoever holds the code takes over what it stands for",
    "p/<str:code>": "public: whose profile bears the code stands in the profile",
    "works/many": "makes works of one's own",
    "works/many/known": "tells which files oneself registered",
    "works/many/picture": "makes a work of one's own",
    "works/many/unseen": "makes a work of one's own",
    "badge/url.svg": "public: what the registry says of a place",
    "badge/<str:work_id>.svg": "public: made to be embedded anywhere",
    "language": "a choice of the visitor's",
    "livez": "health",
    "readyz": "health",
    "metrics": "counts",
    "docs/api": "public",
    "docs/openapi.yaml": "public",
    ".well-known/holdout-keys.json": "public",
    "v1/confirm": "asks the registry, which answers every vendor alike",
    "v1/snapshots": "the same for every vendor that was vetted",
    "v1/snapshots/<version:version>": "the same for every vendor that was vetted",
    "v1/snapshots/<version:version>/delta": "the same for every vendor that was vetted",
    "v1/lookups": "asks the registry, which answers every vendor alike",
    "api/v2/query/urls": "asks the registry, which answers every vendor alike",
    "api/v2/query/urls/": "asks the registry, which answers every vendor alike",
    "v1/mandates": "makes a mandate of one's own",
    "v1/registrations": "registers under a mandate of one's own: another's is not found",
    "v1/grants": "what one's own organisation was permitted; to POST it is refused to everybody alike",
    "v1/contacts": "writes in one's own name: what another was told of is not found",
    "v1/status": "public",
    "v1/kit": "public",
    "v1/doctor": "asks somebody else's site, for every key alike",
    "accounts/signup/": "one's own account",
    "accounts/login/code/": "one's own account",
    "accounts/login/code/confirm/": "one's own account",
    "accounts/confirm-email/": "one's own account",
    "accounts/email/": "one's own account",
    "accounts/logout/": "one's own account",
    "accounts/inactive/": "one's own account",
    "accounts/2fa/": "one's own account",
    "accounts/2fa/authenticate/": "one's own account",
    "accounts/2fa/confirm/": "one's own account",
    "accounts/2fa/app/activate/": "one's own account",
    "accounts/2fa/app/deactivate/": "one's own account",
    "accounts/2fa/codes/": "one's own account",
    "accounts/2fa/codes/new/": "one's own account",
    "account/data": "one's own account",
    "account/data.json": "one's own account",
    "account/delete": "one's own account",
    "account/keep": "one's own account",
    "accounts/confirm/": "one's own account",
    "accounts/2fa/passkeys/": "one's own account",
    "accounts/2fa/passkeys/add/": "one's own account",
    "accounts/2fa/passkeys/<int:pk>/rename/": "one's own account: another's passkey is not found",
    "accounts/2fa/passkeys/<int:pk>/remove/": "one's own account: another's passkey is not found",
    "accounts/2fa/passkeys/confirm/": "one's own account",
    "accounts/login/passkey/": "one's own account",
    "accounts/login/": "leads to the code",
    "accounts/password/reset/": "leads to the code",
}
STAFF = "staff/"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, before + str(pattern.pattern))
        else:
            yield before + str(pattern.pattern)


ROUTES = list(routes(get_resolver().url_patterns))
STAFF_ROUTES = [route for route in ROUTES if route.startswith(STAFF)]


@dataclass(frozen=True)
class Tenant:
    """Somebody with a work, a job and both doors: the pages and the API."""

    browser: Client
    program: Client
    platform: Client
    manager: Client
    work: Work
    place: Locator
    seen: Observation
    imported: Import
    job: LookupJob
    member: Membership
    invitation: Invitation
    link: str
    key: ApiKey
    mandate: Mandate
    grant: Grant
    inquiry: Inquiry

    def client_for(self, route: str) -> Client:
        if route.startswith("v1/mandates"):
            return self.platform
        if route.startswith(("organization/", "join/")):
            return self.manager
        return self.program if route.startswith("v1/") else self.browser


def tenant(user: User) -> Tenant:
    organization = personal_organization(user=user)
    work = fingerprinted_work(default_declarant(organization=organization), {"sha256": bytes(32)})
    declare(declarant=work.declarant, subject=work, preferences=NO_AI)
    (place,) = register_locators(declarant=work.declarant, targets=[(KeyKind.HOST, "site.example")])
    authorize_locators(declarant=work.declarant, locators=[place], level=Assurance.L3, method="operator")
    seen = Observation.objects.create(locator=place)
    with transaction.atomic():
        append(log=Log.DECLARATIONS, entry_type="observation", record_id=seen.public_id, record={})
    imported = import_list(
        organization=organization, octets=b"https://x.example/", preferences=NO_AI, terms_url="", now=NOW
    )
    browser = signed_in(user, client=Client(raise_request_exception=False))
    vendor = Organization.objects.create(name="", side=Organization.Side.VENDOR)
    program = client_with(issue_key(organization=vendor, name="test")[1])
    inquiry = Inquiry.objects.create(
        organization=vendor,
        statement=work.statements.get(),
        message="May we?",
        reply_to="vera@example.com",
        state=Inquiry.State.SENT,
    )
    job = program.post("/v1/jobs", b"url\nhttps://x.example/\n", content_type="text/csv").json()
    while work_once():
        pass
    settle()
    member, invitation, link = together(user)
    return Tenant(
        browser=browser,
        program=program,
        platform=client_with(issue_key(organization=organization, name="test")[1]),
        manager=acting_in(user, member.organization),
        work=work,
        place=place,
        seen=seen,
        imported=imported,
        job=LookupJob.objects.get(public_id=job["id"]),
        member=member,
        invitation=invitation,
        link=link,
        key=issue_key(organization=member.organization, name="test")[0],
        mandate=mandate_of(organization),
        grant=give_grant(
            declarant=work.declarant,
            grantee=vendor,
            uses=[UsageCategory.TDM],
            expires_at=NOW + timedelta(days=1),
            now=NOW,
        ),
        inquiry=inquiry,
    )


def client_with(key: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=False)


def acting_in(user: User, organization: Organization) -> Client:
    """A browser in which they chose that organisation."""
    browser = signed_in(user, client=Client(raise_request_exception=False))
    browser.post("/organization/choose", {"organization": organization.public_id})
    return browser


def together(user: User) -> tuple[Membership, Invitation, str]:
    """An organisation that they manage, with an invitation to themselves under another address."""
    codes: list[str] = []

    def link(code: str) -> str:
        codes.append(code)
        return code

    studio = organizations.found(user=user, name="Studio", by=SYSTEM)
    email = f"also-{user.pk}@example.com"
    EmailAddress.objects.create(user=user, email=email, verified=True)
    invitation = organizations.invite(
        organization=studio,
        email=email,
        role=Membership.Role.MEMBER,
        user=user,
        link=link,
        by=SYSTEM,
        now=NOW,
    )
    return studio.memberships.get(), invitation, codes[0]


def mandate_of(organization: Organization) -> Mandate:
    let_vouch(organization=organization, by=SYSTEM)
    return give_mandate(
        organization=organization,
        reference="user-1",
        consent=Consent(at=NOW, how="form", text_sha256="ab" * 32),
        expires_at=NOW + timedelta(days=1),
        by=SYSTEM,
        now=NOW,
    )


@pytest.fixture(autouse=True)
def nothing_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """At no site, whatever is asked for."""

    def away(*_: object, **__: object) -> None:
        raise FetchFailed("connect_failed", "")

    monkeypatch.setattr(looking, "fetch", away)
    monkeypatch.setattr(looking, "txt_records", away)


@pytest.fixture
def ann(db: None) -> Tenant:
    return tenant(person("ann"))


@pytest.fixture
def ben(db: None) -> Tenant:
    return tenant(person("ben"))


def record_of(work: Work) -> str:
    return work.statements.get().public_id


def path_to(route: str, of: Tenant, *, record: str | None = None) -> str:
    path = route.replace("<str:work_id>", of.work.public_id).replace("<job_id:job_id>", of.job.public_id)
    path = path.replace("<str:place_id>", of.place.public_id)
    path = path.replace("<int:member_id>", str(of.member.pk)).replace("<str:code>", of.link)
    path = path.replace("<str:invitation_id>", of.invitation.public_id)
    path = path.replace("<str:key_id>", of.key.public_id)
    path = path.replace("<mandate_id:mandate_id>", of.mandate.public_id)
    path = path.replace("<str:observation_id>", of.seen.public_id)
    path = path.replace("<str:import_id>", of.imported.public_id)
    path = path.replace("<str:grant_id>", of.grant.public_id)
    path = path.replace("<str:inquiry_id>", of.inquiry.public_id)
    return "/" + path.replace("<str:record_id>", record or record_of(of.work))


def ask(client: Client, method: str, path: str) -> Any:
    answered: Any = client.generic(method, path)
    for close in answered._resource_closers:  # not close(): that would end the test's connection too
        close()
    return answered


def asking(route: str) -> str:
    return "POST" if route in POSTED else "GET"


def test_every_route_is_listed() -> None:
    assert set(ROUTES) - set(STAFF_ROUTES) == {*OBJECTS, *LISTS, *NOBODYS}


@pytest.mark.parametrize("route", OBJECTS)
def test_what_is_ones_own_is_there(route: str, ann: Tenant) -> None:
    answered = ask(ann.client_for(route), asking(route), path_to(route, ann))
    assert answered.status_code == POSTED.get(route, 302 if route == ELSEWHERE else 200)


@pytest.mark.parametrize("route", OBJECTS)
def test_what_is_anothers_does_not_exist(route: str, ann: Tenant, ben: Tenant) -> None:
    client, path = ben.client_for(route), path_to(route, ann)
    answers = {method: ask(client, method, path).status_code for method in METHODS}
    assert answers[asking(route)] == 404
    assert set(answers.values()) <= {404, 405}


@pytest.mark.parametrize("route", OBJECTS)
def test_what_is_anothers_looks_like_what_never_was(route: str, ann: Tenant, ben: Tenant) -> None:
    client, path = ben.client_for(route), path_to(route, ann)
    foreign = ask(client, asking(route), path).content.decode()
    own = (ann.work, ann.place, ann.seen, ann.imported, ann.job, ann.invitation, ann.key, ann.mandate)
    for public_id in (*(one.public_id for one in (*own, ann.grant, ann.inquiry)), ann.link):
        path, foreign = (text.replace(public_id, public_id[:4] + "a" * 26) for text in (path, foreign))
    path, foreign = (text.replace(f"members/{ann.member.pk}/", "members/0/") for text in (path, foreign))
    never = ask(client, asking(route), path).content.decode()
    assert without_form_tokens(foreign) == without_form_tokens(never)


def without_form_tokens(page: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


def test_anothers_record_is_not_shown_under_ones_own_work(ann: Tenant, ben: Tenant) -> None:
    route = "works/<str:work_id>/receipts/<str:record_id>.json"
    assert ask(ben.browser, "GET", path_to(route, ben)).status_code == 200
    assert ask(ben.browser, "GET", path_to(route, ben, record=record_of(ann.work))).status_code == 404


@pytest.mark.parametrize("route", LISTS)
def test_a_list_holds_ones_own_alone(route: str, ann: Tenant, ben: Tenant) -> None:
    shown = ask(ben.client_for(route), "GET", f"/{route}").content.decode()
    assert any(own.public_id in shown for own in (ben.work, ben.place, ben.grant, ben.job))
    assert not any(others.public_id in shown for others in (ann.work, ann.place, ann.grant, ann.job))


@pytest.mark.parametrize("route", OBJECTS)
def test_who_is_not_signed_in_sees_nothing(route: str, ann: Tenant) -> None:
    answered = ask(Client(), asking(route), path_to(route, ann))
    assert answered.status_code == (401 if route.startswith("v1/") else 302)


@pytest.mark.parametrize("route", OBJECTS)
def test_the_one_door_is_no_key_to_the_other(route: str, ann: Tenant) -> None:
    other = ann.browser if route.startswith("v1/") else ann.program
    assert ask(other, asking(route), path_to(route, ann)).status_code in {302, 401, 404}


def test_for_tenants_there_is_no_staff_area(ann: Tenant, ben: Tenant) -> None:
    assert STAFF_ROUTES
    for route in STAFF_ROUTES:
        path = "/" + route.replace("<path:object_id>", str(ann.work.pk))
        path = path.replace("<path:content_type_id>", "1").replace("(?P<url>.*)$", "x")
        path = path.replace("^(?P<app_label>accounts|ledger|registry|consent|lookup)/$", "registry/")
        for method in METHODS:
            assert ask(ben.browser, method, path).status_code == 404, (method, path)
