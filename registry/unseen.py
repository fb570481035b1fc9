"""Files that never leave their creator's device: a browser takes a digest and two codes of each.

Both are the creator's word. The digest restricts the very file (L0). The codes count while the declarant
controls a place, and as codes always do: near copies are for review, crops are not found.
"""

from dataclasses import dataclass

import numpy as np
from django.db import transaction

from holdout.fingerprints.algorithms import PDQ_256, PHASH_256, SHA256
from holdout.fingerprints.exact import sha256
from holdout.index.looks import Family, alike
from ledger.models import Log
from ledger.services import append
from registry.generic import deny_list
from registry.models import Asset, Declarant, Fingerprint, Work
from registry.records import asset_record
from registry.services import sent_before


@dataclass(frozen=True, slots=True)
class Codes:
    """Of a whole picture, upright: `phash-256/1` and `pdq-256/1` (32 bytes each), and its size in pixels."""

    phash: bytes
    pdq: bytes
    width: int
    height: int


def register_unseen(*, declarant: Declarant, title: str, original: bytes, codes: Codes | None) -> Asset:
    """A file that nobody but its creator has seen, as a new work; or what came with that `original` before.

    `original` is the file's SHA-256. Without codes, or where they are those of a picture that everybody has,
    only the very file is found. The file's record stands in line for the log.
    """
    known = {SHA256.id: original}
    if codes is not None and not _is_generic(codes):
        known |= {
            PHASH_256.id: codes.phash,
            PDQ_256.id: codes.pdq,
            Fingerprint.CODES: sha256(codes.phash + codes.pdq),
        }
    with transaction.atomic():
        if sent := sent_before(declarant=declarant, original=original):
            return sent
        work = Work.objects.create(organization=declarant.organization, declarant=declarant, title=title)
        asset = Asset.objects.create(
            work=work,
            state=Asset.State.FINGERPRINTED,
            width=None if codes is None else codes.width,
            height=None if codes is None else codes.height,
        )
        Fingerprint.objects.bulk_create(
            Fingerprint(asset=asset, algorithm=algorithm, value=value) for algorithm, value in known.items()
        )
        append(
            log=Log.DECLARATIONS,
            entry_type="asset",
            record_id=asset.public_id,
            record=asset_record(asset, known, looks=None),
        )
    return asset


def _is_generic(codes: Codes) -> bool:
    families: tuple[tuple[Family, bytes], ...] = (("phash", codes.phash), ("pdq", codes.pdq))
    return any(
        True
        for family, code in families
        for _ in alike(family, np.frombuffer(code, dtype=np.uint8).reshape(1, -1), [deny_list()])
    )
