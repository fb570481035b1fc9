"""Reading: who is behind a key, and what they may."""

from accounts import keys
from accounts.models import ApiKey, Organization


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
