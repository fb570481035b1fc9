"""Organisations of several people: founding, inviting, roles, leaving. Each change leaves an audit event.

Only managers change who acts for an organisation: every service here sees to that by itself.
The organisation's row is the lock under which managers are counted.
"""

import base64
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from accounts.audit import Actor
from accounts.models import ApiKey, Invitation, Membership, Organization, User
from accounts.queries import require_manager
from accounts.services import issue_key, record, revoke_key
from holdout.errors import Conflict, NotFound
from holdout.ids import is_public_id

INVITATION_LIVES: Final = timedelta(days=14)
_MOST_INVITATIONS: Final = 100
_MOST_FOUNDED: Final = 20
_MOST_KEYS: Final = 20

Role = Membership.Role


def found(*, user: User, name: str, by: Actor) -> Organization:
    """A new organisation with `user` as its manager. Raises `Conflict` (`too_many_organizations`)."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        managed = Organization.objects.filter(
            shared=True, memberships__user=user, memberships__role=Role.MANAGER
        )
        if managed.count() >= _MOST_FOUNDED:
            raise Conflict("too_many_organizations", f"One person manages at most {_MOST_FOUNDED}.")
        organization = Organization.objects.create(name=name, side=Organization.Side.CREATOR, shared=True)
        Membership.objects.create(organization=organization, user=user, role=Role.MANAGER)
        _record(organization, "founded", by)
    return organization


def rename(*, organization: Organization, name: str, user: User, by: Actor) -> None:
    """Call it by another name. Raises `NotPermitted` (`managers_only`)."""
    with transaction.atomic():
        _lock(organization)
        require_manager(user, organization)
        if Organization.objects.filter(pk=organization.pk).exclude(name=name).update(name=name):
            _record(organization, "renamed", by)


def invite(
    *,
    organization: Organization,
    email: str,
    role: Membership.Role,
    user: User,
    link: Callable[[str], str],
    by: Actor,
    now: datetime,
) -> Invitation:
    """Mail a link with which whoever has that address may join; `link` makes it of a code.

    A second invitation to an address replaces the first. Raises `NotPermitted` (`managers_only`) and
    `Conflict` (`organization_not_shared`, `member_already`, `too_many_invitations`).
    """
    email, code = email.strip().lower(), _new_code()
    with transaction.atomic():
        _lock(organization)
        require_manager(user, organization)
        _refuse_invitation(organization, email)
        invitation, _ = Invitation.objects.update_or_create(
            organization=organization,
            email=email,
            defaults={"role": role, "digest": _digest(code), "expires_at": now + INVITATION_LIVES},
        )
        _record(organization, "invited", by, object_id=invitation.public_id, role=role)
    _send(invitation, link(code))
    return invitation


def _refuse_invitation(organization: Organization, email: str) -> None:
    if not organization.shared:
        raise Conflict("organization_not_shared", "Found an organisation to act in it together with others.")
    if organization.memberships.filter(user__email__iexact=email).exists():
        raise Conflict("member_already", "Whoever has that address is a member already.")
    if organization.invitations.exclude(email=email).count() >= _MOST_INVITATIONS:
        raise Conflict("too_many_invitations", f"At most {_MOST_INVITATIONS} invitations wait at once.")


def _send(invitation: Invitation, link: str) -> None:
    context = {"invitation": invitation, "link": link}
    subject = render_to_string("account/email/invitation_subject.txt", context).strip()
    body = render_to_string("account/email/invitation_message.txt", context)
    # A mail that does not leave is no error: the page shows who was invited, and it can be sent again.
    send_mail(subject, body, None, [invitation.email], fail_silently=True)


def take_back_invitation(*, invitation: Invitation, user: User, by: Actor) -> None:
    """The link leads nowhere from now on. Raises `NotPermitted` (`managers_only`)."""
    with transaction.atomic():
        organization = _lock(invitation.organization)
        require_manager(user, organization)
        if Invitation.objects.filter(pk=invitation.pk).delete()[0]:
            _record(organization, "invitation_taken_back", by, object_id=invitation.public_id)


def invitation_of(organization: Organization, public_id: str) -> Invitation:
    """One that an organisation sent. Raises `NotFound` (`invitation_unknown`), also for another's."""
    found = organization.invitations.select_related("organization").filter(public_id=public_id)
    invitation = found.first() if is_public_id(public_id) else None
    if invitation is None:
        raise NotFound("invitation_unknown", "No such invitation waits.")
    return invitation


def invitation_for(*, user: User, code: str, now: datetime) -> Invitation:
    """The invitation with that code, if it was sent to a confirmed address of `user`.

    Raises `NotFound` (`invitation_unknown`), also for one that was sent to somebody else.
    """
    live = Invitation.objects.select_related("organization").filter(digest=_digest(code), expires_at__gt=now)
    invitation = live.first()
    if invitation is None or invitation.email not in _addresses(user):
        raise NotFound("invitation_unknown", "No such invitation waits for this address.")
    return invitation


def _addresses(user: User) -> set[str]:
    confirmed = user.emailaddress_set.filter(verified=True)  # type: ignore[attr-defined] # allauth's
    return {email.lower() for email in confirmed.values_list("email", flat=True)}


def accept(*, user: User, code: str, by: Actor, now: datetime) -> Organization:
    """Join the organisation that invited `user`. Raises as `invitation_for` does."""
    with transaction.atomic():
        invitation = invitation_for(user=user, code=code, now=now)
        organization = _lock(invitation.organization)
        if not Invitation.objects.filter(pk=invitation.pk).delete()[0]:
            raise NotFound("invitation_unknown", "No such invitation waits for this address.")
        Membership.objects.get_or_create(
            organization=organization, user=user, defaults={"role": invitation.role}
        )
        _record(organization, "joined", by, object_id=str(user), role=invitation.role)
    return organization


def member_of(organization: Organization, number: int) -> Membership:
    """One of the members. Raises `NotFound` (`member_unknown`), also for another organisation's."""
    member = organization.memberships.select_related("user").filter(pk=number).first()
    if member is None:
        raise NotFound("member_unknown", "The organisation has no such member.")
    return member


def set_role(*, member: Membership, role: Membership.Role, user: User, by: Actor) -> None:
    """Raises `NotPermitted` (`managers_only`) and `Conflict` (`last_manager`)."""
    with transaction.atomic():
        organization = _lock(member.organization)
        require_manager(user, organization)
        if role != Role.MANAGER:
            _refuse_last_manager(member)
        if Membership.objects.filter(pk=member.pk).exclude(role=role).update(role=role):
            _record(organization, f"made_{role}", by, object_id=f"user {member.user_id}")


def remove(*, member: Membership, user: User, by: Actor) -> None:
    """Let a member act for the organisation no more.

    Raises `NotPermitted` (`managers_only`) and `Conflict` (`last_manager`, `organization_not_shared`).
    """
    with transaction.atomic():
        organization = _lock(member.organization)
        require_manager(user, organization)
        _let_go(organization, member, "removed_member", by)


def leave(*, organization: Organization, user: User, by: Actor) -> None:
    """Act for it no more. Raises `Conflict` (`last_manager`, `organization_not_shared`)."""
    with transaction.atomic():
        _lock(organization)
        member = organization.memberships.filter(user=user).first()
        if member is not None:
            _let_go(organization, member, "left", by)


def _let_go(organization: Organization, member: Membership, action: str, by: Actor) -> None:
    if not organization.shared:
        raise Conflict("organization_not_shared", "Nobody leaves what is their own.")
    _refuse_last_manager(member)
    if Membership.objects.filter(pk=member.pk).delete()[0]:
        _record(organization, action, by, object_id=f"user {member.user_id}")


def _refuse_last_manager(member: Membership) -> None:
    others = Membership.objects.filter(organization=member.organization_id, role=Role.MANAGER)
    if not others.exclude(pk=member.pk).exists():
        raise Conflict("last_manager", "Somebody must manage the organisation; make somebody else manager.")


def issue_key_for(*, organization: Organization, name: str, user: User, by: Actor) -> tuple[ApiKey, str]:
    """`issue_key`, by a manager. Raises `NotPermitted` (`managers_only`) and `Conflict` (`too_many_keys`)."""
    with transaction.atomic():
        _lock(organization)
        require_manager(user, organization)
        if organization.api_keys.filter(revoked_at=None).count() >= _MOST_KEYS:
            raise Conflict("too_many_keys", f"At most {_MOST_KEYS} keys are in use at once; revoke one.")
        return issue_key(organization=organization, name=name, by=by)


def key_of(organization: Organization, public_id: str) -> ApiKey:
    """One of its keys. Raises `NotFound` (`api_key_unknown`), also for another organisation's."""
    keys = organization.api_keys.select_related("organization").filter(public_id=public_id)
    key = keys.first() if is_public_id(public_id) else None
    if key is None:
        raise NotFound("api_key_unknown", "The organisation has no such key.")
    return key


def revoke_key_for(*, key: ApiKey, user: User, by: Actor) -> None:
    """`revoke_key`, by a manager. Raises `NotPermitted` (`managers_only`)."""
    with transaction.atomic():
        _lock(key.organization)
        require_manager(user, key.organization)
        revoke_key(key=key, by=by)


def _lock(organization: Organization) -> Organization:
    return Organization.objects.select_for_update().get(pk=organization.pk)


def _new_code() -> str:
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def _digest(code: str) -> bytes:
    return sha256(code.encode()).digest()


def _record(
    organization: Organization, action: str, by: Actor, *, object_id: str = "", **details: str
) -> None:
    record(
        by=by,
        subject="organization",
        action=action,
        object_id=object_id or organization.public_id,
        organization=organization,
        details=details,
    )
