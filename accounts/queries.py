"""Reading: who is behind a key, who acts for an organisation, and what they may."""

from django.db.models import QuerySet

from accounts import keys
from accounts.models import ApiKey, Membership, Organization, User
from holdout.errors import NotPermitted


def live_key(text: str) -> ApiKey | None:
    """The unrevoked key with that text, its organisation loaded; None for any other text."""
    if not keys.is_well_formed(text):
        return None
    return (
        ApiKey.objects.select_related("organization")
        .filter(digest=keys.digest(text), revoked_at=None)
        .first()
    )


def is_vetted(organization: Organization) -> bool:
    """Whether it may fetch snapshots now, however long ago `organization` was read."""
    return Organization.objects.filter(pk=organization.pk, may_fetch_snapshots=True).exists()


def may_vouch(organization: Organization) -> bool:
    """Whether it may speak for others now, however long ago `organization` was read."""
    return Organization.objects.filter(pk=organization.pk, may_vouch=True).exists()


def listed_vendors() -> QuerySet[Organization]:
    """Those that a creator may choose to permit them something, by name."""
    return Organization.objects.filter(listed=True).order_by("name", "pk")


def organizations_of_person(user: User) -> QuerySet[Organization]:
    """The creator-side organisations in which a person acts, the oldest first."""
    found = Organization.objects.filter(memberships__user=user, side=Organization.Side.CREATOR)
    return found.order_by("pk")


def is_manager(user: User, organization: Organization) -> bool:
    """Whether that person manages `organization` now."""
    managers = Membership.objects.filter(organization=organization, role=Membership.Role.MANAGER)
    return managers.filter(user=user).exists()


def require_manager(user: User, organization: Organization) -> None:
    """Raise `NotPermitted` (`managers_only`) for everybody else."""
    if not is_manager(user, organization):
        raise NotPermitted("managers_only", "Only who manages the organisation can do that.")
