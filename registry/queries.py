"""Reading: which registered files and places answer to a key, and how well they are proven.

What is not sequenced at `as_of` (a log index) does not exist here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Max, QuerySet

from accounts.models import Organization
from holdout.errors import NotFound
from holdout.fingerprints.algorithms import SHA256, parse_code
from holdout.ids import is_public_id
from holdout.resolution import Assurance
from registry.models import Asset, Authorization, Standing, Work


@dataclass(frozen=True, slots=True)
class Claim:
    """A registered file that somebody says is theirs."""

    asset: int
    organization: int
    level: Assurance
    """The best proof on record, sequenced or not."""


@dataclass(frozen=True, slots=True)
class FoundLocator:
    """A place that covers an asked URL; `work` is set where it is a work's place."""

    key_check: bytes
    locator: int
    work: int | None
    assurance: Assurance


_CLAIMS = """
SELECT a.id, w.organization_id, COALESCE(MAX(p.level), 0)
FROM registry_asset a
JOIN registry_work w ON w.id = a.work_id
LEFT JOIN registry_authorization p ON p.asset_id = a.id
WHERE a.id IN (SELECT f.asset_id FROM registry_fingerprint f WHERE {restriction})
GROUP BY a.id, w.organization_id
ORDER BY a.id
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


def claims_of(digests: Mapping[str, Collection[bytes]]) -> list[Claim]:
    """Everybody who claims a file with one of these exact fingerprints, by algorithm."""
    restriction = " OR ".join(["(f.algorithm = %s AND f.value = ANY(%s))"] * len(digests))
    parameters = [part for name, values in digests.items() for part in (name, list(values))]
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMS.format(restriction=restriction), parameters)
        return [Claim(asset, owner, Assurance(level)) for asset, owner, level in cursor.fetchall()]


def assets_named(name: str) -> list[Asset]:
    """The registered assets of a file, by its SHA-256 in hex, or the one with that public id.

    Raises `NotFound` (`asset_unknown`) where there is none.
    """
    finished = Asset.objects.filter(state=Asset.State.FINGERPRINTED).order_by("pk")
    if is_public_id(name):
        found = finished.filter(public_id=name)
    else:
        found = finished.filter(
            fingerprints__algorithm=SHA256.id, fingerprints__value=parse_code(SHA256.id, name)
        )
    if assets := list(found):
        return assets
    raise NotFound("asset_unknown", "No registered file has that id or digest.")


def last_standings(assets: Collection[int]) -> dict[int, tuple[str, str]]:
    """What was last said of these assets' looks, sequenced or not, and why; nothing: live from the first."""
    last = Standing.objects.filter(asset__in=assets).order_by("asset", "-pk").distinct("asset")
    return {row.asset_id: (row.standing, row.reason) for row in last}


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
