"""Reading: which registered files and places answer to a key, and how well they are proven.

What is not sequenced at `as_of` (a log index) does not exist here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Max, QuerySet

from accounts.models import Organization
from holdout.resolution import Assurance
from registry.models import Authorization, Work


@dataclass(frozen=True, slots=True)
class FoundAsset:
    """An asset that carries an asked fingerprint."""

    value: bytes
    asset: int
    work: int
    assurance: Assurance
    logged_at: int


@dataclass(frozen=True, slots=True)
class FoundLocator:
    """A place that covers an asked URL; `work` is set where it is a work's place."""

    key_check: bytes
    locator: int
    work: int | None
    assurance: Assurance


_ASSETS = """
SELECT f.value, a.id, a.work_id, COALESCE(MAX(p.level), 0), entry.index
FROM registry_fingerprint f
JOIN registry_asset a ON a.id = f.asset_id
JOIN ledger_logentry entry ON entry.record_id = a.public_id
LEFT JOIN registry_authorization p ON p.asset_id = a.id
WHERE f.algorithm = %(algorithm)s AND entry.index <= %(as_of)s AND {restriction}
GROUP BY f.value, a.id, a.work_id, entry.index
ORDER BY entry.index
"""

_LOCATORS = """
SELECT l.key_check, l.id, l.work_id, COALESCE(MAX(p.level) FILTER (WHERE proof.index <= %(as_of)s), 0)
FROM registry_locator l
LEFT JOIN registry_authorization p ON p.locator_id = l.id
LEFT JOIN ledger_logentry proof ON proof.record_id = p.public_id
WHERE l.key_check = ANY(%(checks)s)
GROUP BY l.id
"""


def assets_by_sha256(digests: Collection[bytes], *, as_of: int) -> list[FoundAsset]:
    """The assets whose file has one of these SHA-256 digests."""
    return _assets(
        "f.value = ANY(%(digests)s)",
        {"algorithm": "sha256", "digests": list(digests), "as_of": as_of},
    )


def assets_with_code(algorithm: str, *, after: int, as_of: int) -> list[FoundAsset]:
    """The assets with a perceptual code that were logged after index `after`, in log order."""
    return _assets("entry.index > %(after)s", {"algorithm": algorithm, "after": after, "as_of": as_of})


def _assets(restriction: str, parameters: dict[str, Any]) -> list[FoundAsset]:
    with connection.cursor() as cursor:
        cursor.execute(_ASSETS.format(restriction=restriction), parameters)
        return [
            FoundAsset(bytes(value), asset, work, Assurance(level), index)
            for value, asset, work, level, index in cursor.fetchall()
        ]


def locators_by_check(checks: Sequence[bytes], *, as_of: int) -> list[FoundLocator]:
    """The places whose canonical key has one of these checks (`holdout.urls.key_check`)."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCATORS, {"checks": list(checks), "as_of": as_of})
        return [
            FoundLocator(bytes(check), locator, work, Assurance(level))
            for check, locator, work, level in cursor.fetchall()
        ]


def locator_assurances(locators: Collection[int]) -> dict[int, Assurance]:
    """The best proof on record for each of these places that has one, sequenced or not."""
    best = Authorization.objects.filter(locator__in=locators).values("locator").annotate(best=Max("level"))
    return {row["locator"]: Assurance(row["best"]) for row in best}


def works_of(organization: Organization) -> QuerySet[Work]:
    """The works of a tenant, newest first."""
    return (
        Work.objects.filter(organization=organization)
        .prefetch_related("assets")
        .order_by("-created_at", "-pk")
    )
