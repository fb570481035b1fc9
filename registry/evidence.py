"""What shows that somebody controls a place: read out of what stands there. Pure.

Visitors can write on many pages too: in comments, guest books, search results. So a code counts only where a
page's holder alone writes: in the elements that describe the page (its title, `description`, the Open Graph
texts, where platforms put a profile's own words), in a `rel=me` link, or in a meta tag of its own.
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

from holdout.carriers.html import elements
from holdout.carriers.reading import as_text
from holdout.fetch import Fetched

NAME: Final = "holdout-verify"
"""Of the meta tag; and `NAME=code` is the line in a file and the TXT record."""
FILE: Final = "/.well-known/holdout-verify.txt"
RECORD: Final = "_holdout"
"""The label below which TXT records stand."""
_DESCRIBING: Final = frozenset(
    {"description", "og:description", "og:title", "twitter:description", "twitter:title"}
)
_STANDING: Final = re.compile(r"declarant=(dcl_[a-z2-7]{26})(?:;\s*until=(\d{4}-\d{2}-\d{2}))?", re.ASCII)


def line(code: str) -> str:
    """What a person puts in place."""
    return f"{NAME}={code}"


def in_page(read: bytes, code: str) -> bool:
    """Whether an HTML page bears the code where its holder alone writes."""
    text, _ = as_text(read)
    for name, attributes, content in elements(text):
        match name:
            case "title" if code in content:
                return True
            case "meta" if _bears(attributes, code):
                return True
            case "a" | "link" if _is_me(attributes) and code in attributes.get("href", ""):
                return True
    return False


def _bears(attributes: dict[str, str], code: str) -> bool:
    name = (attributes.get("name") or attributes.get("property") or "").strip().lower()
    content = attributes.get("content", "")
    return content.strip() in (code, line(code)) if name == NAME else name in _DESCRIBING and code in content


def _is_me(attributes: dict[str, str]) -> bool:
    """A link of the page's holder to themselves (microformats.org/wiki/rel-me), not one that a guest left."""
    relations = set(attributes.get("rel", "").lower().split())
    return "me" in relations and "ugc" not in relations


def in_meta(read: bytes, code: str) -> bool:
    """Whether an HTML page has our own meta tag with the code, and so is its site's."""
    text, _ = as_text(read)
    return any(
        name == "meta" and attributes.get("name", "").strip().lower() == NAME and _bears(attributes, code)
        for name, attributes, _ in elements(text)
    )


def in_file(read: bytes, code: str) -> bool:
    """Whether a file has the code on a line of its own."""
    return line(code).encode() in (part.strip() for part in read.splitlines())


def in_records(texts: Iterable[str], code: str) -> bool:
    """Whether a TXT record is the code."""
    return line(code) in (text.strip() for text in texts)


def standing_record(texts: Iterable[str], declarant: str, *, today: date) -> bool:
    """Whether a TXT record names the declarant for good, or until a day that has not passed.

    As ACME's DNS-PERSIST-01 has it: who controls the domain names who may speak for it.
    """
    found = (_STANDING.fullmatch(text.strip()) for text in texts)
    return any(
        match is not None and match[1] == declarant and _not_over(match[2], today=today) for match in found
    )


def _not_over(until: str | None, *, today: date) -> bool:
    try:
        return until is None or date.fromisoformat(until) >= today
    except ValueError:
        return False


def is_secure(answer: Fetched) -> bool:
    """Whether nobody on the way could have written the answer: https from the first step to the last."""
    return all(url.startswith("https://") for url in (*answer.redirects, answer.url))
