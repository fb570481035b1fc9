"""The worker's part of registering a file: take its fingerprints, forget the picture."""

import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from holdout.errors import UnreadablePicture
from holdout.fingerprints.algorithms import (
    ISCC_IMAGE,
    ISCC_INSTANCE,
    PDQ_256,
    PHASH_256,
    PIXELS_SHA256,
    SHA256,
)
from holdout.fingerprints.picture import PictureFingerprints
from holdout.fingerprints.sandbox import fingerprint_picture
from holdout.resolution import Assurance
from ledger.models import Log
from ledger.services import append
from registry.generic import deny_list, without_generic
from registry.models import Asset, Authorization, Fingerprint, Looks
from registry.records import asset_record, authorization_record
from registry.rivals import quarantine_rivals, same_pictures

STALE_AFTER = timedelta(days=1)


def incoming_path(asset_id: str) -> Path:
    """Where an uploaded picture waits for its fingerprints."""
    store: Path = settings.HOLDOUT_STORE_DIR
    return store / "incoming" / asset_id


def ingest(*, asset_id: str) -> None:
    """Take the fingerprints of a received asset. Twice, or for an asset that is gone, is harmless."""
    path = incoming_path(asset_id)
    asset = Asset.objects.filter(public_id=asset_id, state=Asset.State.RECEIVED).first()
    if asset is not None:
        try:
            _fingerprint(asset, path.read_bytes())
        except FileNotFoundError:
            _refuse(asset, UnreadablePicture("picture_missing", "The upload was not stored; send it again."))
        except UnreadablePicture as error:
            _refuse(asset, error)
    path.unlink(missing_ok=True)


def _fingerprint(asset: Asset, picture: bytes) -> None:
    asked = fingerprint_picture(picture, query=True)
    taken = without_generic(asked, fingerprint_picture(picture, query=False), generic=deny_list())
    same = same_pictures(asked)
    with transaction.atomic():
        # Another worker may hold the same doorbell: the row decides who writes.
        if not Asset.objects.select_for_update().filter(pk=asset.pk, state=Asset.State.RECEIVED).exists():
            return
        _register(asset, taken)
        quarantine_rivals(taken, same=same)


def _register(asset: Asset, taken: PictureFingerprints) -> None:
    """Write what was found, the proof that the file was uploaded, and their records in line for the log."""
    kept, looks = stored_fingerprints(taken), taken.to_bytes()
    Fingerprint.objects.bulk_create(
        [Fingerprint(asset=asset, algorithm=algorithm, value=value) for algorithm, value in kept.items()],
        ignore_conflicts=True,  # the SHA-256 may stand there since the file was received
    )
    Looks.objects.create(asset=asset, value=looks)
    asset.state, asset.width, asset.height = Asset.State.FINGERPRINTED, taken.width, taken.height
    asset.save(update_fields=["state", "width", "height"])
    uploaded = Authorization.objects.create(
        declarant=asset.work.declarant, asset=asset, level=Assurance.L1, method="upload"
    )
    append(
        log=Log.DECLARATIONS,
        entry_type="asset",
        record_id=asset.public_id,
        record=asset_record(asset, kept | _codes(taken), looks=looks),
    )
    append(
        log=Log.DECLARATIONS,
        entry_type="authorization",
        record_id=uploaded.public_id,
        record=authorization_record(uploaded),
    )
    for original in asset.work.assets.filter(state=Asset.State.RECEIVED):
        _register_unseen(original)


def _register_unseen(original: Asset) -> None:
    """The file that the uploaded one is a copy of: its digest is its sender's word, so nothing proves it."""
    claimed = {row.algorithm: bytes(row.value) for row in original.fingerprints.all()}
    original.state = Asset.State.FINGERPRINTED
    original.save(update_fields=["state"])
    append(
        log=Log.DECLARATIONS,
        entry_type="asset",
        record_id=original.public_id,
        record=asset_record(original, claimed, looks=None),
    )


def stored_fingerprints(taken: PictureFingerprints) -> dict[str, bytes]:
    """The fingerprints of a registration that are rows of their own, by algorithm."""
    by_algorithm = {
        SHA256.id: taken.sha256,
        PIXELS_SHA256.id: taken.pixels,
        ISCC_INSTANCE.id: taken.iscc_instance,
        ISCC_IMAGE.id: taken.iscc_image,
    }
    return {algorithm: value for algorithm, value in by_algorithm.items() if value is not None}


def _codes(taken: PictureFingerprints) -> dict[str, bytes]:
    """The codes of the whole picture, which stand in its looks."""
    by_algorithm = {PHASH_256.id: taken.phash, PDQ_256.id: taken.pdq}
    return {algorithm: value for algorithm, value in by_algorithm.items() if value is not None}


def _refuse(asset: Asset, error: UnreadablePicture) -> None:
    Asset.objects.filter(pk=asset.pk, state=Asset.State.RECEIVED).update(
        state=Asset.State.REFUSED, refusal_code=error.code, refusal_detail=error.detail[:500]
    )


def sweep() -> int:
    """Delete uploads for which nobody came back; returns how many."""
    stale = (
        Asset.objects.exclude(state=Asset.State.FINGERPRINTED)
        .filter(created_at__lt=Now() - STALE_AFTER, work__statements=None)
        .select_related("work")
    )
    for asset in stale:
        asset.work.delete()
        incoming_path(asset.public_id).unlink(missing_ok=True)
    # A process that died between writing the file and committing its row left a file without a row.
    for path in incoming_path("").glob("*"):
        if not Asset.objects.filter(public_id=path.name).exists() and _is_stale(path):
            path.unlink(missing_ok=True)
    return len(stale)


def _is_stale(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > STALE_AFTER.total_seconds()
    except FileNotFoundError:
        return False
