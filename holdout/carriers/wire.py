"""Surroundings as they are sent with a query: the `signals` of `POST /v1/lookups`."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from holdout.carriers import plus
from holdout.carriers.containers import find_xmp
from holdout.carriers.html import Page, read_page
from holdout.carriers.surroundings import Surroundings
from holdout.carriers.xmp import parse
from holdout.errors import InvalidInput
from holdout.vocabulary import Preference

MOST_OCTETS: Final = 1 << 20
"""Of all texts of one query together: a whole robots.txt (500 KiB) and what goes with it."""
MOST_LINES: Final = 200
"""Header lines, and meta elements."""
MOST_AGENTS: Final = 20


class Sent(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a crawler saw of a picture beside its octets. Texts are as they were read, headers by name."""

    agents: list[str] = []
    headers: dict[str, str | list[str]] = {}
    meta: dict[str, str | list[str]] = {}
    robots: str | None = None
    ai_txt: str | None = None
    tdmrep: str | None = None
    xmp: str | None = None
    iscc: str | None = None


def surroundings(sent: Sent, *, url: str | None) -> Surroundings:
    """Ready to be read. Raises `InvalidInput` (`signals_too_large`)."""
    headers, metas = tuple(_lines(sent.headers)), tuple(_lines(sent.meta))
    texts = [
        text for text in (sent.robots, sent.ai_txt, sent.tdmrep, sent.xmp, sent.iscc) if text is not None
    ]
    octets = sum(map(len, texts)) + sum(len(name) + len(value) for name, value in headers + metas)
    if octets > MOST_OCTETS or len(headers) + len(metas) > MOST_LINES or len(sent.agents) > MOST_AGENTS:
        raise InvalidInput(
            "signals_too_large",
            f"Send signals of at most {MOST_OCTETS:,} characters, {MOST_LINES} lines, {MOST_AGENTS} agents.",
        )
    return Surroundings(
        url=url,
        agents=tuple(sent.agents),
        headers=headers,
        metas=metas,
        robots=_octets(sent.robots),
        ai_txt=_octets(sent.ai_txt),
        tdmrep=_octets(sent.tdmrep),
        xmp=_octets(sent.xmp),
        iscc=_octets(sent.iscc),
    )


def sent(seen: Surroundings) -> Sent:
    """As JSON has them. Of a page its meta elements are sent, of a file its XMP.

    What only licences or a signed manifest say is not: `holdout.filter` reads those at home.
    """
    page = Page() if seen.page is None else read_page(seen.page)
    xmp = seen.xmp
    if xmp is None and seen.file is not None:
        packets = find_xmp(seen.file).found
        # One goes; of several, one that refuses.
        xmp = next((packet for packet in packets if _refuses(packet)), packets[0] if packets else None)
    return Sent(
        agents=list(seen.agents),
        headers=_by_name(seen.headers),
        meta=_by_name((*seen.metas, *page.metas)[:MOST_LINES]),
        robots=_text(seen.robots),
        ai_txt=_text(seen.ai_txt),
        tdmrep=_text(seen.tdmrep),
        xmp=_text(xmp),
        iscc=_text(seen.iscc),
    )


def _refuses(packet: bytes) -> bool:
    said = plus.read(parse(packet))
    return said is not None and bool(
        {Preference.DENY, Preference.CONDITIONAL} & set(said.preferences.values())
    )


def _lines(by_name: Mapping[str, str | list[str]]) -> Iterator[tuple[str, str]]:
    for name, values in by_name.items():
        for value in [values] if isinstance(values, str) else values:
            yield name.strip().lower(), value


def _by_name(lines: tuple[tuple[str, str], ...]) -> dict[str, str | list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in lines:
        found.setdefault(name.lower(), []).append(value.encode("utf-8", "replace").decode())
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _octets(text: str | None) -> bytes | None:
    """A lone surrogate, which JSON can spell, becomes octets that are no text."""
    return None if text is None else text.encode("utf-8", "surrogatepass")


def _text(octets: bytes | None) -> str | None:
    """UTF-16 is told by its mark; everything else is read as UTF-8."""
    if octets is None:
        return None
    is_utf16 = octets[:2] in (b"\xff\xfe", b"\xfe\xff")
    return octets.decode("utf-16" if is_utf16 else "utf-8", "replace")
