"""What the pages show of places: reading only, always in the tenant that asks."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import get_language

from consent.models import Intention
from consent.queries import LoggedStatement, history_of, intention_of, said_of_places
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.vocabulary import Preferences
from registry import evidence
from registry.looking import METHODS, Method, where_of
from registry.models import Authorization, Locator, Observation
from registry.platforms import account_of
from registry.queries import holding_authorizations, locator_assurances
from web.words import WAY_WORDS, name_of

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as Text


@dataclass(frozen=True, slots=True)
class ListedPlace:
    """A line of the creator's list. `level` is None while nothing is proven."""

    place: Locator
    platform: str
    level: Assurance | None
    said: Preferences
    name: "Text"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to prove a place: what to put where."""

    method: Method
    words: "Text"
    where: str
    put: str
    extra: str = ""


@dataclass(frozen=True, slots=True)
class PlaceDetails:
    """Everything that is shown of one place."""

    place: Locator
    platform: str
    where: str
    """In the platform's own words: where the code goes. Empty for a site."""
    by_eye: bool
    """Whether two of the staff look for it where programs are shown nothing."""
    seen: int
    """By how many of them it was seen."""
    proofs: list[Authorization]
    level: Assurance | None
    others: list[Locator]
    said: Preferences
    chosen: Preferences
    """What is said, or will be."""
    terms_url: str
    intention: Intention | None
    """What waits for the proof, or for its day."""
    history: "list[tuple[LoggedStatement, Text]]"
    observation: Observation | None


def listed(places: Iterable[Locator]) -> list[ListedPlace]:
    """The places, in their order, with what is proven and said of them."""
    places = list(places)
    levels = locator_assurances([place.pk for place in places])
    said = said_of_places(places)
    return [
        ListedPlace(
            place=place,
            platform=_platform(place),
            level=levels.get(place.pk),
            said=said.get(place.pk, {}),
            name=name_of(said.get(place.pk, {})),
        )
        for place in places
    ]


def details_of(place: Locator) -> PlaceDetails:
    account = account_of(place.target)
    history = history_of(place)
    said = history[0].preferences if history else {}
    intention = intention_of(place)
    proofs = list(holding_authorizations().filter(locator=place).select_related("rests_on__locator"))
    last = place.challenges.order_by("-pk").first()
    return PlaceDetails(
        place=place,
        platform=_platform(place),
        where=account.platform.where[_language()] if account else "",
        by_eye=account is not None,
        seen=last.sightings.count() if last else 0,
        proofs=proofs,
        level=Assurance(max(p.level for p in proofs)) if proofs else None,
        others=list(place.belongings.order_by("pk")),
        said=said,
        chosen=intention.said() if intention else said,
        terms_url=intention.terms_url if intention else history[0].statement.terms_url if history else "",
        intention=intention,
        history=[(line, name_of(line.preferences)) for line in history],
        observation=place.observations.order_by("-created_at").first(),
    )


def ways_of(place: Locator, code: str, *, link: str) -> list[Way]:
    """How this place can be proven, the easiest first; `link` leads to the page of its code."""
    put = {
        Method.DNS: evidence.line(code),
        Method.STANDING_DNS: f"declarant={place.declarant.public_id}",
        Method.FILE: evidence.line(code),
        Method.META: f'<meta name="{evidence.NAME}" content="{code}">',
        Method.PROFILE: evidence.line(code),
    }
    return [
        Way(
            method=method,
            words=WAY_WORDS[method],
            where=where_of(place, method),
            put=put[method],
            extra=link if method is Method.PROFILE else "",
        )
        for method in METHODS.get(KeyKind(place.kind), ())
    ]


def _platform(place: Locator) -> str:
    account = account_of(place.target)
    return account.platform.names[_language()] if account else ""


def _language() -> str:
    return "zh-hans" if (get_language() or "").startswith("zh") else "en"
