"""RSL 1.0 licences: XML documents, and the places that point to them. https://rslstandard.org/rsl

Read for one purpose: what they say of a use. Tokens, servers and prices are for whoever wants to buy.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from holdout.carriers.reading import LIMIT, shown
from holdout.carriers.robots import matches, normal, path_of
from holdout.carriers.standards import standards, together
from holdout.signals import Note, Signal
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
_MOST: Final = 10_000
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
    return NAMESPACE.encode() in read[:LIMIT]


def read(read_: bytes, *, url: str, at: str | None = None) -> Signal | None:
    """What a licence says of the picture at `url`; `at` is where the licence stands. None if it is no RSL.

    The narrower scope counts before the broader, word by word; `prohibits` before `permits`; what stands not
    beside `permits` is not permitted. A permission that needs payment, a server's token or reporting, or is
    for some people or places alone, is `conditional`, and so is what one of several licences permits and
    another does not. Without payment a permission is free.
    """
    if not is_rsl(read_):
        return None
    usages, terms, notes = _usages(read_, url, at)
    said = together(preferences_of(word, value) for word, value in usages.items())
    return standards()["rsl"].signal(
        said, source="RSL licence", parser=PARSER, read=read_[:LIMIT], terms=terms, notes=notes
    )


def usages(read_: bytes, *, url: str, at: str | None = None) -> Mapping[str, Preference]:
    """The same in the standard's own words (`WORDS`)."""
    return _usages(read_, url, at)[0]


def preferences_of(word: str, value: Preference) -> Preferences:
    """What a value for one of `WORDS` means, by the label table."""
    labels = standards()["rsl"].labels
    if word != "other":
        return labels[f"{_VERBS[value]} {word}"]
    named = {use for w in WORDS[:-1] for use in labels[f"{_VERBS[value]} {w}"]}
    return {use: v for use, v in labels[f"{_VERBS[value]} all"].items() if use not in named}


def _usages(
    read_: bytes, url: str, at: str | None
) -> tuple[dict[str, Preference], tuple[str, ...], list[Note]]:
    root = _parsed(read_)
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
    return found, tuple(term for scope in scopes for term in scope.terms), notes


def _parsed(read_: bytes) -> Element | None:
    """The root; None for what is no XML, has entities or is too deep."""
    if len(read_) > LIMIT:
        return None
    try:
        root = fromstring(read_, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return None
    return root if _local(root.tag) == "rsl" and _depth(root) <= _MOST_DEPTH else None


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
    for content in root.findall(f"{{{NAMESPACE}}}content")[:_MOST]:
        pattern = content.get("url", "")
        if not _is_about(pattern, url, at):
            continue
        licences = content.findall(f"{{{NAMESPACE}}}license")[:_MOST]
        each = [_licence(licence, bool(content.get("server")), notes) for licence in licences]
        said = {
            word: _alternatives([licence[word] for licence in each if word in licence])
            for word in WORDS
            if any(word in licence for licence in each)
        }
        yield _Scope(len(normal(path_of(pattern))), said, tuple(_terms(content)))


def _is_about(pattern: str, url: str, at: str | None) -> bool:
    """Whether a `content`'s url, a path pattern or an absolute one, is about this address."""
    if not pattern:
        return False
    try:
        host = urlsplit(urljoin(at or "", pattern)).hostname
        asked = urlsplit(url).hostname
    except ValueError:
        return False
    return (not host or not asked or host == asked) and matches(path_of(pattern), path_of(url))


def _licence(licence: Element, needs_token: bool, notes: list[Note]) -> dict[str, Preference]:
    """What one licence says, by word."""
    permitted, prohibited = (_words(licence, verb, notes) for verb in ("permits", "prohibits"))
    asks = needs_token or _has_conditions(licence)
    granted = Preference.CONDITIONAL if asks else Preference.ALLOW
    said: dict[str, Preference] = {}
    if permitted is not None:
        said = {word: granted if word in permitted else Preference.DENY for word in WORDS}
    elif _is_for_some(licence):
        said = dict.fromkeys(WORDS, Preference.CONDITIONAL)
    return said | dict.fromkeys(prohibited or (), Preference.DENY)


def _words(licence: Element, verb: str, notes: list[Note]) -> frozenset[str] | None:
    """The usages that a licence permits or prohibits; None where it does not speak of usages."""
    elements = [e for e in licence.findall(f"{{{NAMESPACE}}}{verb}") if e.get("type", "usage") == "usage"]
    if not elements:
        return None
    if len(elements) > 1:
        notes.append(Note("rsl_doubled"))
    words: set[str] = set()
    for element in elements:
        text = element.text or ""
        if "," in text:
            notes.append(Note("rsl_commas", shown(text)))
        for word in filter(None, _SEPARATORS.split(text)):
            words |= _MEANT.get(word.lower(), frozenset())
            if word.lower() not in _MEANT:
                notes.append(Note("rsl_word_unknown", shown(word)))
    return frozenset(words)


def _has_conditions(licence: Element) -> bool:
    payments = licence.findall(f"{{{NAMESPACE}}}payment")
    reporting = licence.find(f"{{{NAMESPACE}}}reporting") is not None
    paid = any(payment.get("type", "").strip() != "free" for payment in payments)
    return paid or reporting or _is_for_some(licence)


def _is_for_some(licence: Element) -> bool:
    """Whether it depends on who asks, or from where."""
    return any(
        element.get("type") in ("user", "geo")
        for verb in ("permits", "prohibits")
        for element in licence.findall(f"{{{NAMESPACE}}}{verb}")
    )


def _alternatives(values: Sequence[Preference]) -> Preference:
    """What several licences for the same thing come to: what all say, and "ask" where they differ."""
    return values[0] if len(set(values)) == 1 else Preference.CONDITIONAL


def _terms(content: Element) -> Iterator[str]:
    if server := content.get("server", "").strip():
        yield server
    for name in ("custom", "standard", "terms"):
        for element in content.iter(f"{{{NAMESPACE}}}{name}"):
            if text := (element.text or "").strip():
                yield text


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


_LINK: Final = re.compile(r"<([^>]*)>([^<]*)")
_PARAMETER: Final = re.compile(r';\s*([a-z*]+)\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)


def _links(line: str) -> Iterator[str]:
    for target, parameters in _LINK.findall(line[:LIMIT]):
        said = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(parameters)}
        is_licence = "license" in said.get("rel", "").lower().split()
        if is_licence and said.get("type", MEDIA_TYPE).strip().lower() == MEDIA_TYPE:
            yield target


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

    What is conditional is permitted against payment, with `terms` as the address of the conditions.
    """
    by_word = {word: _said_of(word, said) for word in WORDS[:-1]}
    root = Element("rsl", xmlns=NAMESPACE)
    content = SubElement(root, "content", url=url)
    denied, asked, free = (
        [word for word, value in by_word.items() if value is wanted]
        for wanted in (Preference.DENY, Preference.CONDITIONAL, Preference.ALLOW)
    )
    if asked:
        licence = SubElement(content, "license")
        SubElement(licence, "permits", type="usage").text = " ".join(asked + free)
        _prohibit(licence, denied)
        payment = SubElement(licence, "payment", type="use")
        if terms:
            SubElement(payment, "custom").text = terms
    elif denied or free:
        licence = SubElement(content, "license")
        if free:
            SubElement(licence, "permits", type="usage").text = " ".join(free)
        _prohibit(licence, denied)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _prohibit(licence: Element, words: Sequence[str]) -> None:
    if words:
        SubElement(licence, "prohibits", type="usage").text = " ".join(words)


def _said_of(word: str, said: Preferences) -> Preference | None:
    uses = [UsageCategory(use) for use in standards()["rsl"].labels[f"prohibits {word}"]]
    values = {said[use] for use in uses if use in said}
    for value in (Preference.DENY, Preference.CONDITIONAL):
        if value in values:
            return value
    return Preference.ALLOW if len(values) == 1 and all(use in said for use in uses) else None
