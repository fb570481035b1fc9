"""Proof of control of places: what a declarant claims, the code that shows it, and what it covers.

A place is claimed (`claim_place`), a code is asked for (`challenge_for`), put in place by the person, and
looked for (`prove`). Two members of staff look where programs of strangers are shown nothing (`saw_code`).
What lies in a proven place, or belongs to it, is proven with it.
"""

import base64
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.db import transaction

from accounts.audit import Actor
from accounts.services import record
from holdout.errors import Conflict, NotPermitted
from holdout.resolution import Assurance
from holdout.urls import KeyKind, RuleKey, canonicalize, key_host, rule_keys
from ledger.models import Log
from ledger.services import append_many
from registry.looking import LOOK_AGAIN, METHODS, Attempt, Method, look, page_not_in_place, where_of
from registry.models import Authorization, Challenge, Declarant, Locator, Sighting
from registry.platforms import account_at, account_of
from registry.queries import holding_authorizations
from registry.records import authorization_record
from registry.services import register_locators

_SEEN_ONCE: Final = frozenset({Method.EYES, Method.SIGN_IN})
CODE_LIVES: Final = timedelta(hours=24)
EYES: Final = 2
_MOST_UNPROVEN: Final = 50
"""Places of one declarant that are claimed and not proven: nobody claims the web by name."""


class Extent(StrEnum):
    """How much of a site is claimed."""

    HOST = "host"
    DOMAIN = "domain"
    FOLDER = "folder"


LEVELS: Final = {
    Method.DNS: Assurance.L3,
    Method.STANDING_DNS: Assurance.L3,
    Method.FILE: Assurance.L3,
    Method.META: Assurance.L3,
    Method.PROFILE: Assurance.L2,
    Method.EYES: Assurance.L2,
    Method.SIGN_IN: Assurance.L2,
}


@dataclass(frozen=True, slots=True)
class Proving:
    """What came of looking. Without an authorization, every way is among the attempts."""

    authorization: Authorization | None
    attempts: tuple[Attempt, ...]


def claim_place(*, declarant: Declarant, typed: str, extent: Extent = Extent.HOST) -> Locator:
    """The place that `typed` names: a profile's address, or (`extent`) a site, its domain or a folder.

    Proven already where it lies in a proven place. The same place twice is one. Raises as
    `register_locators` does, and `Conflict` (`too_many_unproven`).
    """
    url = typed.strip() if "://" in typed else f"https://{typed.strip()}"
    account = account_at(url)
    targets = account.targets if account else [_target(url, extent)]
    with transaction.atomic():
        Declarant.objects.select_for_update().get(pk=declarant.pk)
        first, *others = register_locators(declarant=declarant, targets=targets)
        Locator.objects.filter(pk__in=[other.pk for other in others]).update(belongs_to=first)
        _carry_over(declarant, [first, *others])
        if len(unproven(declarant)) > _MOST_UNPROVEN:
            raise Conflict(
                "too_many_unproven", "Prove some of your places, or remove them, before you add more."
            )
    return first


def _target(url: str, extent: Extent) -> tuple[KeyKind, str]:
    canonical = canonicalize(url)
    if extent is Extent.FOLDER and canonical.path != "/":
        folder = canonical.path[: canonical.path.rindex("/") + 1]
        authority = f"{canonical.host}:{canonical.port}" if canonical.port else canonical.host
        return KeyKind.PATH, f"https://{authority}{folder}"
    return (KeyKind.DOMAIN if extent is Extent.DOMAIN else KeyKind.HOST), canonical.host


def unproven(declarant: Declarant) -> list[Locator]:
    """The declarant's places that stand for themselves and that no proof holds for."""
    places = Locator.objects.filter(declarant=declarant, work=None, belongs_to=None)
    proven = holding_authorizations().filter(declarant=declarant, locator__isnull=False)
    claimed = places.filter(kind__in=[kind.value for kind in METHODS])
    return list(claimed.exclude(pk__in=proven.values("locator")).order_by("pk"))


def challenge_for(*, locator: Locator, now: datetime) -> Challenge:
    """The code to put at a place: the one that is asked for already; after a day a new one."""
    with transaction.atomic():
        Locator.objects.select_for_update().get(pk=locator.pk)
        live = locator.challenges.filter(expires_at__gt=now).order_by("-pk").first()
        return live or Challenge.objects.create(
            locator=locator, code=_new_code(), expires_at=now + CODE_LIVES
        )


def _new_code() -> str:
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def prove(*, locator: Locator, now: datetime, page: str = "") -> Proving:
    """Look for the place's code in every way that its kind allows; the first that shows it proves control.

    `page`: a post within an account that bears the code, instead of the profile. Of a folder of another site
    only its own page counts: in a forum or a wiki, anybody makes pages below it. Raises `InvalidInput`
    (`page_not_in_place`).
    """
    if page and account_of(locator.target) is None:
        raise page_not_in_place()
    challenge = challenge_for(locator=locator, now=now)
    attempts = []
    for method in METHODS.get(KeyKind(locator.kind), ()):
        where = page if page and method is Method.PROFILE else where_of(locator, method)
        attempt = look(locator, challenge.code, method=method, where=where, now=now)
        if not attempt.error:
            return Proving(authorize(challenge=challenge, method=method, where=where, now=now), ())
        attempts.append(attempt)
    return Proving(None, tuple(attempts))


def authorize(*, challenge: Challenge, method: Method, where: str, now: datetime) -> Authorization:
    """Record that a challenge was met, and prove with it all that it covers."""
    locator = challenge.locator
    with transaction.atomic():
        Locator.objects.select_for_update().get(pk=locator.pk)
        same = holding_authorizations().filter(locator=locator, method=method, rests_on=None).first()
        if same is not None:
            return same
        base = Authorization(
            declarant=locator.declarant,
            locator=locator,
            level=LEVELS[method],
            method=method,
            challenge=challenge,
            where=where,
            # What no program can see again; staff may end it.
            due_at=None if method in _SEEN_ONCE else now + LOOK_AGAIN[method],
        )
        _write([base])
        _carry(base, _covered(base))
    return base


def saw_code(*, challenge: Challenge, by: Actor, now: datetime) -> Authorization | None:
    """A member of staff saw the code in the profile; the second one makes it a proof.

    Raises `Conflict` (`challenge_expired`, `already_seen`), and `NotPermitted` (`not_by_eye`) for what is no
    account on a platform.
    """
    locator, staff = challenge.locator, by.user
    if staff is None or account_of(locator.target) is None:
        raise NotPermitted("not_by_eye", "Only accounts on platforms are proven by eye.")
    if challenge.expires_at <= now:
        raise Conflict("challenge_expired", "This code is over a day old; there is a new one.")
    with transaction.atomic():
        Challenge.objects.select_for_update().get(pk=challenge.pk)
        if challenge.sightings.filter(staff=staff).exists():
            raise Conflict("already_seen", "You confirmed this one already; a colleague must look too.")
        Sighting.objects.create(challenge=challenge, staff=staff)
        record(
            by=by,
            subject="challenge",
            action="seen",
            object_id=challenge.public_id,
            organization=locator.declarant.organization,
        )
        if challenge.sightings.count() < EYES:
            return None
        return authorize(
            challenge=challenge, method=Method.EYES, where=where_of(locator, Method.EYES), now=now
        )


def prove_by_sign_in(
    *, locator: Locator, provider: str, told: Mapping[str, Any], now: datetime
) -> Authorization:
    """Record that a platform named an account as that of who had signed in there.

    `told` is its answer about them. Raises `NotPermitted` (`another_account`) where it named others.
    """
    account = account_of(locator.target)
    sign_in = account.platform.sign_in if account else None
    if account is None or sign_in is None or sign_in.provider != provider:
        raise _another_account()
    if account.user.lower() not in sign_in.names(told):
        raise _another_account()
    challenge = challenge_for(locator=locator, now=now)
    return authorize(challenge=challenge, method=Method.SIGN_IN, where=account.profile, now=now)


def _another_account() -> NotPermitted:
    return NotPermitted("another_account", "You were signed in there with another account.")


def carry_over(locators: Iterable[Locator], *, declarant: Declarant) -> None:
    """Prove places of a declarant that lie in places proven already."""
    with transaction.atomic():
        _carry_over(declarant, list(locators))


def _carry_over(declarant: Declarant, places: list[Locator]) -> None:
    bases = holding_authorizations().filter(
        declarant=declarant, locator__isnull=False, rests_on=None, challenge__isnull=False
    )
    scopes = [(place, _scopes(place)) for place in places]
    for base in bases.select_related("locator", "declarant"):
        _carry(base, [place for place, keys in scopes if _covers(base, place, keys)])


def _covered(base: Authorization) -> list[Locator]:
    return [place for place in base.declarant.locators.all() if _covers(base, place, _scopes(place))]


def _covers(base: Authorization, place: Locator, scopes: frozenset[str]) -> bool:
    """Whether control of one place shows control of another: what belongs to it, and what lies in it."""
    assert base.locator is not None  # noqa: S101 - callers ask for proofs of places
    if place.pk == base.locator.pk:
        return False
    return place.belongs_to_id == base.locator.pk or base.locator.key in scopes


def _scopes(place: Locator) -> frozenset[str]:
    """The keys in which a place lies, its own kind's reach respected: a domain lies only in domains."""
    match KeyKind(place.kind):
        case KeyKind.DOMAIN:
            keys, kinds = _keys_of_host(place), {KeyKind.DOMAIN}
        case KeyKind.HOST:
            keys, kinds = _keys_of_host(place), {KeyKind.HOST, KeyKind.DOMAIN}
        case KeyKind.PATH | KeyKind.URL | KeyKind.PICTURE:
            keys, kinds = rule_keys(canonicalize(place.target)), set(KeyKind)
        case KeyKind.ACCOUNT:
            return frozenset()
    return frozenset(key.text for key in keys if key.kind in kinds)


def _keys_of_host(place: Locator) -> tuple[RuleKey, ...]:
    return rule_keys(canonicalize(f"https://{key_host(place.key)}/"))


def _carry(base: Authorization, places: Iterable[Locator]) -> None:
    has = set(base.carried.values_list("locator", flat=True))
    _write(
        [
            Authorization(
                declarant=base.declarant, locator=place, level=base.level, method=Method.WITHIN, rests_on=base
            )
            for place in places
            if place.pk not in has
        ]
    )


def _write(rows: list[Authorization]) -> None:
    Authorization.objects.bulk_create(rows, batch_size=1_000)
    append_many(
        log=Log.DECLARATIONS,
        entry_type="authorization",
        records={row.public_id: authorization_record(row) for row in rows},
    )
