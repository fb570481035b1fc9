"""What is to be said later: of a place as soon as it is proven, of works and places from a day on."""

import json
import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from accounts.models import Organization
from consent.models import Intention, Statement
from consent.services import Subject, declare_many
from holdout.errors import HoldoutError
from holdout.vocabulary import Preferences, UsageCategory
from registry.models import Declarant, Locator, Work
from registry.queries import holding_authorizations, locator_assurances

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_MOST: Final = 1_000
_MOST_WORKS: Final = 20_000
"""Of a call: the clock calls again."""


def intend(
    subjects: Sequence[Subject], *, preferences: Preferences, terms_url: str, starts_at: datetime | None
) -> None:
    """Have `preferences` said of works or places later, instead of what was to be said of them later."""
    values = {use.value: said.value for use, said in preferences.items()}
    for name, kind in (("work", Work), ("locator", Locator)):
        Intention.objects.bulk_create(
            [
                Intention(preferences=values, terms_url=terms_url, starts_at=starts_at, **{name: subject})
                for subject in subjects
                if isinstance(subject, kind)
            ],
            update_conflicts=True,
            unique_fields=[name],
            update_fields=["preferences", "terms_url", "starts_at"],
        )


_OF_ALL: Final = """
INSERT INTO consent_intention (work_id, preferences, terms_url, starts_at)
SELECT w.id, %(preferences)s::jsonb, %(terms_url)s, %(starts_at)s
FROM registry_work w JOIN registry_declarant d ON d.id = w.declarant_id
WHERE w.organization_id = %(organization)s AND NOT d.spoken_for
ON CONFLICT (work_id) DO UPDATE SET preferences = excluded.preferences, terms_url = excluded.terms_url,
    starts_at = excluded.starts_at
"""


def intend_of_all(
    *, organization: Organization, preferences: Preferences, terms_url: str, starts_at: datetime | None
) -> int:
    """`intend` of every work of a tenant's own; of how many. One statement to the database, however many."""
    values = {use.value: said.value for use, said in preferences.items()}
    with connection.cursor() as cursor:
        cursor.execute(
            _OF_ALL,
            {
                "preferences": json.dumps(values),
                "terms_url": terms_url,
                "starts_at": starts_at,
                "organization": organization.pk,
            },
        )
        return int(cursor.rowcount)


def not_saying(works: Collection[Work], preferences: Preferences, terms_url: str) -> list[Work]:
    """Those of which something else is said, or nothing."""
    same = {use.value: preferences.get(use, "") for use in UsageCategory} | {"terms_url": terms_url}
    said = Statement.objects.filter(work__in=works, superseded_by=None, **same)
    saying = set(said.values_list("work", flat=True))
    return [work for work in works if work.pk not in saying]


def forget(subjects: Collection[Subject]) -> int:
    """Nothing is to be said of these later; of how many something was."""
    works = [subject for subject in subjects if isinstance(subject, Work)]
    places = [subject for subject in subjects if isinstance(subject, Locator)]
    return Intention.objects.filter(Q(work__in=works) | Q(locator__in=places)).delete()[0]


def fulfil(*, place: Locator, now: datetime) -> Statement | None:
    """Say what was intended of a place, if it is proven and the day has come; None otherwise."""
    with transaction.atomic():
        intention = _due(now).select_for_update().filter(locator=place).first()
        if intention is None or place.pk not in locator_assurances([place.pk]):
            return None
        statement = say_of_place_now(place, intention.said(), intention.terms_url)
        intention.delete()
    return statement


def say_of_place_now(place: Locator, preferences: Preferences, terms_url: str) -> Statement:
    """Of the place and of all that belongs to it; the statement about the place itself."""
    subjects = [place, *place.belongings.order_by("pk")]
    return declare_many(
        declarant=place.declarant, subjects=subjects, preferences=preferences, terms_url=terms_url
    )[0]


def fulfil_intentions(*, now: datetime) -> int:
    """Say what was intended of places that were proven, and of all whose day has come; of how many."""
    proven = holding_authorizations().filter(locator__isnull=False).values("locator")
    waiting = _due(now).filter(locator__in=proven).select_related("locator").order_by("pk")[:_MOST]
    places = [intention.locator for intention in waiting if intention.locator is not None]
    return sum(fulfil(place=place, now=now) is not None for place in places) + _fulfil_of_works(now)


def _fulfil_of_works(now: datetime) -> int:
    """Some hundred at a time; what cannot be said now is left for the next time, and holds nothing up."""
    said = last = 0
    while said < _MOST_WORKS:
        with transaction.atomic():
            due = _due(now).filter(work__isnull=False, pk__gt=last).order_by("pk")
            locked = due.select_for_update(of=["self"], skip_locked=True)
            block = list(locked.select_related("work__declarant__organization")[:_AT_ONCE])
            if not block:
                return said
            last = block[-1].pk
            for alike in _alike(block):
                said += _say_of_works(alike)
    return said


def _say_of_works(alike: list[Intention]) -> int:
    preferences, terms_url = alike[0].said(), alike[0].terms_url
    works = [intention.work for intention in alike if intention.work is not None]
    try:
        if others := not_saying(works, preferences, terms_url):
            declare_many(
                declarant=works[0].declarant,
                subjects=others,
                preferences=preferences,
                terms_url=terms_url,
            )
    except HoldoutError as error:
        logger.warning("what was to be said of works is not said yet", extra={"code": error.code})
        return 0
    Intention.objects.filter(pk__in=[intention.pk for intention in alike]).delete()
    return len(works)


def _alike(block: list[Intention]) -> list[list[Intention]]:
    """By who says what: each is one declaration."""
    groups: dict[tuple[Declarant, str, str], list[Intention]] = defaultdict(list)
    for intention in block:
        assert intention.work is not None  # noqa: S101 - the caller asked for those of works
        said = repr(sorted(intention.preferences.items()))
        groups[intention.work.declarant, said, intention.terms_url].append(intention)
    return list(groups.values())


def _due(now: datetime) -> QuerySet[Intention]:
    return Intention.objects.filter(Q(starts_at=None) | Q(starts_at__lte=now))
