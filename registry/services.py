"""Writing: declarants, works and their files, what those look like, places, and proofs of control."""

import time
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from accounts.audit import Actor
from accounts.models import Organization
from accounts.services import record
from holdout.durable import durable_file
from holdout.errors import Conflict, NotPermitted, Unavailable, UnreadablePicture
from holdout.fingerprints.algorithms import SHA256
from holdout.fingerprints.exact import sha256
from holdout.ids import new_id
from holdout.picture_hosts import named_account_key, registered_picture_key, registered_url_key
from holdout.resolution import Assurance
from holdout.urls import KeyKind, RuleKey, domain_key, host_key, key_check, path_key
from ledger.models import Log
from ledger.services import append, append_many
from registry import tasks
from registry.ingest import incoming_path
from registry.models import Asset, Authorization, Declarant, Fingerprint, Locator, Standing, Work
from registry.records import authorization_record, places_record
from registry.samples import draw
from registry.scopes import refuse_overreach
from registry.standings import say_standing

_KEY_OF_KIND = {
    KeyKind.URL: registered_url_key,
    KeyKind.PICTURE: registered_picture_key,
    KeyKind.PATH: path_key,
    KeyKind.HOST: host_key,
    KeyKind.DOMAIN: domain_key,
    KeyKind.ACCOUNT: named_account_key,
}


def default_declarant(*, organization: Organization) -> Declarant:
    """The declarant for which `organization` speaks when it names none; made at the first call.

    Never somebody for whom it, or another, had a mandate.
    """
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=organization.pk)
        own = organization.declarants.filter(mandates=None)
        return own.order_by("pk").first() or Declarant.objects.create(
            organization=organization, name=organization.name
        )


def receive_picture(
    *, declarant: Declarant, title: str, picture: bytes, original: bytes | None = None
) -> Asset:
    """A new work with one file, whose fingerprints a worker takes; the picture is not kept afterwards.

    `original` is the SHA-256 of the file that `picture` is a smaller copy of. Unless it is the picture's own
    it is the sender's word: it becomes a second file of the work, registered together with the picture,
    that nothing proves. Returns at once; `await_fingerprints` tells what came of it.
    """
    with transaction.atomic():
        work = Work.objects.create(organization=declarant.organization, declarant=declarant, title=title)
        asset = Asset.objects.create(work=work)
        if original is not None:
            own = original == sha256(picture)
            # Written before the worker comes, so that the same file sent again is found at once.
            Fingerprint.objects.create(
                asset=asset if own else Asset.objects.create(work=work), algorithm=SHA256.id, value=original
            )
        with durable_file(incoming_path(asset.public_id)) as file:
            file.write(picture)
        # A bell that cannot be rung is no error: the upload is stored, and waiting for it ends in time.
        transaction.on_commit(lambda: tasks.ingest.delay(asset_id=asset.public_id), robust=True)
    return asset


def receive_once(*, declarant: Declarant, title: str, picture: bytes, original: bytes) -> Asset:
    """`receive_picture`, or, where the organisation sent that `original` before, the file that came with it.

    Whatever became of that one: `await_fingerprints` tells.
    """
    with transaction.atomic():
        if sent := sent_before(declarant=declarant, original=original):
            return sent
        return receive_picture(declarant=declarant, title=title, picture=picture, original=original)


def sent_before(*, declarant: Declarant, original: bytes) -> Asset | None:
    """The first file of the work that the organisation made of the file with this SHA-256, if it did.

    In a transaction, to the end of which nobody else makes one: two tabs at once must not make two works.
    """
    Organization.objects.select_for_update(no_key=True).get(pk=declarant.organization_id)
    sent = Work.objects.filter(
        organization=declarant.organization_id,
        declarant__spoken_for=False,
        assets__fingerprints__algorithm=SHA256.id,
        assets__fingerprints__value=original,
    )
    work = sent.order_by("pk").first()
    return None if work is None else work.assets.order_by("pk")[0]


def await_fingerprints(*, asset: Asset) -> Asset:
    """The asset once its fingerprints are taken.

    When they cannot be, nothing of the work stays. Raises `UnreadablePicture` with the decoder's code, and
    `Unavailable` (`ingest_busy`) when no worker has reached it in time.
    """
    deadline = time.monotonic() + settings.HOLDOUT_INGEST_TIMEOUT_SECONDS
    while True:
        try:
            asset.refresh_from_db()
        except Asset.DoesNotExist:
            # Sent twice at once, and whoever waited for it too has discarded it.
            raise _busy() from None
        if asset.state == Asset.State.FINGERPRINTED:
            return asset
        if asset.state == Asset.State.REFUSED:
            discard_asset(asset=asset)
            raise UnreadablePicture(asset.refusal_code, asset.refusal_detail)
        if time.monotonic() >= deadline and discard_asset(asset=asset):
            raise _busy()
        time.sleep(0.02)


def _busy() -> Unavailable:
    return Unavailable("ingest_busy", "The picture could not be read in time; send it again in a minute.")


def discard_asset(*, asset: Asset) -> bool:
    """Forget a file whose fingerprints were never taken, and its work; False when they were after all."""
    with transaction.atomic():
        locked = Asset.objects.select_for_update().exclude(state=Asset.State.FINGERPRINTED)
        if not locked.filter(pk=asset.pk).exists():
            return False
        asset.work.delete()
    incoming_path(asset.public_id).unlink(missing_ok=True)
    return True


def set_standing(*, asset: Asset, standing: Standing.Word, reason: Standing.Reason, by: Actor) -> bool:
    """Say what an asset's looks may lead to from its log index on; False where that was said already.

    It holds for the file, whoever registered it. Raises `Conflict` (`asset_not_registered`) for a file whose
    fingerprints were never taken.
    """
    if asset.state != Asset.State.FINGERPRINTED:
        raise Conflict("asset_not_registered", "The fingerprints of that file were never taken.")
    with transaction.atomic():
        said = say_standing(asset, standing, reason)
        if said is not None:
            record(
                by=by,
                subject="asset",
                action=f"made_{standing}",
                object_id=asset.public_id,
                organization=asset.work.organization,
            )
    return said is not None


def register_locators(
    *, declarant: Declarant, targets: Sequence[tuple[KeyKind, str]], work: Work | None = None
) -> list[Locator]:
    """Places of `declarant`, in the order of `targets`; what is registered already is not made again.

    A URL of a known image host becomes the place of its picture (kind `picture`): it is then found in every
    size, and two of its sizes are one place.

    With `work`: places where that work is found; they count from their log index on. Raises `InvalidInput`
    for a target that is no such place and `NotPermitted` for one that nobody can claim (`registry.scopes`);
    then nothing is written.
    """
    platform = declarant.organization.may_vouch
    keys = [(target, checked_key(kind, target, platform=platform)) for kind, target in targets]
    return register_keys(declarant=declarant, keys=keys, work=work)


def register_keys(
    *, declarant: Declarant, keys: Sequence[tuple[str, RuleKey]], work: Work | None = None
) -> list[Locator]:
    """`register_locators` for targets whose keys were checked; the cost does not grow with their number."""
    if work is not None and work.declarant_id != declarant.pk:
        raise NotPermitted(
            "not_your_subject", "Only the declarant who registered a work can say where it is."
        )
    checks = [key_check(key.text) for _, key in keys]
    registration = "" if work is None else new_id("lor")
    with transaction.atomic():
        # With ignore_conflicts Django cannot tell which rows are new, so they are read back.
        Locator.objects.bulk_create(
            [
                Locator(
                    declarant=declarant,
                    work=work,
                    kind=key.kind,
                    target=target,
                    key=key.text,
                    key_check=check,
                    registration=registration,
                )
                for (target, key), check in zip(keys, checks, strict=True)
            ],
            ignore_conflicts=True,
            batch_size=1_000,
        )
        rows = Locator.objects.filter(declarant=declarant, work=work, key_check__in=checks)
        by_check = {bytes(row.key_check): row for row in rows}
        draw(rows, declarant=declarant)
        if work is not None and (new := [row for row in rows if row.registration == registration]):
            append(
                log=Log.DECLARATIONS,
                entry_type="places",
                record_id=registration,
                record=places_record(registration, work, new),
            )
    return [by_check[check] for check in checks]


def key_of(kind: KeyKind, target: str) -> RuleKey:
    """The key of a place. Raises `InvalidInput` for a target that is no such place."""
    return _KEY_OF_KIND[kind](target)


def checked_key(kind: KeyKind, target: str, *, platform: bool = False) -> RuleKey:
    """`key_of`, if anybody may claim it. Raises `NotPermitted` as `registry.scopes` does.

    A platform that may vouch can claim, and then prove, the host on which many publish; nobody can say
    anything of it (`consent.places.intend`).
    """
    key = key_of(kind, target)
    try:
        refuse_overreach(key)
    except NotPermitted as error:
        whole = kind in (KeyKind.HOST, KeyKind.DOMAIN)
        if not (platform and whole and error.code == "scope_is_shared_host"):
            raise
    return key


def authorize_locators(
    *, declarant: Declarant, locators: Sequence[Locator], level: Assurance, method: str
) -> list[Authorization]:
    """Record that `declarant` has proven control of `locators` at `level`.

    Raises `NotPermitted` (`not_your_subject`) for a place that another declarant registered.
    """
    if any(locator.declarant_id != declarant.pk for locator in locators):
        raise NotPermitted("not_your_subject", "A proof counts only for what its declarant registered.")
    with transaction.atomic():
        rows = Authorization.objects.bulk_create(
            [
                Authorization(declarant=declarant, locator=locator, level=level, method=method)
                for locator in locators
            ],
            batch_size=1_000,
        )
        append_many(
            log=Log.DECLARATIONS,
            entry_type="authorization",
            records={row.public_id: authorization_record(row) for row in rows},
        )
    return rows
