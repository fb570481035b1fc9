"""Every reader, on all that was seen round a picture."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final
from urllib.parse import urljoin

from holdout.carriers import ai_txt, aipref, cawg, containers, content_signals, iscc, noai, plus, rsl, tdmrep
from holdout.carriers.html import Page, read_page
from holdout.carriers.robots import Robots, parse, path_of, read_access
from holdout.carriers.surroundings import Lines, Surroundings
from holdout.carriers.xmp import Xmp
from holdout.carriers.xmp import parse_all as parse_xmp
from holdout.signals import Note, Provenance, Signal
from holdout.vocabulary import Preference

_EMBEDDED: Final = frozenset({"plus", "cawg", "iscc", "tdmai"})
_IN_XMP: Final = "XMP "
_READ: Final = frozenset(
    {"content-usage", "content-signal", "x-robots-tag", "tdm-reservation", "tdm-policy", "link"}
)
_SHORT: Final = 1_000
"""Characters of header lines that are remembered: whoever sends more must not fill our memory."""
_NOTHING: Final = Surroundings()
_SITES: Final = 64
"""Robots files that are kept parsed: a crawler has thousands of pictures of one site."""


def read_all(seen: Surroundings) -> tuple[Signal, ...]:
    """Everything that stands there, each standard resolved within itself; what is silent is left out.

    Nothing that is read here may permit (`observed`). Never raises.
    """
    lines = tuple((name, value) for name, value in seen.headers if name.lower() in _READ)
    if replace(seen, url=None, agents=(), headers=()) != _NOTHING:
        return _read(seen)
    if sum(len(value) for _, value in lines) + sum(map(len, seen.agents)) > _SHORT or _points_on(lines):
        return _read(replace(seen, headers=lines))
    return _remembered(lines, seen.agents)


def _points_on(headers: Lines) -> bool:
    """Whether a line may name another address, which depends on the picture's own."""
    return any(name.lower() == "link" for name, _ in headers)


@lru_cache(maxsize=16_384)
def _remembered(headers: Lines, agents: tuple[str, ...]) -> tuple[Signal, ...]:
    return _read(Surroundings(headers=headers, agents=agents))


def _read(seen: Surroundings) -> tuple[Signal, ...]:
    page = _page(seen)
    xmp = _xmp(seen)
    return tuple(
        signal
        for signal in (
            *_by_headers(seen.headers, seen.agents),
            *(_by_robots(seen) if seen.robots is not None else ()),
            _by_ai_txt(seen),
            noai.read_meta(page.metas, agents=seen.agents),
            noai.of_page(page.notes),
            _by_tdmrep(seen, page),
            None if xmp is None else tdmrep.read_embedded(*plus.tdm(xmp)),
            *_by_rsl(seen, page),
            plus.read(xmp) if xmp is not None else None,
            cawg.read(seen.file) if seen.file is not None else None,
            *_beside_iscc(seen),
        )
        if signal is not None
    )


def observed(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    """The same, read by ourselves at the picture's own host: a site may permit what a file may not, since
    whoever had the file in hands may have changed it.
    """
    return tuple(s if _is_embedded(s) else replace(s, provenance=Provenance.OBSERVED) for s in signals)


def _is_embedded(signal: Signal) -> bool:
    return signal.standard in _EMBEDDED or signal.source.startswith(_IN_XMP)


def _by_headers(headers: Lines, agents: tuple[str, ...]) -> tuple[Signal, ...]:
    found = (
        aipref.read_header(_values(headers, "content-usage")),
        content_signals.read_header(_values(headers, "content-signal")),
        noai.read_header(_values(headers, "x-robots-tag"), agents=agents),
    )
    return tuple(signal for signal in found if signal is not None)


@lru_cache(maxsize=_SITES)
def _robots(read: bytes) -> Robots:
    return parse(read)


def _by_robots(seen: Surroundings) -> Iterator[Signal | None]:
    robots, path, agents = _robots(seen.robots or b""), path_of(seen.url or "/"), seen.agents
    yield read_access(robots, path=path, agents=agents)
    yield aipref.read_robots(robots, path=path, agents=agents)
    yield content_signals.read_robots(robots, path=path, agents=agents)


def _by_ai_txt(seen: Surroundings) -> Signal | None:
    if seen.ai_txt is None:
        return None
    return ai_txt.read(seen.ai_txt, path=path_of(seen.url or "/"), agents=seen.agents)


def _by_tdmrep(seen: Surroundings, page: Page) -> Signal | None:
    """The places that are the site's. What a file carries comes last in the protocol, which has it for PDF
    and EPUB; of pictures, which anybody can change, it counts beside the others and overrules nothing.
    """
    path = path_of(seen.url or "/")
    return tdmrep.resolved(
        [
            None if seen.tdmrep is None else tdmrep.read_file(seen.tdmrep, path=path),
            tdmrep.read_headers(
                _values(seen.headers, "tdm-reservation"), _values(seen.headers, "tdm-policy")
            ),
            _restrained(tdmrep.read_meta(page.metas), page),
        ]
    )


def _restrained(signal: Signal | None, page: Page) -> Signal | None:
    """What a page says, without its permissions where it was not read whole."""
    if signal is None or not page.notes:
        return signal
    said = {use: value for use, value in signal.preferences.items() if value is not Preference.ALLOW}
    return replace(signal, preferences=said)


def _by_rsl(seen: Surroundings, page: Page) -> Iterator[Signal | None]:
    """Every licence that is pointed to, or stands in the page; one that nobody read is not forgotten."""
    for document in page.documents:
        yield rsl.read(document, url=seen.url or "/")
    pointed_to = _licence_addresses(seen, page)
    for address in pointed_to:
        if address in seen.licences:
            licence = rsl.read(seen.licences[address], url=seen.url or "/", at=address)
            yield licence or rsl.unread([address])
    if unread := [address for address in pointed_to if address not in seen.licences]:
        yield rsl.unread(unread)


def licence_addresses(seen: Surroundings) -> tuple[str, ...]:
    """Where RSL licences for the picture stand: robots.txt, Link headers and the page point there."""
    return _licence_addresses(seen, _page(seen))


def _licence_addresses(seen: Surroundings, page: Page) -> tuple[str, ...]:
    robots = _robots(seen.robots or b"")
    written = rsl.associations(
        robots_group=robots.group(seen.agents).values("license"),
        robots_global=robots.values("license"),
        link_headers=_values(seen.headers, "link"),
        hrefs=page.licences,
    )
    return tuple(dict.fromkeys(_absolute(seen.url or "", address) for address in written))


def _absolute(url: str, address: str) -> str:
    try:
        return urljoin(url, address)
    except ValueError:
        return address


def _beside_iscc(seen: Surroundings) -> Iterator[Signal | None]:
    if seen.iscc is not None:
        yield iscc.read_metadata(seen.iscc)
        yield iscc.read_tdmai(seen.iscc)


def _page(seen: Surroundings) -> Page:
    page = Page() if seen.page is None else read_page(seen.page)
    return replace(page, metas=(*seen.metas, *page.metas))


def _xmp(seen: Surroundings) -> Xmp | None:
    packets: tuple[bytes, ...] = () if seen.xmp is None else (seen.xmp,)
    whole = True
    if seen.file is not None:
        inside = containers.find_xmp(seen.file)
        packets, whole = packets + inside.found, inside.whole
        if not packets and whole and not containers.is_markable(seen.file):
            return Xmp(notes=(Note("xmp_not_looked_for"),))
    return parse_xmp(packets, whole=whole) if packets or not whole else None


def _values(headers: Lines, name: str) -> tuple[str, ...]:
    return tuple(value for key, value in headers if key.lower() == name)
