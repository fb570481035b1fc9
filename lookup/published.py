"""Reading: the snapshots that were published, and the keys that they are signed with."""

from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import Organization
from accounts.queries import is_vetted
from holdout.errors import HoldoutError, NotFound, NotPermitted, Unavailable
from holdout.signing import PublicKey, SigningKey
from lookup.models import Snapshot


class Gone(HoldoutError):
    """There was such a thing; what replaces it must be fetched instead."""

    http_status = 410


def snapshot_folder() -> Path:
    """Where the files lie, under the names that a vendor gives them too; it may not exist."""
    store: Path = settings.HOLDOUT_STORE_DIR
    return store / "snapshots"


def signing_key() -> SigningKey:
    """The key that new snapshots are signed with. Raises `InvalidInput` (`signing_key_malformed`)."""
    return SigningKey.from_text(settings.HOLDOUT_SNAPSHOT_SIGNING_KEY)


def public_keys() -> list[PublicKey]:
    """All keys that vendors are to trust: the one in use, and those before and after it while keys change."""
    others = map(PublicKey.from_text, settings.HOLDOUT_SNAPSHOT_PUBLIC_KEYS)
    return list(dict.fromkeys([signing_key().public, *others]))


def require_vetted(organization: Organization) -> None:
    """Raises `NotPermitted` (`snapshots_need_vetting`): with a snapshot one can test what URLs one likes."""
    if not is_vetted(organization):
        raise NotPermitted(
            "snapshots_need_vetting", "Snapshots and ranges are for vendors that we have vetted; ask us."
        )


def newest() -> Snapshot:
    """The newest version's row, whichever. Raises `NotFound` (`snapshot_unknown`) before the first."""
    if snapshot := Snapshot.objects.order_by("-version").first():
        return snapshot
    raise NotFound("snapshot_unknown", "No snapshot has been published yet.")


def bases() -> QuerySet[Snapshot]:
    """Bases that can be fetched, newest first."""
    return Snapshot.objects.filter(since=0).order_by("-version")


def deltas(version: int) -> QuerySet[Snapshot]:
    """Deltas that lead to `version`, the longest first. They are kept for the newest version alone."""
    return Snapshot.objects.filter(version=version).exclude(since=0).order_by("since")


def base_file(version: int) -> Snapshot:
    """The base of that version. Raises `NotFound` (`snapshot_unknown`)."""
    if base := bases().filter(version=version).first():
        return base
    raise NotFound(
        "snapshot_unknown", "There is no base of that version; GET /v1/snapshots lists what there is."
    )


def delta_file(since: int) -> Snapshot | None:
    """The delta from version `since` to the newest; None when that is the newest.

    Raises `NotFound` (`snapshot_unknown`) for a version that never was, and `Gone` (`snapshot_too_old`).
    """
    last = newest().version
    if not 0 < since <= last:
        raise NotFound("snapshot_unknown", "There is no such version.")
    if since == last:
        return None
    if delta := deltas(last).filter(since=since).first():
        return delta
    raise Gone("snapshot_too_old", "No delta leads from that version any more; fetch the base.")


def path_of(snapshot: Snapshot) -> Path:
    """Where its file lies."""
    return snapshot_folder() / snapshot.name


def opened(snapshot: Snapshot) -> BinaryIO:
    """Its file, for reading. Raises `Unavailable` (`snapshot_unavailable`) when it was replaced or lost."""
    try:
        return path_of(snapshot).open("rb")
    except OSError as error:
        raise Unavailable(
            "snapshot_unavailable", "That file is not here; ask /v1/snapshots again."
        ) from error
