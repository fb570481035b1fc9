"""Reading: which registered files and places answer to a key, and how well they are proven.

What is not sequenced at `as_of` (a log index) does not exist here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Max, QuerySet

from accounts.models import Organization
from holdout.errors import NotFound
from holdout.ids import is_public_id
from holdout.resolution import Assurance
from registry.models import Authorization, Work


@dataclass(frozen=True, slots=True)
class FoundAsset:
    """An asset that carries an asked fingerprint."""

    value: bytes
    asset: int
    work: int
    logged_at: int


@dataclass(frozen=True, slots=True)
class FoundLocator:
    """A place that covers an asked URL; `work` is set where it is a work's place."""

    key_check: bytes
    locator: int
    work: int | None
    assurance: Assurance


_ASSETS = """
SELECT f.value, a.id, a.work_id, entry.index
FROM registry_fingerprint f
JOIN registry_asset a ON a.id = f.asset_id
JOIN ledger_logentry entry ON entry.record_id = a.public_id
WHERE f.algorithm = %(algorithm)s AND entry.index <= %(as_of)s AND {restriction}
ORDER BY entry.index
"""

_ASSET_ASSURANCES = """
SELECT p.asset_id, MAX(p.level)
FROM registry_authorization p
JOIN ledger_logentry proof ON proof.record_id = p.public_id
WHERE p.asset_id = ANY(%(assets)s) AND proof.index <= %(as_of)s
GROUP BY p.asset_id
"""

_LOCATORS = """
SELECT l.key_check, l.id, l.work_id, COALESCE(MAX(p.level) FILTER (WHERE proof.index <= %(as_of)s), 0)
FROM registry_locator l
LEFT JOIN registry_authorization p ON p.locator_id = l.id AND p.declarant_id = l.declarant_id
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
            FoundAsset(bytes(value), asset, work, index) for value, asset, work, index in cursor.fetchall()
        ]


def asset_assurances(assets: Collection[int], *, as_of: int) -> dict[int, Assurance]:
    """How well each of these assets is proven, where it is at all."""
    with connection.cursor() as cursor:
        cursor.execute(_ASSET_ASSURANCES, {"assets": list(assets), "as_of": as_of})
        return {asset: Assurance(level) for asset, level in cursor.fetchall()}


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
        .select_related("declarant")
        .prefetch_related("assets")
        .order_by("-created_at", "-pk")
    )


def work_of(organization: Organization, public_id: str) -> Work:
    """One of a tenant's works. Raises `NotFound` (`work_unknown`), also for another tenant's."""
    work = works_of(organization).filter(public_id=public_id).first() if is_public_id(public_id) else None
    if work is None:
        raise NotFound("work_unknown", "You have no work with that id.")
    return work


def work_with_id(public_id: str) -> Work:
    """A work, whosever it is. Raises `NotFound` (`work_unknown`)."""
    works = Work.objects.select_related("declarant").filter(public_id=public_id)
    work = works.first() if is_public_id(public_id) else None
    if work is None:
        raise NotFound("work_unknown", "No work has that id.")
    return work


def work_assurance(work: Work, *, as_of: int) -> Assurance:
    """The best proof for any file of a work."""
    assets = work.assets.values_list("pk", flat=True)
    return max(asset_assurances(assets, as_of=as_of).values(), default=Assurance.L0)
