"""RSL 1.0 licences: XML documents, and the places that point to them. https://rslstandard.org/rsl

Read for one purpose: what they say of a use. Tokens, servers and prices are for whoever wants to buy.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from holdout.carriers.reading import LIMIT, shown
from holdout.carriers.robots import matches, normal, path_of, prepared
from holdout.carriers.standards import standards, together
from holdout.carriers.tdmrep import address
from holdout.errors import InvalidInput
from holdout.signals import Note, Signal
from holdout.urls import canonicalize
from holdout.vocabulary import Preference, Preferences, UsageCategory

PARSER: Final = 1
NOTES: Final = {
    "rsl_unreadable": "This licence is no sound XML, so it says nothing. Check it with an XML reader.",
    "rsl_invalid": "This licence has an element that RSL 1.0 does not know, which makes all of it invalid.",
    "rsl_commas": "RSL 1.0 separates words by blanks; commas belonged to 0.9.",
    "rsl_word_unknown": "RSL has no such usage; it has all, ai-all, ai-train, ai-input, ai-index, search.",
    "rsl_no_match": "The licence is not about this address.",
    "rsl_unread": "A licence is pointed to and was not read, so its terms are unknown.",
    "rsl_doubled": "A licence has one permits and one prohibits of each type; more of them are joined.",
}
NAMESPACE: Final = "https://rslstandard.org/rsl"
MEDIA_TYPE: Final = "application/rsl+xml"
_MOST_DEPTH: Final = 50
_MOST_SHOWN: Final = 10
_MOST_TERMS: Final = 100
_KNOWN: Final = frozenset(
    {
        "accepts",
        "alternate",
        "amount",
        "content",
        "copyright",
        "custom",
        "legal",
        "license",
        "payment",
        "permits",
        "prohibits",
        "reporting",
        "rsl",
        "schema",
        "standard",
        "terms",
    }
)
WORDS: Final = ("ai-train", "ai-input", "ai-index", "search", "other")
"""Usages that overlap with none other; `other` is what `all` has beyond them."""
_MEANT: Final[Mapping[str, frozenset[str]]] = {
    "all": frozenset(WORDS),
    "ai-all": frozenset(("ai-train", "ai-input", "ai-index")),
    **{word: frozenset((word,)) for word in WORDS[:-1]},
}
_VERBS: Final = {
    Preference.DENY: "prohibits",
    Preference.CONDITIONAL: "licensed",
    Preference.ALLOW: "permits",
}
_SEPARATORS: Final = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class _Scope:
    """One `content` that is about the address."""

    narrowness: int
    usages: Mapping[str, Preference]
    terms: tuple[str, ...]


def is_rsl(read: bytes) -> bool:
    """Whether this looks like an RSL document, sound or not."""
    return NAMESPACE.encode() in read[:LIMIT].replace(b"\0", b"")  # UTF-16 has an octet 0 in each character


def read(read_: bytes, *, url: str, at: str | None = None) -> Signal | None:
    """What a licence says of the picture at `url`; `at` is where the licence stands. None if it is no RSL.

    The narrower scope counts before the broader, word by word; `prohibits` before `permits`; what stands not
    beside `permits` is not permitted. A permission that needs payment, a server's token or reporting, or is
    for some people or places alone, is `conditional`, and so is what one of several licences permits and
    another does not. Without payment a permission is free. A licence that asks for something and names no
    usage asks for it whatever the usage; one whose `prohibits` cannot be read whole permits nothing outright.
    """
    if not is_rsl(read_):
        return None
    root = _parsed(read_)
    if root is not None and _local(root.tag) != "rsl":
        return None
    usages, terms, notes = _usages(root, url, at)
    said = together(preferences_of(word, value) for word, value in usages.items())
    return standards()["rsl"].signal(
        said, source="RSL licence", parser=PARSER, read=read_[:LIMIT], terms=terms, notes=notes
    )


def usages(read_: bytes, *, url: str, at: str | None = None) -> Mapping[str, Preference]:
    """The same in the standard's own words (`WORDS`)."""
    return _usages(_parsed(read_), url, at)[0]


def preferences_of(word: str, value: Preference) -> Preferences:
    """What a value for one of `WORDS` means, by the label table."""
    labels = standards()["rsl"].labels
    if word != "other":
        return labels[f"{_VERBS[value]} {word}"]
    named = {use for w in WORDS[:-1] for use in labels[f"{_VERBS[value]} {w}"]}
    return {use: v for use, v in labels[f"{_VERBS[value]} all"].items() if use not in named}


def _usages(
    root: Element | None, url: str, at: str | None
) -> tuple[dict[str, Preference], tuple[str, ...], list[Note]]:
    if root is None:
        return {}, (), [Note("rsl_unreadable")]
    notes: list[Note] = []
    if unknown := next((e.tag for e in root.iter() if _is_unknown(e)), None):
        return {}, (), [Note("rsl_invalid", shown(_local(unknown)))]
    scopes = sorted(_scopes(root, url, at, notes), key=lambda scope: scope.narrowness)
    found: dict[str, Preference] = {}
    for narrowness in sorted({scope.narrowness for scope in scopes}):
        beside = [scope.usages for scope in scopes if scope.narrowness == narrowness]
        found |= {
            word: _alternatives([said[word] for said in beside if word in said])
            for word in WORDS
            if any(word in said for said in beside)
        }
    if not scopes:
        notes.append(Note("rsl_no_match"))
    terms = dict.fromkeys(term for scope in scopes for term in scope.terms)
    return found, tuple(terms)[:_MOST_TERMS], notes


def _parsed(read_: bytes) -> Element | None:
    """The root; None for what is no XML, has entities, is too long or too deep."""
    if len(read_) > LIMIT:
        return None
    try:
        root = fromstring(read_, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return None
    return root if _depth(root) <= _MOST_DEPTH else None


def _depth(root: Element) -> int:
    deepest, level = 0, [root]
    while level and deepest <= _MOST_DEPTH:
        deepest, level = deepest + 1, [child for element in level for child in element]
    return deepest


def _local(tag: str) -> str:
    """An RSL element's name; the empty text for an element of another namespace."""
    return tag.removeprefix(f"{{{NAMESPACE}}}") if tag.startswith(f"{{{NAMESPACE}}}") else ""


def _is_unknown(element: Element) -> bool:
    name = _local(str(element.tag))
    return bool(name) and name not in _KNOWN


def _scopes(root: Element, url: str, at: str | None, notes: list[Note]) -> Iterator[_Scope]:
    asked, path = _host(url), prepared(path_of(url))
    for content in root.findall(f"{{{NAMESPACE}}}content"):
        host, pattern = _place(content.get("url", ""), at)
        if not pattern or (host and asked and host != asked) or not matches(pattern, path):
            continue
        licences = content.findall(f"{{{NAMESPACE}}}license")
        each = [_licence(licence, bool(content.get("server")), notes) for licence in licences]
        said = {
            word: _alternatives([licence[word] for licence in each if word in licence])
            for word in WORDS
            if any(word in licence for licence in each)
        }
        yield _Scope(len(normal(pattern)), said, tuple(_terms(content)))


def _place(url: str, at: str | None) -> tuple[str | None, str]:
    """Host and path pattern of a `content`'s url; no pattern where it has none.

    A path from the root is taken as it is written: `urljoin` would take dots out of a pattern.
    """
    if not url.strip():
        return None, ""
    if url.startswith("/") and not url.startswith("//"):
        return _host(at or ""), path_of(url)
    try:
        absolute = urljoin(at or "/", url)
    except ValueError:
        return None, ""
    return _host(absolute), path_of(absolute)


def _host(url: str) -> str | None:
    """As the web has it: a name in another script, or with a dot at its end, is the same host."""
    try:
        return canonicalize(url).host
    except InvalidInput:
        return None


def _licence(licence: Element, needs_token: bool, notes: list[Note]) -> dict[str, Preference]:
    """What one licence says, by word."""
    permitted, prohibited = (_words(licence, verb, notes) for verb in ("permits", "prohibits"))
    asks = needs_token or _has_conditions(licence)
    unclear = prohibited is not None and not prohibited <= _MEANT.keys()
    granted = Preference.CONDITIONAL if asks or unclear else Preference.ALLOW
    said: dict[str, Preference] = {}
    if permitted is not None:
        meant = _meant(permitted)
        said = {word: granted if word in meant else Preference.DENY for word in WORDS}
    elif asks:
        said = dict.fromkeys(WORDS, Preference.CONDITIONAL)
    return said | dict.fromkeys(_meant(prohibited or ()), Preference.DENY)


def _words(licence: Element, verb: str, notes: list[Note]) -> frozenset[str] | None:
    """The words that a licence permits or prohibits; None where it does not speak of usages."""
    elements = [e for e in licence.findall(f"{{{NAMESPACE}}}{verb}") if _kind(e) == "usage"]
    if not elements:
        return None
    if len(elements) > 1:
        notes.append(Note("rsl_doubled"))
    text = " ".join(map(_own_text, elements))
    if "," in text:
        notes.append(Note("rsl_commas", shown(text)))
    words = frozenset(filter(None, _SEPARATORS.split(text.lower())))
    unknown = sorted(words - _MEANT.keys())[:_MOST_SHOWN]
    notes += [Note("rsl_word_unknown", shown(word)) for word in unknown]
    return words


def _meant(words: Iterable[str]) -> frozenset[str]:
    return frozenset(meant for word in words for meant in _MEANT.get(word, ()))


def _own_text(element: Element) -> str:
    """The text of an element; elements within, which can only be foreign, are passed over."""
    return " ".join([element.text or "", *(within.tail or "" for within in element)])


def _kind(element: Element) -> str:
    return element.get("type", "usage").strip().lower()


def _has_conditions(licence: Element) -> bool:
    payments = licence.findall(f"{{{NAMESPACE}}}payment")
    reporting = licence.find(f"{{{NAMESPACE}}}reporting") is not None
    paid = any(payment.get("type", "").strip() != "free" for payment in payments)
    return paid or reporting or _is_for_some(licence)


def _is_for_some(licence: Element) -> bool:
    """Whether it depends on who asks, from where, or on anything else than the usage."""
    return any(
        _kind(element) != "usage"
        for verb in ("permits", "prohibits")
        for element in licence.findall(f"{{{NAMESPACE}}}{verb}")
    )


def _alternatives(values: Sequence[Preference]) -> Preference:
    """What several licences for the same thing come to: what all say, and "ask" where they differ."""
    return values[0] if len(set(values)) == 1 else Preference.CONDITIONAL


def _terms(content: Element) -> Iterator[str]:
    written = [content.get("server", "")]
    for name in ("custom", "standard", "terms"):
        written += [element.text or "" for element in content.iter(f"{{{NAMESPACE}}}{name}")]
    yield from filter(None, map(address, written))


def associations(
    *,
    robots_group: Sequence[str],
    robots_global: Sequence[str],
    link_headers: Sequence[str],
    hrefs: Sequence[str],
) -> tuple[str, ...]:
    """Where licences stand, as robots.txt (a group's `License` before the global one), Link headers
    (RFC 8288) and a page's link elements write it.
    """
    links = [target for line in link_headers for target in _links(line)]
    found = [*(robots_group or robots_global), *links, *hrefs]
    return tuple(dict.fromkeys(address.strip() for address in found if address.strip()))


_PARAMETER: Final = re.compile(
    r'\s*;\s*([^\s;,="]*)\s*(?:=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s;,"]*)))?', re.DOTALL
)


def _links(line: str) -> Iterator[str]:
    """The licences among the links of a header line (RFC 8288, section 3); of equal parameters the first."""
    line = line[:LIMIT]
    start = line.find("<")
    while start >= 0 and (end := line.find(">", start)) >= 0:
        at, said = end + 1, dict[str, str]()
        while parameter := _PARAMETER.match(line, at):
            said.setdefault(parameter[1].lower(), re.sub(r"\\(.)", r"\1", parameter[2] or parameter[3] or ""))
            at = parameter.end()
        type_ = said.get("type", MEDIA_TYPE).partition(";")[0].strip().lower()
        if "license" in said.get("rel", "").lower().split() and type_ == MEDIA_TYPE:
            yield line[start + 1 : end]
        start = line.find("<", at)


def unread(addresses: Iterable[str]) -> Signal:
    """What is left to say of licences that are pointed to, and that nobody read."""
    addresses = list(addresses)
    return standards()["rsl"].signal(
        {},
        source="RSL licence",
        parser=PARSER,
        read="\n".join(addresses).encode("utf-8", "surrogatepass"),
        terms=addresses,
        notes=[Note("rsl_unread", shown(", ".join(addresses)))],
    )


def write(said: Preferences, *, url: str = "/", terms: str | None = None) -> bytes:
    """A licence for these preferences. A word that covers several uses is said as strictly as any of them.

    What is conditional is permitted against payment, with `terms` as the address of the conditions; what is
    permitted stands in a licence of its own. Where anything is permitted, RSL takes what is not listed as not
    permitted, even what is unset here; and `read` takes what one of several licences permits as conditional.
    """
    by_word = {word: _said_of(word, said) for word in WORDS[:-1]}
    root = Element("rsl", xmlns=NAMESPACE)
    content = SubElement(root, "content", url=url)
    denied, asked, free = (
        [word for word, value in by_word.items() if value is wanted]
        for wanted in (Preference.DENY, Preference.CONDITIONAL, Preference.ALLOW)
    )
    if asked:
        payment = SubElement(_permit(content, asked, denied), "payment", type="use")
        if terms:
            SubElement(payment, "custom").text = terms
    if free or (denied and not asked):
        _permit(content, free, denied)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _permit(content: Element, permitted: Sequence[str], prohibited: Sequence[str]) -> Element:
    licence = SubElement(content, "license")
    for verb, words in (("permits", permitted), ("prohibits", prohibited)):
        if words:
            SubElement(licence, verb, type="usage").text = " ".join(words)
    return licence


def _said_of(word: str, said: Preferences) -> Preference | None:
    uses = [UsageCategory(use) for use in standards()["rsl"].labels[f"prohibits {word}"]]
    values = {said[use] for use in uses if use in said}
    for value in (Preference.DENY, Preference.CONDITIONAL):
        if value in values:
            return value
    return Preference.ALLOW if len(values) == 1 and all(use in said for use in uses) else None
