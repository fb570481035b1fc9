"""What a creator's overview shows: what is reserved, what came of it, what to do next. Reading only."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.core.cache import cache
from django.db.models import QuerySet

from accounts.models import Organization
from consent.models import Intention
from consent.queries import statements_of
from holdout.resolution import Assurance
from lookup.digest import MOST_STATEMENTS
from lookup.hits import Told, told_at_all, told_of
from registry.models import Authorization, Locator, Observation
from registry.queries import holding_authorizations, places_of, works_of

DAYS: Final = 30
_SHARED: Final = "told-at-all"
_SHARED_SECONDS: Final = 600
_MOST_WARNINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the chart, which is 100 high."""

    day: date
    rows: int
    x: int
    top: str
    tall: str
    """Attributes of an SVG: no language writes them with a comma."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that the overview shows."""

    works: int
    places: int
    proven: int
    level: Assurance | None
    """The best proof of any place."""
    waiting: int
    """Places of which something will be said once they are proven."""
    told: Told
    bars: list[Bar]
    others: tuple[int, int]
    """How many organisations were told of anybody's statements, and how often."""
    missing: list[Authorization]
    """Proofs whose code is not there any more."""
    gone: list[Observation]
    """Places where a signal was there the time before."""


def overview_of(organization: Organization, *, today: date) -> Overview:
    places = places_of(organization)
    proofs = holding_authorizations().filter(locator__in=places)
    told = told_of(statements_of(organization, most=MOST_STATEMENTS), days=DAYS)
    levels = list(proofs.values_list("locator", "level"))
    return Overview(
        works=works_of(organization).count(),
        places=places.count(),
        proven=len({locator for locator, _ in levels}),
        level=Assurance(max(level for _, level in levels)) if levels else None,
        waiting=Intention.objects.filter(locator__in=places).count(),
        told=told,
        bars=_bars(told, today=today),
        others=_others(),
        missing=list(proofs.filter(missing_since__isnull=False).select_related("locator")[:_MOST_WARNINGS]),
        gone=_gone(places),
    )


def _others() -> tuple[int, int]:
    """The same for everybody, and costly to add up: worked out every ten minutes."""
    kept: tuple[int, int] | None = cache.get(_SHARED)
    if kept is None:
        kept = told_at_all(days=DAYS)
        cache.set(_SHARED, kept, _SHARED_SECONDS)
    return kept


def _bars(told: Told, *, today: date) -> list[Bar]:
    highest = max(told.by_day.values(), default=1)
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return [
        Bar(day, rows, 10 * at, f"{100 - 100 * rows / highest:.1f}", f"{100 * rows / highest:.1f}")
        for at, day in enumerate(days)
        for rows in [told.by_day.get(day, 0)]
    ]


def _gone(places: QuerySet[Locator]) -> list[Observation]:
    latest = Observation.objects.filter(locator__in=places, error="").order_by("locator", "-created_at")
    return [seen for seen in latest.distinct("locator").select_related("locator") if seen.missing][
        :_MOST_WARNINGS
    ]
