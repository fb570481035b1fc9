"""Plain functions that make what a story starts with."""

import threading
from collections.abc import Mapping
from hashlib import sha256

from django.db import transaction

from consent.models import Statement
from consent.services import declare, declare_many
from holdout.fingerprints.picture import Gate, Pane, PaneKind, PictureFingerprints
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.vocabulary import PRESETS, Preferences
from ledger.models import Log
from ledger.services import append, sequence_pending
from lookup.indexing import Indexer
from registry.ingest import ingest
from registry.models import Asset, Authorization, Declarant, Fingerprint, Locator, Looks, Work
from registry.services import authorize_locators, receive_picture, register_locators

_SETTLING = threading.Lock()
CODES = ("phash-256/1", "pdq-256/1")
NO_AI = PRESETS["no-ai"]
OPEN = PRESETS["open"]


def settle() -> int:
    """What a running sequencer and indexer would have done by now; returns how many entries got their
    place.
    """
    with _SETTLING:  # a test may settle while a thread of it does so all the time
        sequenced = sequence_pending()
        with Indexer() as indexer:
            while indexer.catch_up():
                pass
    return sequenced


def reserve_place(
    declarant: Declarant,
    target: str,
    *,
    kind: KeyKind = KeyKind.URL,
    preferences: Preferences = NO_AI,
    level: Assurance = Assurance.L3,
    vouched: bool = False,
) -> Statement:
    """A sequenced statement about a place whose control is proven at `level`."""
    (locator,) = register_locators(declarant=declarant, targets=[(kind, target)])
    if level:
        authorize_locators(declarant=declarant, locators=[locator], level=level, method="operator")
    statement = declare(declarant=declarant, subject=locator, preferences=preferences, vouched=vouched)
    settle()
    return statement


def reserve_places(declarant: Declarant, kind: KeyKind, targets: list[str]) -> list[Statement]:
    locators = register_locators(declarant=declarant, targets=[(kind, target) for target in targets])
    authorize_locators(declarant=declarant, locators=locators, level=Assurance.L3, method="operator")
    statements = declare_many(declarant=declarant, subjects=locators, preferences=NO_AI)
    settle()
    return statements


def fingerprinted_work(
    declarant: Declarant, fingerprints: Mapping[str, bytes], *, level: Assurance = Assurance.L1
) -> Work:
    """A work with one file that has these fingerprints, as ingest leaves it; a code becomes its looks."""
    looks = looks_of(fingerprints)
    with transaction.atomic():
        work = Work.objects.create(organization=declarant.organization, declarant=declarant)
        asset = Asset.objects.create(work=work, state=Asset.State.FINGERPRINTED, width=9, height=9)
        stored = {"sha256": looks.sha256} | dict(fingerprints)
        Fingerprint.objects.bulk_create(
            [Fingerprint(asset=asset, algorithm=a, value=v) for a, v in stored.items() if a not in CODES]
        )
        Looks.objects.create(asset=asset, value=looks.to_bytes())
        proof = Authorization.objects.create(declarant=declarant, asset=asset, level=level, method="upload")
        for subject, kind in ((asset, "asset"), (proof, "authorization")):
            record = {"test": subject.public_id}
            append(log=Log.DECLARATIONS, entry_type=kind, record_id=subject.public_id, record=record)
    return work


def looks_of(fingerprints: Mapping[str, bytes], *, query: bool = False) -> PictureFingerprints:
    """Fingerprints of a picture without keypoints; what is not given is some number that nothing is near."""
    some = sha256(b"".join(fingerprints.values())).digest()
    codes = [fingerprints.get(name, sha256(some + name.encode()).digest()) for name in CODES]
    known = any(name in fingerprints for name in CODES)
    phash, pdq = ((code,) * (8 if query else 1) if known else () for code in codes)
    whole = Pane(PaneKind.WHOLE, (0, 0, 9, 9), Gate.OK if known else Gate.FLAT, 90, phash, pdq, b"")
    return PictureFingerprints(
        sha256=fingerprints.get("sha256", some),
        pixels=fingerprints.get("pixels-sha256/1"),
        iscc_image=None if query else some,
        iscc_instance=fingerprints.get("iscc-instance-256/1", some),
        width=9,
        height=9,
        format="PNG",
        panes=(whole,),
    )


def registered_picture(declarant: Declarant, picture: bytes, *, level: Assurance = Assurance.L1) -> Asset:
    """A work with that picture, whose fingerprints a worker has taken; where asked, it is proven further."""
    asset = receive_picture(declarant=declarant, title="", picture=picture)
    ingest(asset_id=asset.public_id)
    asset.refresh_from_db()
    if level > Assurance.L1:
        with transaction.atomic():
            proof = Authorization.objects.create(
                declarant=declarant, asset=asset, level=level, method="operator"
            )
            record = {"test": proof.public_id}
            append(
                log=Log.DECLARATIONS,
                entry_type="authorization",
                record_id=proof.public_id,
                record=record,
            )
    return asset


def reserve_picture(
    declarant: Declarant,
    picture: bytes,
    *,
    preferences: Preferences = NO_AI,
    level: Assurance = Assurance.L1,
) -> Statement:
    """A sequenced statement about a picture that went through the sandbox."""
    work = registered_picture(declarant, picture, level=level).work
    statement = declare(declarant=declarant, subject=work, preferences=preferences)
    settle()
    return statement


def reserve_work(
    declarant: Declarant,
    fingerprints: Mapping[str, bytes],
    *,
    preferences: Preferences = NO_AI,
    level: Assurance = Assurance.L1,
) -> Statement:
    work = fingerprinted_work(declarant, fingerprints, level=level)
    statement = declare(declarant=declarant, subject=work, preferences=preferences)
    settle()
    return statement


def place(declarant: Declarant, target: str, kind: KeyKind = KeyKind.URL) -> Locator:
    return register_locators(declarant=declarant, targets=[(kind, target)])[0]
