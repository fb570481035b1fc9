"""The worker's part of an import: its site map is fetched, its lines are declared piece by piece.

Rows are the truth: a piece is registered, declared and marked in one transaction. So a worker may die at any
moment and another goes on; nothing is said twice.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from consent.models import Import, ImportLine
from consent.queries import said_of_places
from consent.services import declare_many
from holdout.errors import HoldoutError
from holdout.picture_hosts import registered_url_key
from holdout.urls import KeyKind
from holdout.vocabulary import Preference, UsageCategory
from registry.control import carry_over
from registry.models import Locator
from registry.quotas import refuse_beyond_quota
from registry.services import register_locators
from registry.sitemaps import addresses_in_sitemap

_PIECE: Final = 500
_LEASE: Final = timedelta(minutes=5)


def add_lines(job: Import, targets: Sequence[str], *, now: datetime) -> None:
    """Write down what is to be declared, inside the caller's transaction. Raises LimitReached."""
    refuse_beyond_quota(declarant=job.declarant, addresses=len(targets), now=now)
    ImportLine.objects.bulk_create(
        [ImportLine(job=job, number=number, target=target) for number, target in enumerate(targets, 1)],
        batch_size=5_000,
    )


def work_once(*, now: datetime) -> bool:
    """Take the oldest import that nobody works on a piece further; False where there is none."""
    with transaction.atomic():
        open_states = [Import.State.READING, Import.State.RUNNING]
        free = Import.objects.filter(state__in=open_states, lease_until__lte=now).order_by("pk")
        job = free.select_for_update(skip_locked=True, of=("self",)).select_related("declarant").first()
        if job is None:
            return False
        Import.objects.filter(pk=job.pk).update(lease_until=now + _LEASE)
    try:
        _read(job, now=now) if job.state == Import.State.READING else _piece(job)
    except HoldoutError as error:
        Import.objects.filter(pk=job.pk).update(state=Import.State.FAILED, error=error.code)
    finally:
        Import.objects.filter(pk=job.pk).update(lease_until=now)
    return True


def _read(job: Import, *, now: datetime) -> None:
    """Fetch the site map; its addresses become the lines, all or none."""
    targets = addresses_in_sitemap(job.sitemap)
    with transaction.atomic():
        if Import.objects.select_for_update().get(pk=job.pk).state != Import.State.READING:
            return
        add_lines(job, targets, now=now)
        Import.objects.filter(pk=job.pk).update(state=Import.State.RUNNING)


def _piece(job: Import) -> None:
    with transaction.atomic():
        lines = list(
            job.lines.select_for_update(skip_locked=True)
            .filter(result=ImportLine.Result.WAITING)
            .order_by("number")[:_PIECE]
        )
        _declare(job, lines)
        ImportLine.objects.bulk_update(lines, ["result", "code"])
        if not job.lines.filter(result=ImportLine.Result.WAITING).exists():
            Import.objects.filter(pk=job.pk).update(state=Import.State.DONE)


def _declare(job: Import, lines: Sequence[ImportLine]) -> None:
    """Register and declare what can be, and mark each line with what came of it."""
    good = [line for line in lines if _is_address(line)]
    targets = [(KeyKind.URL, line.target) for line in good]
    places = register_locators(declarant=job.declarant, targets=targets)
    distinct = {place.pk: place for place in places}
    carry_over(list(distinct.values()), declarant=job.declarant)
    said = {UsageCategory(use): Preference(value) for use, value in job.preferences.items()}
    before = said_of_places(distinct.values())
    new = [place for pk, place in distinct.items() if before.get(pk) != said]
    declare_many(declarant=job.declarant, subjects=new, preferences=said, terms_url=job.terms_url)
    _mark(good, places, {place.pk for place in new})


def _mark(lines: Sequence[ImportLine], places: Sequence[Locator], new: set[int]) -> None:
    for line, place in zip(lines, places, strict=True):
        # Two spellings of one address: the first was new.
        line.result = ImportLine.Result.ADDED if place.pk in new else ImportLine.Result.KNOWN
        new.discard(place.pk)


def _is_address(line: ImportLine) -> bool:
    try:
        registered_url_key(line.target)
    except HoldoutError as error:
        line.result, line.code = ImportLine.Result.REFUSED, error.code
        return False
    return True
