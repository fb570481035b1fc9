"""Going round a site as a crawler does: the picture or page itself, and the files that speak of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Final

from holdout.carriers.ai_txt import is_ai_txt
from holdout.carriers.readers import licence_addresses
from holdout.carriers.surroundings import Surroundings
from holdout.errors import HoldoutError
from holdout.fetch import Fetched, FetchLimits, fetch
from holdout.fetch.refusals import failed
from holdout.fetch.targets import parse_target

ROBOTS: Final = "/robots.txt"
TDMREP: Final = "/.well-known/tdmrep.json"
AI_TXT: Final = ("/ai.txt", "/.well-known/ai.txt")
LICENCES: Final = 5
"""RSL documents that are fetched of one site."""

_PICTURE: Final = FetchLimits(seconds=15, body_bytes=16 * 1024 * 1024)
_TEXT: Final = FetchLimits(seconds=5, body_bytes=1024 * 1024)
_HTML: Final = ("text/html", "application/xhtml+xml")

Fetch = Callable[[str, FetchLimits], Fetched]


@dataclass(frozen=True, slots=True)
class Visit:
    """One address that was asked: its answer, or why there is none."""

    url: str
    answer: Fetched | None = None
    error: HoldoutError | None = None

    @property
    def found(self) -> bytes | None:
        """What stands there; None where nothing does, or could not be had."""
        return self.answer.body if self.answer is not None and self.answer.status == 200 else None

    @property
    def trouble(self) -> str:
        """Why nobody knows what stands there: no answer, or one that says "not now" or "not you"."""
        if self.error is not None:
            return self.error.code
        status = self.status or 0
        return f"status_{status}" if status >= 500 or status in (401, 403, 429) else ""

    @property
    def status(self) -> int | None:
        """The answer's; None where there is none."""
        return None if self.answer is None else self.answer.status


@dataclass(frozen=True, slots=True)
class Round:
    """All that was asked of one site for one address."""

    target: Visit
    robots: Visit
    others: tuple[Visit, ...] = ()
    is_page: bool = False
    surroundings: Surroundings = field(default_factory=Surroundings)


def go_round(url: str, *, agents: tuple[str, ...] = (), contact: str = "", ask: Fetch | None = None) -> Round:
    """Ask for the picture or page at `url`, and for what its host says of it to machines.

    At most ten addresses, one after the other, within `FetchLimits` each. Another one that cannot be had is
    kept with its error: nothing else follows from it. `contact` is the page about us that the host is told.
    Raises `FetchRefused` where `url` itself is not gone to, and `FetchFailed` where nothing answers there.
    """
    ask = ask or partial(_fetch, contact)
    target = _asked(url, ask, _PICTURE)
    if target.answer is None:
        raise target.error or failed("connect_failed")
    at = target.answer.url
    robots, tdmrep, *ai_txt = (_asked(_beside(at, path), ask, _TEXT) for path in (ROBOTS, TDMREP, *AI_TXT))
    is_page = _is_page(target.answer)
    seen = Surroundings(
        url=at,
        agents=agents,
        headers=target.answer.headers,
        robots=robots.found,
        tdmrep=tdmrep.found,
        ai_txt=_first_of(ai_txt),
        page=target.found if is_page else None,
        file=None if is_page else target.found,
    )
    licences = [_asked(address, ask, _TEXT) for address in licence_addresses(seen)[:LICENCES]]
    found = {visit.url: visit.found for visit in licences if visit.found is not None}
    return Round(
        target=target,
        robots=robots,
        others=(tdmrep, *ai_txt, *licences),
        is_page=is_page,
        surroundings=replace(seen, licences=MappingProxyType(found)),
    )


def _first_of(places: Sequence[Visit]) -> bytes | None:
    """Of ai.txt's two places the first that has one: some hosts answer every path with a page."""
    found = [visit.found for visit in places if visit.found is not None]
    return next((octets for octets in found if is_ai_txt(octets)), found[0] if found else None)


def _fetch(contact: str, url: str, limits: FetchLimits) -> Fetched:
    return fetch(url, limits=limits, contact=contact)


def _asked(url: str, ask: Fetch, limits: FetchLimits) -> Visit:
    try:
        return Visit(url, answer=ask(url, limits))
    except HoldoutError as error:
        return Visit(url, error=error)


def _beside(url: str, path: str) -> str:
    return parse_target(path, base=url).url


def _is_page(answer: Fetched) -> bool:
    said = " ".join(answer.values("content-type"))
    return said.partition(";")[0].strip().lower() in _HTML
