"""What the readers need of an HTML page, as a browser would see it: meta elements, licences, pictures.

Tags are read one after the other, as browsers themselves look for a page's encoding (WHATWG HTML, "prescan").
No tree is built: parsers that build one take minutes for a megabyte of nested elements.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Final

from holdout.carriers.reading import as_text
from holdout.signals import Note

RSL: Final = "application/rsl+xml"
_MOST: Final = 1_000
"""Elements of one kind that are kept."""
_TAG: Final = re.compile(r"<(?:(!--)|([A-Za-z][^\s/>]*)|[!?/])")
_ATTRIBUTE: Final = re.compile(
    r"""[\s/]*([^\s/>][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"'][^\s>]*)|))?"""
)
_COMMENT_END: Final = re.compile(r"--!?>")
_RAW: Final = frozenset({"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"})
"""Elements whose content is text, whatever it looks like."""
_UNSEEN: Final = frozenset({"template", "noscript"})
"""Elements whose content a browser that runs scripts does not take for the page's."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says to machines."""

    metas: tuple[tuple[str, str], ...] = ()
    """Names in lower case, and contents."""
    licences: tuple[str, ...] = ()
    """Where `<link rel=license type=application/rsl+xml>` points, as it is written."""
    documents: tuple[bytes, ...] = ()
    """RSL documents that stand in the page."""
    pictures: tuple[str, ...] = ()
    """Where its `img` elements point, as it is written."""
    notes: tuple[Note, ...] = ()


def read_page(read: bytes) -> Page:
    """Take a page apart: at most a megabyte of it, in time that grows with its length. Never raises."""
    is_utf16 = read[:2] in (b"\xff\xfe", b"\xfe\xff")
    text, notes = as_text(read.decode("utf-16", "replace").encode() if is_utf16 else read)
    if "\0" in text and not notes:
        notes.append(Note("not_utf8"))
    metas: list[tuple[str, str]] = []
    licences: list[str] = []
    documents: list[bytes] = []
    pictures: list[str] = []
    for name, attributes, content in elements(text):
        if name == "meta" and attributes.get("name"):
            metas.append((attributes["name"].strip().lower(), attributes.get("content", "")))
        elif name == "link" and _is_licence(attributes):
            licences.append(attributes.get("href", "").strip())
        elif name == "script" and _type(attributes) == RSL:
            documents.append(content.encode("utf-8", "replace"))
        elif name == "img" and attributes.get("src"):
            pictures.append(attributes["src"].strip())
    return Page(
        metas=tuple(metas),
        licences=tuple(licences[:_MOST]),
        documents=tuple(documents[:_MOST]),
        pictures=tuple(pictures[:_MOST]),
        notes=tuple(notes),
    )


def elements(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Each start tag that a browser sees: name, attributes, and what stands inside a raw one."""
    lowered = text.lower() if text.isascii() else _ascii_lower(text)
    at = 0
    while found := _TAG.search(text, at):
        if found[1]:
            # `<!-->` and `<!--->` are whole comments.
            end = _COMMENT_END.search(text, found.end() - 2)
            at = end.end() if end else len(text)
            continue
        if not found[2]:
            at = _after(text, ">", found.end())
            continue
        name = found[2].lower()
        attributes, at = _attributes(text, found.end())
        content = ""
        if name in _RAW or name in _UNSEEN:
            start, at = at, _after(lowered, f"</{name}", at)
            content = text[start : max(start, at - len(name) - 2)]
        yield name, attributes, content


def _attributes(text: str, at: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag, of equal ones the first, and where the tag ends."""
    attributes: dict[str, str] = {}
    while found := _ATTRIBUTE.match(text, at):
        value = next((v for v in found.groups()[1:] if v is not None), "")
        if len(attributes) < _MOST:
            attributes.setdefault(found[1].lower(), _unescaped(value))
        at = found.end()
    return attributes, _after(text, ">", at)


def _unescaped(value: str) -> str:
    try:
        return unescape(value)
    except ValueError:  # a number of thousands of digits is no character
        return value


def _after(text: str, mark: str, at: int) -> int:
    found = text.find(mark, at)
    return len(text) if found < 0 else found + len(mark)


def _ascii_lower(text: str) -> str:
    """Of the same length, which `lower` does not promise beyond ASCII."""
    return text.translate({ord(c): ord(c) + 32 for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})


def _is_licence(attributes: dict[str, str]) -> bool:
    return "license" in attributes.get("rel", "").lower().split() and _type(attributes) == RSL


def _type(attributes: dict[str, str]) -> str:
    return attributes.get("type", "").strip().lower()
