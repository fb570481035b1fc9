"""The worker's part of registering a file: take its fingerprints, forget the picture."""

import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from holdout.errors import UnreadablePicture
from holdout.fingerprints.algorithms import PHASH_256, SHA256
from holdout.fingerprints.sandbox import fingerprint_picture
from holdout.resolution import Assurance
from ledger.models import Log
from ledger.services import append
from registry.models import Asset, Authorization, Fingerprint
from registry.records import asset_record, authorization_record

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
    taken = fingerprint_picture(picture)
    codes = {SHA256.id: taken.sha256} | ({} if taken.phash is None else {PHASH_256.id: taken.phash})
    with transaction.atomic():
        # Another worker may hold the same doorbell: the row decides who writes.
        if not Asset.objects.select_for_update().filter(pk=asset.pk, state=Asset.State.RECEIVED).exists():
            return
        Fingerprint.objects.bulk_create(
            [Fingerprint(asset=asset, algorithm=algorithm, value=value) for algorithm, value in codes.items()]
        )
        asset.state, asset.width, asset.height = Asset.State.FINGERPRINTED, taken.width, taken.height
        asset.save(update_fields=["state", "width", "height"])
        uploaded = Authorization.objects.create(
            declarant=asset.work.declarant, asset=asset, level=Assurance.L1, method="upload"
        )
        append(
            log=Log.DECLARATIONS,
            entry_type="asset",
            record_id=asset.public_id,
            record=asset_record(asset, codes),
        )
        append(
            log=Log.DECLARATIONS,
            entry_type="authorization",
            record_id=uploaded.public_id,
            record=authorization_record(uploaded),
        )


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
