"""Writing: organisations, memberships, keys, staff, and the audit log."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models.functions import Now

from accounts import keys
from accounts.audit import SYSTEM, Actor
from accounts.models import ApiKey, AuditEvent, Membership, Organization, User
from accounts.queries import organizations_of_person
from holdout.errors import NotPermitted


def personal_organization(*, user: User) -> Organization:
    """The creator-side organisation that is `user`'s own; made at the first call."""
    with transaction.atomic():
        # Two tabs that sign up at once must not make two: the user's row is the lock.
        User.objects.select_for_update().get(pk=user.pk)
        found = organizations_of_person(user).filter(shared=False)
        if organization := found.first():
            return organization
        organization = Organization.objects.create(name="", side=Organization.Side.CREATOR)
        Membership.objects.create(organization=organization, user=user, role=Membership.Role.MANAGER)
        return organization


DIGEST_EVERY: Final = timedelta(days=30)


def want_digest(*, user: User, wanted: bool, now: datetime) -> None:
    """Whether `user` is told by mail, once a month, what came of what they said."""
    User.objects.filter(pk=user.pk).update(next_digest_at=now + DIGEST_EVERY if wanted else None)


def issue_key(*, organization: Organization, name: str, by: Actor = SYSTEM) -> tuple[ApiKey, str]:
    """A new key for `organization`, and its text, which cannot be had again."""
    text = keys.new_key()
    with transaction.atomic():
        row = ApiKey.objects.create(
            organization=organization, name=name, hint=text[: len(keys.PREFIX) + 4], digest=keys.digest(text)
        )
        record(by=by, subject="api_key", action="issued", object_id=row.public_id, organization=organization)
    return row, text


def vet_for_snapshots(*, organization: Organization, by: Actor) -> None:
    """From now on `organization` may fetch snapshots and ask for ranges of keys."""
    _set(organization, "may_fetch_snapshots", True, action="vetted", by=by)


def unvet_for_snapshots(*, organization: Organization, by: Actor) -> None:
    """From now on it may not; what it has expires by itself."""
    _set(organization, "may_fetch_snapshots", False, action="unvetted", by=by)


def let_vouch(*, organization: Organization, by: Actor) -> None:
    """From now on `organization` may speak for people who gave it a mandate.

    Raises `NotPermitted` (`vendors_do_not_vouch`).
    """
    if organization.side != Organization.Side.CREATOR:
        raise NotPermitted("vendors_do_not_vouch", "Who screens pictures does not speak for their creators.")
    _set(organization, "may_vouch", True, action="let_vouch", by=by)


def stop_vouching(*, organization: Organization, by: Actor) -> None:
    """From now on it says nothing new for others; what it said stands."""
    _set(organization, "may_vouch", False, action="stopped_vouching", by=by)


def list_vendor(*, organization: Organization, by: Actor) -> None:
    """From now on creators may choose `organization` to permit it something.

    Raises `NotPermitted` (`only_vendors_listed`).
    """
    if organization.side != Organization.Side.VENDOR:
        raise NotPermitted("only_vendors_listed", "Only who screens pictures can be permitted something.")
    _set(organization, "listed", True, action="listed", by=by)


def unlist_vendor(*, organization: Organization, by: Actor) -> None:
    """From now on nobody can permit it anything new; what it was permitted stands."""
    _set(organization, "listed", False, action="unlisted", by=by)


def accept_inquiries(*, organization: Organization, accepted: bool | None) -> None:
    """Whether vendors may write to those who act for `organization`; None: only about what is conditional."""
    Organization.objects.filter(pk=organization.pk).update(accepts_inquiries=accepted)


def _set(organization: Organization, field: str, value: bool, *, action: str, by: Actor) -> None:
    with transaction.atomic():
        other = Organization.objects.filter(pk=organization.pk, **{field: not value})
        if other.update(**{field: value}):
            record(
                by=by,
                subject="organization",
                action=action,
                object_id=organization.public_id,
                organization=organization,
            )


def revoke_key(*, key: ApiKey, by: Actor = SYSTEM) -> None:
    """From now on nobody gets in with `key`. Revoking twice changes nothing."""
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
            record(
                by=by,
                subject="api_key",
                action="revoked",
                object_id=key.public_id,
                organization=key.organization,
            )


def make_staff(*, email: str, by: Actor) -> User:
    """Let the person with that address into the staff area; an account is made where there is none."""
    email = User.objects.normalize_email(email).lower()
    with transaction.atomic():
        user = User.objects.filter(email=email).first() or User.objects.create_user(email)
        if User.objects.filter(pk=user.pk, is_staff=False).update(is_staff=True):
            record(by=by, subject="user", action="made_staff", object_id=str(user))
    user.refresh_from_db()
    return user


def dismiss_staff(*, user: User, by: Actor) -> None:
    """From the next request on the staff area does not exist for `user`."""
    with transaction.atomic():
        if User.objects.filter(pk=user.pk, is_staff=True).update(is_staff=False):
            record(by=by, subject="user", action="dismissed_staff", object_id=str(user))


def record(
    *,
    by: Actor,
    subject: str,
    action: str,
    object_id: str,
    organization: Organization | None = None,
    details: Mapping[str, str | int | bool] | None = None,
) -> AuditEvent:
    """Write an audit event, in the transaction of what it is about. `details` hold no personal data."""
    return AuditEvent.objects.create(
        what=f"{by.source}:{subject}:{action}",
        actor=by.user,
        object_id=object_id,
        organization=organization.public_id if organization else "",
        request_id=by.request_id,
        network=by.network,
        details=dict(details or {}),
    )
