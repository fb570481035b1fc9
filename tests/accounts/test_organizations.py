"""Organisations of several people: roles, invitations, and what only managers do."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, transaction

from accounts import organizations
from accounts.audit import SYSTEM
from accounts.erasing import ask_for_erasure, forget_expired_invitations
from accounts.models import AuditEvent, ErasureRequest, Invitation, Membership, Organization, User
from accounts.services import let_vouch, personal_organization
from holdout.errors import Conflict, NotFound, NotPermitted
from tests.web.conftest import person

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
Role = Membership.Role


@pytest.fixture
def ann(db: None) -> User:
    return person("ann@example.com")


@pytest.fixture
def ben(db: None) -> User:
    return person("ben@example.com")


@pytest.fixture
def studio(ann: User) -> Organization:
    """Ann's, which she manages."""
    return organizations.found(user=ann, name="Studio", by=SYSTEM)


def invite(studio: Organization, by: User, email: str, role: Membership.Role = Role.MEMBER) -> str:
    codes: list[str] = []

    def link(code: str) -> str:
        codes.append(code)
        return f"https://holdout.example/join/{code}"

    organizations.invite(organization=studio, email=email, role=role, user=by, link=link, by=SYSTEM, now=NOW)
    return codes[0]


def joined(studio: Organization, ann: User, ben: User, role: Membership.Role = Role.MEMBER) -> Membership:
    code = invite(studio, ann, ben.email, role)
    organizations.accept(user=ben, code=code, by=SYSTEM, now=NOW)
    return Membership.objects.get(organization=studio, user=ben)


def events(organization: Organization) -> list[str]:
    found = AuditEvent.objects.filter(organization=organization.public_id).order_by("pk")
    return [event.what.removeprefix("system:organization:") for event in found]


def test_who_founds_an_organisation_manages_it_and_keeps_their_own(ann: User, studio: Organization) -> None:
    own = personal_organization(user=ann)
    assert own != studio
    assert studio.memberships.get().role == Role.MANAGER
    assert events(studio) == ["founded"]


def test_an_invitation_is_mailed_and_only_its_digest_is_kept(
    ann: User, ben: User, studio: Organization
) -> None:
    code = invite(studio, ann, "BEN@example.com ")
    (sent,) = mail.outbox
    assert sent.to == ["ben@example.com"]
    assert f"https://holdout.example/join/{code}" in sent.body
    assert "Studio" in sent.subject
    assert code not in str(Invitation.objects.values())
    assert organizations.accept(user=ben, code=code, by=SYSTEM, now=NOW) == studio
    assert Membership.objects.get(user=ben, organization=studio).role == Role.MEMBER
    assert not Invitation.objects.exists()
    assert events(studio) == ["founded", "invited", "joined"]
    with pytest.raises(NotFound):
        organizations.accept(user=ben, code=code, by=SYSTEM, now=NOW)


def test_an_invitation_is_for_the_address_that_it_was_sent_to_and_for_a_fortnight(
    ann: User, ben: User, studio: Organization
) -> None:
    code = invite(studio, ann, "cat@example.com")
    for user, at in ((ben, NOW), (person("cat@example.com"), NOW + timedelta(days=14, seconds=1))):
        with pytest.raises(NotFound, match="invitation_unknown"):
            organizations.accept(user=user, code=code, by=SYSTEM, now=at)
    assert studio.memberships.count() == 1
    Invitation.objects.update(expires_at=NOW - timedelta(days=1))
    forget_expired_invitations()
    assert not Invitation.objects.exists()


def test_a_second_invitation_replaces_the_first(ann: User, ben: User, studio: Organization) -> None:
    first, second = (invite(studio, ann, ben.email, role) for role in (Role.MANAGER, Role.MEMBER))
    with pytest.raises(NotFound):
        organizations.accept(user=ben, code=first, by=SYSTEM, now=NOW)
    organizations.accept(user=ben, code=second, by=SYSTEM, now=NOW)
    with pytest.raises(Conflict, match="member_already"):
        invite(studio, ann, ben.email)


def test_members_change_neither_members_nor_keys_nor_the_name(
    ann: User, ben: User, studio: Organization
) -> None:
    member = joined(studio, ann, ben)
    managers = Membership.objects.get(organization=studio, user=ann)
    key, _ = organizations.issue_key_for(organization=studio, name="k", user=ann, by=SYSTEM)
    for refused in (
        lambda: invite(studio, ben, "cat@example.com"),
        lambda: organizations.remove(member=managers, user=ben, by=SYSTEM),
        lambda: organizations.set_role(member=member, role=Role.MANAGER, user=ben, by=SYSTEM),
        lambda: organizations.rename(organization=studio, name="x", user=ben, by=SYSTEM),
        lambda: organizations.issue_key_for(organization=studio, name="x", user=ben, by=SYSTEM),
        lambda: organizations.revoke_key_for(key=key, user=ben, by=SYSTEM),
    ):
        with pytest.raises(NotPermitted, match="managers_only"):
            refused()
    key.refresh_from_db()
    assert key.revoked_at is None
    assert studio.memberships.count() == 2


def test_the_last_manager_cannot_leave_step_down_or_be_forgotten(
    ann: User, ben: User, studio: Organization
) -> None:
    member = joined(studio, ann, ben)
    own = Membership.objects.get(organization=studio, user=ann)
    for refused in (
        lambda: organizations.leave(organization=studio, user=ann, by=SYSTEM),
        lambda: organizations.set_role(member=own, role=Role.MEMBER, user=ann, by=SYSTEM),
        lambda: organizations.remove(member=own, user=ann, by=SYSTEM),
        lambda: ask_for_erasure(user=ann, kind=ErasureRequest.Kind.KEEP, by=SYSTEM),
    ):
        with pytest.raises(Conflict, match="last_manager"):
            refused()
    organizations.set_role(member=member, role=Role.MANAGER, user=ann, by=SYSTEM)
    organizations.leave(organization=studio, user=ann, by=SYSTEM)
    assert studio.memberships.get().user == ben
    assert events(studio)[-2:] == ["made_manager", "left"]


def test_nobody_joins_or_leaves_what_is_somebodys_own(ann: User, ben: User) -> None:
    own = personal_organization(user=ann)
    with pytest.raises(Conflict, match="organization_not_shared"):
        invite(own, ann, ben.email)
    with pytest.raises(Conflict, match="organization_not_shared"):
        organizations.leave(organization=own, user=ann, by=SYSTEM)


def test_a_removed_member_is_out(ann: User, ben: User, studio: Organization) -> None:
    organizations.remove(member=joined(studio, ann, ben), user=ann, by=SYSTEM)
    assert studio.memberships.get().user == ann
    assert events(studio)[-1] == "removed_member"


def test_a_vendor_never_vouches(vera: Organization) -> None:
    with pytest.raises(NotPermitted, match="vendors_do_not_vouch"):
        let_vouch(organization=vera, by=SYSTEM)
    with pytest.raises(IntegrityError, match="organization_vendors_do_not_vouch"), transaction.atomic():
        Organization.objects.filter(pk=vera.pk).update(may_vouch=True)
