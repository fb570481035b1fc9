"""The XMP packet of a file (ISO 16684-1): its properties, and the same packet with some of them set."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from xml.dom.minidom import Document, Element
from xml.parsers.expat import ExpatError

from defusedxml import DefusedXmlException
from defusedxml.minidom import parseString

from holdout.carriers.reading import LIMIT
from holdout.errors import InvalidInput
from holdout.signals import Note

NOTES: Final = {
    "xmp_not_looked_for": "XMP is read in JPEG, PNG and WebP files alone; this is another.",
    "xmp_unreadable": "The picture's XMP cannot be read, so it says nothing. Save the picture anew.",
}
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_MOST_DEPTH: Final = 100
_MOST_VALUES: Final = 1_000
_EMPTY: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF></x:xmpmeta>'
    '<?xpacket end="w"?>'
)

Name = tuple[str, str]
"""A property: namespace and local name."""
Value = str | tuple[str, ...] | Mapping[str, str]
"""Text, texts in their order, or texts by language (`x-default` among them)."""


@dataclass(frozen=True, slots=True)
class Xmp:
    """What a packet says of its file."""

    properties: Mapping[Name, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[Note, ...] = ()
    read: bytes = b""

    def values(self, namespace: str, name: str) -> tuple[str, ...]:
        """A property's value, or all of them."""
        return self.properties.get((namespace, name), ())


def parse(packet: bytes) -> Xmp:
    """The properties of a packet. A broken one, or one with entities, has none and a note; never raises."""
    return parse_all((packet,))


def parse_all(packets: Sequence[bytes], *, whole: bool = True) -> Xmp:
    """The properties of all packets of a file together: what is broken takes nothing from the others.

    `whole`: whether these are all that there are. Where something is missing, a note says so.
    """
    read = b"".join(packets)
    found: dict[Name, dict[str, None]] = {}
    for packet in packets:
        document = _document(packet)
        whole = whole and document is not None
        for description in () if document is None else _descriptions(document):
            for name, values in _properties(description):
                # Labels that say something are few; lists of a thousand are of ancestors and places.
                kept = found.setdefault(name, {})
                kept.update(dict.fromkeys(values[: _MOST_VALUES - len(kept)]))
    properties = {name: tuple(values) for name, values in found.items()}
    notes = () if whole else (Note("xmp_unreadable"),)
    return Xmp(MappingProxyType(properties), notes=notes, read=read[:LIMIT])


def merged(packet: bytes | None, said: Mapping[Name, Value | None], *, prefixes: Mapping[str, str]) -> bytes:
    """The packet with these properties set (None: taken out), and all else in it kept. The same again gives
    the same octets.

    `prefixes` by namespace are used for what is written. Raises `InvalidInput`: `xmp_unreadable` (a packet
    that cannot be read is never thrown away), `text_not_printable`.
    """
    written = {name: value for name, value in said.items() if value is not None}
    if not all(text.isprintable() for value in written.values() for text in _texts(value)):
        raise InvalidInput("text_not_printable", "Give one line of at most 500 characters.")
    document = _document(packet if packet is not None else _EMPTY.encode())
    roots = document.getElementsByTagNameNS(RDF, "RDF") if document is not None else []
    if document is None or not roots:
        raise InvalidInput("xmp_unreadable", NOTES["xmp_unreadable"])
    for description in list(_descriptions(document)):
        _drop(description, said)
    roots[0].appendChild(_written(document, written, prefixes))
    _hide_line_ends(document)
    whole: bytes = document.toxml(encoding="utf-8")
    for hidden, reference in _HIDDEN.values():
        whole = whole.replace(hidden.encode(), reference)
    return whole.partition(b"?>")[2] if whole.startswith(b"<?xml ") else whole


_HIDDEN: Final = {
    "\t": ("\ue009", b"&#9;"),
    "\n": ("\ue00a", b"&#10;"),
    "\r": ("\ue00d", b"&#13;"),
}
"""minidom writes these raw, and whoever reads them in an attribute then reads a blank."""


def _hide_line_ends(node: Any) -> None:
    for attribute in (node.attributes or {}).values() if isinstance(node, Element) else ():
        for raw, (hidden, _) in _HIDDEN.items():
            if raw in attribute.value:
                attribute.value = attribute.value.replace(raw, hidden)
    for child in node.childNodes:
        if child.nodeType == child.TEXT_NODE and "\r" in child.data:
            child.data = child.data.replace("\r", _HIDDEN["\r"][0])
        _hide_line_ends(child)


def _texts(value: Value) -> tuple[str, ...]:
    return (
        (value,) if isinstance(value, str) else tuple(value.values() if isinstance(value, Mapping) else value)
    )


def _document(packet: bytes) -> Document | None:
    if len(packet) > LIMIT:
        return None
    try:
        is_utf16 = packet[:2] in (b"\xff\xfe", b"\xfe\xff")
        document: Document = parseString(
            packet if is_utf16 else packet.strip(b"\x00 \t\r\n"), forbid_dtd=True
        )
    except (ExpatError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return None
    return document if _is_shallow(document) else None


def _is_shallow(document: Document) -> bool:
    level: list[Any] = [document]
    for _ in range(_MOST_DEPTH):
        level = [child for node in level for child in node.childNodes]
        if not level:
            return True
    return False


def _descriptions(document: Document) -> Iterator[Element]:
    """Those of the outermost `rdf:RDF`: one inside another would have all below it read again."""
    for root in _outermost(document):
        for child in root.childNodes:
            if isinstance(child, Element) and (child.namespaceURI, child.localName) == (RDF, "Description"):
                yield child


def _outermost(node: Any) -> Iterator[Element]:
    for child in node.childNodes:
        if isinstance(child, Element) and (child.namespaceURI, child.localName) == (RDF, "RDF"):
            yield child
        elif isinstance(child, Element):
            yield from _outermost(child)


def _properties(description: Element) -> Iterator[tuple[Name, list[str]]]:
    """Attributes and elements say the same (ISO 16684-1, 7.9.2.2)."""
    for attribute in description.attributes.values():
        if attribute.namespaceURI and attribute.namespaceURI != RDF and attribute.prefix != "xmlns":
            yield (attribute.namespaceURI, attribute.localName or ""), [attribute.value.strip()]
    for child in description.childNodes:
        if isinstance(child, Element):
            yield (child.namespaceURI or "", child.localName or ""), _values(child)


def _values(element: Element) -> list[str]:
    """The text of a property, or of each of its items; of a resource its address."""
    if element.hasAttributeNS(RDF, "resource"):
        return [element.getAttributeNS(RDF, "resource").strip()]
    items = [*element.getElementsByTagNameNS(RDF, "li"), *element.getElementsByTagNameNS(RDF, "value")]
    return [_text(each).strip() for each in items or [element]]


def _text(element: Element) -> str:
    own = (n.data for n in element.childNodes if n.nodeType in (n.TEXT_NODE, n.CDATA_SECTION_NODE))
    address = element.getAttributeNS(RDF, "resource") if element.hasAttributeNS(RDF, "resource") else ""
    return "".join(own) or address


def _drop(description: Element, said: Mapping[Name, Value | None]) -> None:
    """Take these properties out, and the description if nothing is left in it."""
    for attribute in list(description.attributes.values()):
        if (attribute.namespaceURI, attribute.localName) in said:
            description.removeAttributeNode(attribute)
    for child in list(description.childNodes):
        if isinstance(child, Element) and (child.namespaceURI, child.localName) in said:
            description.removeChild(child).unlink()
    if not any(True for _ in _properties(description)) and description.parentNode is not None:
        description.parentNode.removeChild(description).unlink()


def _written(document: Document, said: Mapping[Name, Value], prefixes: Mapping[str, str]) -> Element:
    description = document.createElementNS(RDF, "rdf:Description")
    description.setAttributeNS("http://www.w3.org/2000/xmlns/", "xmlns:rdf", RDF)
    description.setAttributeNS(RDF, "rdf:about", "")
    for namespace in sorted({namespace for namespace, _ in said}, key=prefixes.__getitem__):
        description.setAttributeNS("http://www.w3.org/2000/xmlns/", f"xmlns:{prefixes[namespace]}", namespace)
    for (namespace, name), value in said.items():
        element = document.createElementNS(namespace, f"{prefixes[namespace]}:{name}")
        description.appendChild(element)
        if isinstance(value, str):
            element.appendChild(document.createTextNode(value))
            continue
        by_language = isinstance(value, Mapping)
        items = element.appendChild(document.createElementNS(RDF, "rdf:Alt" if by_language else "rdf:Seq"))
        for language, text in value.items() if isinstance(value, Mapping) else ((None, t) for t in value):
            item = items.appendChild(document.createElementNS(RDF, "rdf:li"))
            item.appendChild(document.createTextNode(text))
            if language is not None:
                item.setAttribute("xml:lang", language)
    return description
