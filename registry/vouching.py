"""What a platform or society registers for somebody: their places and files, at the level of a voucher.

Many at once for as few queries as one. Callers hold the mandate (`registry.mandates.holding`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from accounts.models import Organization
from holdout.errors import NotPermitted
from holdout.fingerprints.algorithms import SHA256
from holdout.resolution import LEAST_ASSURANCE, Assurance
from holdout.urls import KeyKind, RuleKey, canonicalize, is_ip, key_host, key_path, rule_keys
from holdout.verdicts import MatchMethod
from ledger.models import Log
from ledger.services import append_many
from registry.models import Asset, Authorization, Declarant, Fingerprint, Locator, Work
from registry.queries import holding_authorizations
from registry.records import asset_record, authorization_record
from registry.scopes import refuse_overreach
from registry.services import authorize_locators, key_of, register_keys

METHOD: Final = "voucher"
_ON_A_SHARED_HOST: Final = frozenset({"scope_is_shared_host", "scope_path_too_broad"})


def own_sites(organization: Organization) -> frozenset[str]:
    """The keys of the hosts and domains that an organisation proved to be its own, by a code put there."""
    proofs = holding_authorizations().filter(
        declarant__organization=organization,
        declarant__spoken_for=False,
        challenge__isnull=False,
        level__gte=LEAST_ASSURANCE[MatchMethod.HOST],
        locator__kind__in=[KeyKind.HOST.value, KeyKind.DOMAIN.value],
    )
    return frozenset(proofs.values_list("locator__key", flat=True))


def users_key(kind: KeyKind, target: str, *, sites: Collection[str]) -> RuleKey:
    """The key of a place of one of a platform's users.

    A host on which many publish is no obstacle where it is the platform's own (`sites`). Raises InvalidInput
    for what is no such place, and NotPermitted as `registry.scopes` does.
    """
    key = key_of(kind, target)
    try:
        refuse_overreach(key)
    except NotPermitted as error:
        if error.code not in _ON_A_SHARED_HOST or not _is_part_of(sites, key):
            raise
    return key


def _is_part_of(sites: Collection[str], key: RuleKey) -> bool:
    """Whether a place is a part, and not the whole, of one of these hosts and domains."""
    host = key_host(key.text)
    if is_ip(host):
        return False
    above = [k for k in rule_keys(canonicalize(f"https://{host}/")) if k.text in sites]
    if key.kind is KeyKind.PATH:
        return bool(above) and key_path(key.text) != "/"
    return any(k.kind is KeyKind.DOMAIN and key_host(k.text) != host for k in above)


def vouch_for_places(*, declarant: Declarant, keys: Sequence[tuple[str, RuleKey]]) -> list[Locator]:
    """Places of `declarant` with the voucher's proof, in the order of `keys` (target and key)."""
    places = register_keys(declarant=declarant, keys=keys)
    distinct = {place.pk: place for place in places}
    proofs = holding_authorizations().filter(locator__in=distinct, method=METHOD)
    vouched = set(proofs.values_list("locator", flat=True))
    new = [place for pk, place in distinct.items() if pk not in vouched]
    authorize_locators(declarant=declarant, locators=new, level=Assurance.L5, method=METHOD)
    return places


def vouch_for_files(*, declarant: Declarant, digests: Collection[bytes]) -> dict[bytes, Work]:
    """By SHA-256: works of `declarant` with that file, unseen by us, with the voucher's proof."""
    works = _works_with(declarant, digests)
    new = {digest: Work(organization=declarant.organization, declarant=declarant) for digest in digests}
    new = {digest: work for digest, work in new.items() if digest not in works}
    Work.objects.bulk_create(new.values(), batch_size=1_000)
    _write_files(declarant, new)
    return works | new


def _works_with(declarant: Declarant, digests: Collection[bytes]) -> dict[bytes, Work]:
    found = Fingerprint.objects.filter(
        algorithm=SHA256.id, value__in=list(digests), asset__work__declarant=declarant
    )
    return {bytes(row.value): row.asset.work for row in found.select_related("asset__work").order_by("-pk")}


def _write_files(declarant: Declarant, works: Mapping[bytes, Work]) -> None:
    """Files of which only the digest is known, as ingest leaves those that it has seen."""
    assets = {digest: Asset(work=work, state=Asset.State.FINGERPRINTED) for digest, work in works.items()}
    Asset.objects.bulk_create(assets.values(), batch_size=1_000)
    Fingerprint.objects.bulk_create(
        [Fingerprint(asset=asset, algorithm=SHA256.id, value=digest) for digest, asset in assets.items()],
        batch_size=1_000,
    )
    proofs = Authorization.objects.bulk_create(
        [
            Authorization(declarant=declarant, asset=asset, level=Assurance.L5, method=METHOD)
            for asset in assets.values()
        ],
        batch_size=1_000,
    )
    append_many(
        log=Log.DECLARATIONS,
        entry_type="asset",
        records={
            asset.public_id: asset_record(asset, {SHA256.id: digest}, looks=None)
            for digest, asset in assets.items()
        },
    )
    append_many(
        log=Log.DECLARATIONS,
        entry_type="authorization",
        records={proof.public_id: authorization_record(proof) for proof in proofs},
    )
