"""Plain functions that make what a story starts with."""

import threading
from collections.abc import Mapping

from django.db import transaction

from consent.models import Statement
from consent.services import declare, declare_many
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.vocabulary import PRESETS, Preferences
from ledger.models import Log
from ledger.services import append, sequence_pending
from lookup.indexing import Indexer
from registry.models import Asset, Authorization, Declarant, Fingerprint, Locator, Work
from registry.services import authorize_locators, register_locators

_SETTLING = threading.Lock()
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
    """A work with one file that has these fingerprints, as ingest leaves it."""
    with transaction.atomic():
        work = Work.objects.create(organization=declarant.organization, declarant=declarant)
        asset = Asset.objects.create(work=work, state=Asset.State.FINGERPRINTED, width=9, height=9)
        Fingerprint.objects.bulk_create(
            [Fingerprint(asset=asset, algorithm=a, value=v) for a, v in fingerprints.items()]
        )
        proof = Authorization.objects.create(declarant=declarant, asset=asset, level=level, method="upload")
        for subject, kind in ((asset, "asset"), (proof, "authorization")):
            record = {"test": subject.public_id}
            append(log=Log.DECLARATIONS, entry_type=kind, record_id=subject.public_id, record=record)
    return work


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
