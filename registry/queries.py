"""Reading: which registered files and places answer to a key, and how well they are proven.

What is not sequenced at `as_of` (a log index) does not exist here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import connection
from django.db.models import Max, Q, QuerySet

from accounts.models import Organization
from holdout.errors import NotFound
from holdout.fingerprints.algorithms import SHA256, parse_code
from holdout.ids import is_public_id
from holdout.resolution import LEAST_ASSURANCE_TO_ALLOW, Assurance
from holdout.urls import KeyKind
from registry import assurances
from registry.models import Asset, Authorization, Locator, Mandate, Standing, Work


@dataclass(frozen=True, slots=True)
class Claim:
    """A registered file that somebody says is theirs."""

    asset: int
    organization: int
    level: Assurance
    """The best proof on record, sequenced or not."""


@dataclass(frozen=True, slots=True)
class Proven:
    """How well a file is proven, and whether that suffices to permit something."""

    level: Assurance
    permits: bool


_CLAIMED = [KeyKind.PATH.value, KeyKind.HOST.value, KeyKind.DOMAIN.value]

_CLAIMS = """
SELECT a.id, w.organization_id, COALESCE(MAX(p.level), 0)
FROM registry_asset a
JOIN registry_work w ON w.id = a.work_id
LEFT JOIN registry_authorization p ON p.asset_id = a.id
WHERE a.id IN (SELECT f.asset_id FROM registry_fingerprint f WHERE {restriction})
GROUP BY a.id, w.organization_id
ORDER BY a.id
"""

_PROVEN = f"""
SELECT {assurances.OF_FILE}, {assurances.BY_PLACES}
FROM registry_asset a JOIN registry_work w ON w.id = a.work_id WHERE w.id = %(work)s
"""  # noqa: S608


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


def holding_authorizations() -> QuerySet[Authorization]:
    """The proofs that have not lapsed, sequenced or not."""
    return Authorization.objects.filter(lapse=None, rests_on__lapse=None)


def locator_assurances(locators: Collection[int]) -> dict[int, Assurance]:
    """The best proof that holds for each of these places that has one, sequenced or not."""
    best = holding_authorizations().filter(locator__in=locators).values("locator").annotate(best=Max("level"))
    return {row["locator"]: Assurance(row["best"]) for row in best}


def places_of(organization: Organization) -> QuerySet[Locator]:
    """The places of a tenant that stand for themselves, newest first, and all that it took over.

    Not those of people for whom it speaks: of them it says what its mandates let it say, elsewhere.
    """
    own = Locator.objects.filter(declarant__organization=organization, declarant__spoken_for=False)
    shown = Q(kind__in=_CLAIMED) | Q(declarant__in=Mandate.objects.values("declarant"))
    standing = own.filter(shown, work=None, belongs_to=None)
    return standing.select_related("declarant__organization").order_by("-pk")


def place_of(organization: Organization, public_id: str) -> Locator:
    """One of a tenant's places. Raises `NotFound` (`place_unknown`), also for another tenant's."""
    found = places_of(organization).filter(public_id=public_id) if is_public_id(public_id) else None
    place = None if found is None else found.first()
    if place is None:
        raise NotFound("place_unknown", "You have no place with that id.")
    return place


def proven_place(code: str) -> Locator | None:
    """The place that a code proved, while that holds; None for any other text."""
    proofs = holding_authorizations().filter(challenge__code=code, locator__isnull=False)
    proof = proofs.select_related("locator").first() if code.isalnum() else None
    return proof.locator if proof else None


def works_of(organization: Organization) -> QuerySet[Work]:
    """The works of a tenant, newest first; not those of people for whom it speaks."""
    return (
        Work.objects.filter(organization=organization, declarant__spoken_for=False)
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


def work_assurance(work: Work, *, as_of: int) -> Proven:
    """The best proof for any file of a work."""
    with connection.cursor() as cursor:
        cursor.execute(_PROVEN, {"work": work.pk, "as_of": as_of})
        rows = cursor.fetchall()
    own = max((row[0] for row in rows), default=0)
    by_places = max((row[1] for row in rows), default=0)
    level = max(own, by_places) if own >= assurances.UPLOADED else own
    return Proven(Assurance(level), permits=own >= LEAST_ASSURANCE_TO_ALLOW)
