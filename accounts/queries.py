"""Reading: who is behind a key."""

from accounts import keys
from accounts.models import ApiKey


def live_key(text: str) -> ApiKey | None:
    """The unrevoked key with that text, its organisation loaded; None for any other text."""
    if not keys.is_well_formed(text):
        return None
    return (
        ApiKey.objects.select_related("organization")
        .filter(digest=keys.digest(text), revoked_at=None)
        .first()
    )
