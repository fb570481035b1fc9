"""What a creator does with places, from the form to the log: each is one call for a view.

What they want to have said of a place that is not proven yet waits as an intention; it becomes a statement
as soon as the place is proven, by whomever and whenever that is seen.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from accounts.models import Organization
from consent.intentions import forget, fulfil, intend, say_of_place_now
from consent.models import Statement
from consent.queries import unsuperseded_of
from holdout.errors import Conflict, NotPermitted
from holdout.urls import KeyKind, RuleKey
from holdout.vocabulary import Preferences, UsageCategory
from registry.control import Extent, Proving, claim_place, prove, prove_by_sign_in
from registry.models import Authorization, Locator
from registry.scopes import refuse_overreach
from registry.services import default_declarant


def add_place(
    *, organization: Organization, typed: str, extent: Extent, preferences: Preferences, terms_url: str
) -> Locator:
    """Claim a place and intend `preferences` for it; said at once where it is proven already.

    Raises what `registry.control.claim_place` raises; then nothing stays.
    """
    declarant = default_declarant(organization=organization)
    with transaction.atomic():
        place = claim_place(declarant=declarant, typed=typed, extent=extent)
        if not _is_shared(place):
            intend([place], preferences=preferences, terms_url=terms_url, starts_at=None)
    fulfil(place=place, now=datetime.now(UTC))
    return place


def _is_whole_site(place: Locator) -> bool:
    return place.kind in (KeyKind.HOST, KeyKind.DOMAIN)


def _is_shared(place: Locator) -> bool:
    """Whether it is a platform's own host, claimed so that its users' places can be vouched for."""
    try:
        refuse_overreach(RuleKey(KeyKind(place.kind), place.key))
    except NotPermitted:
        return _is_whole_site(place)
    return False


def prove_place(*, place: Locator, now: datetime, page: str = "") -> Proving:
    """Look for the place's code; where it is found, say what was intended. Raises as `prove` does."""
    proving = prove(locator=place, now=now, page=page)
    if proving.authorization is not None:
        fulfil(place=place, now=now)
    return proving


def prove_place_by_sign_in(
    *, place: Locator, provider: str, told: Mapping[str, Any], now: datetime
) -> Authorization:
    """`registry.control.prove_by_sign_in`, and what was intended is said."""
    proof = prove_by_sign_in(locator=place, provider=provider, told=told, now=now)
    fulfil(place=place, now=now)
    return proof


def say_of_place(
    *, place: Locator, preferences: Preferences, terms_url: str, starts_at: datetime | None = None
) -> Statement | None:
    """Say `preferences` of a place, instead of what was said before; None while it waits.

    For the proof, or for `starts_at`. It takes the place of what was to be said later. Raises `NotPermitted`
    (`scope_is_shared_host`) for a host on which many publish, though its platform may have proven it: what is
    said there each of them says.
    """
    if _is_whole_site(place):
        refuse_overreach(RuleKey(KeyKind(place.kind), place.key))
    intend([place], preferences=preferences, terms_url=terms_url, starts_at=starts_at)
    return fulfil(place=place, now=datetime.now(UTC))


def take_back_of_place(*, place: Locator) -> Statement:
    """Withdraw what is said, or was intended, of a place. Raises `Conflict` (`nothing_to_withdraw`)."""
    with transaction.atomic():
        forget([place])
        if not _is_spoken_of(place):
            raise Conflict("nothing_to_withdraw", "Nothing is said about this place.")
        return say_of_place_now(place, {}, "")


def remove_place(*, place: Locator) -> None:
    """Forget a place that was only claimed. Raises `Conflict` (`place_on_record`) where more was done."""
    places = [place, *place.belongings.all()]
    on_record = any(p.statements.exists() or p.authorizations.exists() for p in places)
    if on_record:
        raise Conflict("place_on_record", "What was proven or said of a place stays on record; withdraw it.")
    place.delete()


def _is_spoken_of(place: Locator) -> bool:
    before = unsuperseded_of(place)
    return before is not None and any(getattr(before, use.value) for use in UsageCategory)
