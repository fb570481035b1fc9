"""What the registry keeps about a person who wants to be forgotten, and how it goes."""

from collections.abc import Collection, Iterator
from typing import Final, TypeVar

from django.db import transaction
from django.db.models import F, Max, Model, Q, QuerySet

from accounts.erasing import mark_done, organizations_of, running_for
from accounts.models import ErasureRequest, Organization
from holdout.errors import Unavailable
from holdout.fingerprints.algorithms import SHA256
from holdout.urls import key_check
from ledger.models import LogEntry, PendingEntry
from ledger.services import forget_records
from registry.models import (
    Asset,
    Authorization,
    Challenge,
    Declarant,
    Fingerprint,
    Locator,
    Looks,
    Mandate,
    Observation,
    Standing,
    Work,
)
from registry.read_index import current_view
from registry.standings import say_standing

_AT_ONCE: Final = 100
Row = TypeVar("Row", bound=Model)


def erase() -> None:
    """Do our part of every request that has come to us; what has to wait is done the next time."""
    for erasure in running_for("registry"):
        organizations = list(organizations_of(erasure))
        if erasure.kind == ErasureRequest.Kind.KEEP or _erased(organizations):
            _forget_names(organizations)
            mark_done(erasure, "registry")


def _erased(organizations: Collection[Organization]) -> bool:
    """Whether nothing is left of files and places; first the read index must know that the looks are gone.

    What it was told by a fingerprint it could not be told to forget without it.
    """
    _say_that_looks_are_gone(organizations)
    if not in_the_index(Standing.objects.filter(asset__work__organization__in=organizations)):
        return False
    for works in in_blocks(Work.objects.filter(organization__in=organizations)):
        _forget_files(works)
    for mandates in in_blocks(Mandate.objects.filter(organization__in=organizations)):
        _forget_consent(mandates)
    for places in in_blocks(Locator.objects.filter(declarant__organization__in=organizations)):
        _forget_places(places)
    return True


def in_the_index(said: QuerySet[Row]) -> bool:
    """Whether lookups speak of everything that these rows (by their public ids) say in the log."""
    ids = said.values("public_id")
    if PendingEntry.objects.filter(record_id__in=ids).exists():
        return False
    last = LogEntry.objects.filter(record_id__in=ids).aggregate(last=Max("index"))["last"]
    try:
        return last is None or current_view().as_of.log_index >= last
    except Unavailable:
        return False


def _say_that_looks_are_gone(organizations: Collection[Organization]) -> None:
    """Of files that nobody else has registered: what is said of a file's looks holds for all who have."""
    codes = Fingerprint.objects.filter(algorithm=Fingerprint.CODES)
    with_looks = Asset.objects.filter(
        Q(looks__isnull=False) | Q(pk__in=codes.values("asset")), work__organization__in=organizations
    )
    for assets in in_blocks(with_looks):
        with transaction.atomic():
            for asset in assets:
                if not _is_anothers_too(asset, organizations):
                    say_standing(asset, Standing.Word.GONE, Standing.Reason.ERASED)


def _is_anothers_too(asset: Asset, organizations: Collection[Organization]) -> bool:
    name = SHA256.id if hasattr(asset, "looks") else Fingerprint.CODES
    values = asset.fingerprints.filter(algorithm=name).values("value")
    same = Fingerprint.objects.filter(algorithm=name, value__in=values)
    return same.exclude(asset__work__organization__in=organizations).exists()


def _forget_files(works: Collection[Work]) -> None:
    """Fingerprints, looks, and the salts of what the log says about them."""
    with transaction.atomic():
        assets = Asset.objects.filter(work__in=works)
        Fingerprint.objects.filter(asset__in=assets).delete()
        Looks.objects.filter(asset__in=assets).delete()
        proofs = Authorization.objects.filter(asset__in=assets)
        standings = Standing.objects.filter(asset__in=assets)
        for rows in (assets, proofs, standings):
            forget_records(rows.values_list("public_id", flat=True))


def _forget_places(places: Collection[Locator]) -> None:
    """The rows stay, since statements hang on them, and name nothing any more."""
    with transaction.atomic():
        Observation.objects.filter(locator__in=places).delete()
        Challenge.objects.filter(locator__in=places).delete()
        Authorization.objects.filter(locator__in=places).exclude(where="").update(where="")
        forget_records(Authorization.objects.filter(locator__in=places).values_list("public_id", flat=True))
        forget_records(place.registration for place in places)
        for place in places:
            # The tag in front says of which kind a key is; the read index reads it.
            place.target, place.key = "", place.key[:2] + place.public_id
            place.key_check = key_check(place.key)
        Locator.objects.bulk_update(places, ["target", "key", "key_check"])


def _forget_consent(mandates: Collection[Mandate]) -> None:
    with transaction.atomic():
        Mandate.objects.filter(pk__in=[mandate.pk for mandate in mandates]).update(consent={})
        forget_records(mandate.public_id for mandate in mandates)


def _forget_names(organizations: Collection[Organization]) -> None:
    for works in in_blocks(Work.objects.filter(organization__in=organizations).exclude(title="")):
        Work.objects.filter(pk__in=[work.pk for work in works]).update(title="")
    Declarant.objects.filter(organization__in=organizations).update(name="")
    # What a platform called its user who took over.
    Mandate.objects.filter(organization__in=organizations).update(reference=F("public_id"))


def in_blocks(rows: QuerySet[Row]) -> Iterator[list[Row]]:
    """All of them, a bounded number at a time: each block is a transaction of its own."""
    after = 0
    while block := list(rows.filter(pk__gt=after).order_by("pk")[:_AT_ONCE]):
        yield block
        after = block[-1].pk
