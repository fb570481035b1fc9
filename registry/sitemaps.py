"""Site maps (sitemaps.org 0.9, with Google's image extension): which pictures a site lists."""

import zlib
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from django.conf import settings

from holdout.errors import InvalidInput
from holdout.fetch import FetchLimits, fetch
from holdout.urls import canonicalize

MOST: Final = 50_000
"""Addresses that are taken from one site map and all that it names."""
_MOST_MAPS: Final = 50
_LIMITS: Final = FetchLimits(seconds=20.0, body_bytes=12 * 1024 * 1024)
_MOST_UNPACKED: Final = 50 * 1024 * 1024
_MAP: Final = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
_IMAGE: Final = "{http://www.google.com/schemas/sitemap-image/1.1}"
_PICTURES: Final = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif")


def addresses_in_sitemap(url: str) -> list[str]:
    """The pictures that the site map at `url` lists, and those of the maps that it names on the same host.

    Of a map without pictures, its pages. At most `MOST`, each once, in their order. Raises what
    `holdout.fetch.fetch` raises, and InvalidInput (`sitemap_unreadable`, `sitemap_not_found`,
    `sitemap_empty`).
    """
    host = canonicalize(url).host
    waiting, seen = [url], {url}
    pictures: dict[str, None] = {}
    pages: dict[str, None] = {}
    while waiting and len(pictures) < MOST:
        root = _parsed(_octets(waiting.pop(0)))
        for named in _texts(root, f"{_MAP}sitemap/{_MAP}loc"):
            if len(seen) < _MOST_MAPS and named not in seen and canonicalize(named).host == host:
                seen.add(named)
                waiting.append(named)
        listed = _texts(root, f"{_MAP}url/{_MAP}loc")
        pages.update(dict.fromkeys(listed))
        pictures.update(dict.fromkeys(_texts(root, f"{_MAP}url/{_IMAGE}image/{_IMAGE}loc")))
        pictures.update(dict.fromkeys(page for page in listed if _is_picture(page)))
    found = list(pictures or pages)[:MOST]
    if not found:
        raise InvalidInput("sitemap_empty", "The site map lists nothing.")
    return found


def _octets(url: str) -> bytes:
    answer = fetch(url, limits=_LIMITS, contact=settings.HOLDOUT_CONTACT_URL)
    if answer.status != 200:
        raise InvalidInput("sitemap_not_found", f"There is no site map: the host answers {answer.status}.")
    if not answer.body.startswith(b"\x1f\x8b"):
        return answer.body
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        body = unpacking.decompress(answer.body, _MOST_UNPACKED)
    except zlib.error as error:
        raise _unreadable() from error
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise _unreadable()
    return body


def _parsed(octets: bytes) -> Element:
    try:
        root: Element = fromstring(octets, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise _unreadable() from error
    return root


def _texts(root: Element, path: str) -> list[str]:
    return [found.text.strip() for found in root.findall(path) if found.text and found.text.strip()]


def _is_picture(url: str) -> bool:
    return url.lower().partition("?")[0].endswith(_PICTURES)


def _unreadable() -> InvalidInput:
    return InvalidInput("sitemap_unreadable", "This is no site map that can be read (XML, sitemaps.org).")
