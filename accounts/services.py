"""Writing: organisations, memberships, keys."""

from django.db import transaction
from django.db.models.functions import Now

from accounts import keys
from accounts.models import ApiKey, Membership, Organization, User


def personal_organization(*, user: User) -> Organization:
    """The creator-side organisation in which `user` acts; made at the first call."""
    with transaction.atomic():
        # Two tabs that sign up at once must not make two: the user's row is the lock.
        User.objects.select_for_update().get(pk=user.pk)
        found = Organization.objects.filter(memberships__user=user, side=Organization.Side.CREATOR)
        if organization := found.order_by("pk").first():
            return organization
        organization = Organization.objects.create(name="", side=Organization.Side.CREATOR)
        Membership.objects.create(organization=organization, user=user)
        return organization


def issue_key(*, organization: Organization, name: str) -> tuple[ApiKey, str]:
    """A new key for `organization`, and its text, which cannot be had again."""
    text = keys.new_key()
    row = ApiKey.objects.create(
        organization=organization, name=name, hint=text[: len(keys.PREFIX) + 4], digest=keys.digest(text)
    )
    return row, text


def revoke_key(*, key: ApiKey) -> None:
    """From now on nobody gets in with `key`. Revoking twice changes nothing."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now())
