"""robots.txt (RFC 9309): its groups, whose lines other standards use too, and what it says of access."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from holdout.carriers.reading import as_text, shown
from holdout.carriers.standards import standards
from holdout.signals import Note, Signal
from holdout.verdicts import Access
from holdout.vocabulary import Preference, Preferences

PARSER: Final = 1
NOTES: Final = {
    "robots_no_restriction": "There is no robots.txt here, so crawlers are kept from nothing.",
    "robots_unreachable": "robots.txt could not be had; until it can, crawlers must stay away altogether.",
    "robots_rule_without_agent": "This rule stands before any User-agent line, so it is nobody's.",
    "robots_too_many_rules": "Only the first 100,000 lines were read.",
}
_MOST_LINES: Final = 100_000
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_RULES: Final = frozenset({"allow", "disallow", "content-usage", "content-signal", "license"})
_ENCODED: Final = re.compile(rb"[^A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]%#]")
_TOKEN: Final = re.compile(r"[a-z0-9_.-]+")
_PERCENT: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_SHORT: Final = 256
"""Characters of a path that is remembered. Whoever sends longer ones must not fill our memory with them."""
_MOST_NOTED: Final = 100
"""Rules of one file that are noted."""
_CUT: Final = frozenset({"too_long", "robots_too_many_rules"})
_SOURCE: Final = "robots.txt"

Rule = tuple[str, str]
"""A field's name in lower case, and its value."""


@dataclass(frozen=True, slots=True)
class Group:
    """The rules that hold for a crawler, in their order."""

    rules: tuple[Rule, ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """The values of one field."""
        return tuple(value for field_, value in self.rules if field_ == name)


@dataclass(frozen=True, slots=True)
class Robots:
    """A robots.txt, taken apart."""

    read: bytes
    groups: tuple[tuple[frozenset[str], tuple[Rule, ...]], ...] = ()
    """Product tokens in lower case, and the rules below them."""
    outside: tuple[Rule, ...] = ()
    """Rules before any group."""
    notes: tuple[Note, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether all of it was read. What was not may have refused, so the rest permits nothing."""
        return not any(note.code in _CUT for note in self.notes) and b"\0" not in self.read  # UTF-16

    def group(self, agents: Sequence[str]) -> Group:
        """The rules for a crawler that goes under these product tokens: all its groups', else those of `*`.

        RFC 9309, 2.2.1: tokens are compared without case, and groups of the same token are one.
        """
        return Group(tuple(rule for number in self.numbers(agents) for rule in self.groups[number][1]))

    def numbers(self, agents: Sequence[str]) -> tuple[int, ...]:
        """Which groups those are."""
        tokens = {token_of(agent) for agent in agents}
        own = tuple(at for at, (names, _) in enumerate(self.groups) if names & tokens)
        return own or tuple(at for at, (names, _) in enumerate(self.groups) if "*" in names)

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a field that stands in no group."""
        return tuple(value for field_, value in self.outside if field_ == name)

    def restrained(self, said: Preferences) -> Preferences:
        """What was found to be said, without its permissions where the file was not read whole."""
        if self.whole:
            return said
        return {use: value for use, value in said.items() if value is not Preference.ALLOW}

    def shortened(self) -> tuple[Note, ...]:
        """The notes of a file that was not read whole; every standard that reads it repeats them."""
        return tuple(note for note in self.notes if note.code in _CUT)


def token_of(agent: str) -> str:
    """The product token of a User-agent line, or of a crawler's name for itself, as they are compared.

    RFC 9309, 2.2.1: letters, `_` and `-`, in any case; a version or a comment behind it is not part of it.
    Digits and dots count as well: known crawlers have them.
    """
    agent = agent.strip().lower()
    found = _TOKEN.match(agent)
    return found[0] if found and agent != "*" else agent


def parse(read: bytes) -> Robots:
    """Take a robots.txt apart. Lines that nobody knows are passed over; never raises."""
    text, notes = as_text(read)
    if "\0" in text and not notes:
        notes.append(Note("not_utf8"))
    groups: list[tuple[set[str], list[Rule]]] = []
    outside: list[Rule] = []
    collecting = False
    lines = _LINE_END.split(text)
    if notes and notes[0].code == "too_long":
        del lines[-1]  # half a rule may be another rule
    if len(lines) > _MOST_LINES:
        notes.append(Note("robots_too_many_rules"))
    for name, value in _fields(lines[:_MOST_LINES]):
        if name == "user-agent":
            if not collecting:
                groups.append((set(), []))
            groups[-1][0].add(token_of(value))
            collecting = True
        elif name in _RULES:
            collecting = False
            (groups[-1][1] if groups else outside).append((name, value))
            if not groups and name != "license" and len(notes) < _MOST_NOTED:
                notes.append(Note("robots_rule_without_agent", shown(f"{name}: {value}")))
    return Robots(
        read=read,
        groups=tuple((frozenset(names), tuple(rules)) for names, rules in groups),
        outside=tuple(outside),
        notes=tuple(dict.fromkeys(notes)),
    )


def _fields(lines: Iterable[str]) -> Iterator[Rule]:
    for line in lines:
        name, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def path_of(url: str) -> str:
    """The path and query of a URL, as rules are compared with them; `/` for what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "/"
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def matches(pattern: str, path: bytes) -> bool:
    """Whether a path rule holds for a path (RFC 9309, 2.2.2 and 2.2.3): `*`, `$`, else octet by octet.

    Both sides are compared as percent-encoded octets; the path comes from `prepared`, once for all rules.
    Costs the product of the lengths at most.
    """
    return _matches(normal(pattern), path)


def prepared(path: str) -> bytes:
    """A path, as rules are compared with it."""
    return _literal(normal(path))


def _matches(pattern: bytes, path: bytes) -> bool:
    anchored = pattern.endswith(b"$")
    first, *parts = (pattern[:-1] if anchored else pattern).replace(b"$", b"%24").split(b"*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not parts:
        return not anchored or at == len(path)
    for part in parts[:-1]:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    last = parts[-1]
    if anchored:
        return len(path) - len(last) >= at and path.endswith(last)
    return path.find(last, at) >= 0


def _literal(path: bytes) -> bytes:
    """A pattern spells a real `*` or `$` as `%2A` and `%24` (RFC 9309, 2.2.3), so a path has to as well."""
    return path.replace(b"*", b"%2A").replace(b"$", b"%24")


def normal(path: str) -> bytes:
    """A path as octets of which each that needs it is percent-encoded, and no other that may stand so."""
    return _remembered(path) if len(path) <= _SHORT else _encoded(path)


@lru_cache(maxsize=65_536)
def _remembered(path: str) -> bytes:
    return _encoded(path)


def _encoded(path: str) -> bytes:
    octets = path.encode("utf-8", "surrogatepass")
    decoded = _PERCENT.sub(_unescaped, octets)
    return _ENCODED.sub(lambda found: b"%%%02X" % found[0][0], decoded)


def _unescaped(escape: re.Match[bytes]) -> bytes:
    """Unreserved characters stand for themselves (RFC 3986, 2.3); other escapes stay, in capitals."""
    octet = int(escape[1], 16)
    if octet < 128 and (chr(octet).isalnum() or octet in b"-._~"):
        return bytes([octet])
    return b"%%%02X" % octet


def longest(values: Iterable[tuple[str, str]], path: str) -> list[str]:
    """Of (path pattern, anything) pairs the seconds of those whose pattern is the longest that matches."""
    found: list[str] = []
    length = -1
    normal_path = prepared(path)
    for pattern, said in values:
        octets = normal(pattern)
        if len(octets) < length or not _matches(octets, normal_path):
            continue
        if len(octets) > length:
            found, length = [], len(octets)
        found.append(said)
    return found


def may_crawl(group: Group, path: str) -> bool:
    """Whether a crawler with these rules may fetch the path: the longest says so; of equals, Allow."""
    if path == "/robots.txt":
        return True
    rules = ((value, name) for name, value in group.rules if name in ("allow", "disallow") and value)
    said = longest(rules, path)
    return not said or "allow" in said


def access_of_each(robots: Robots, *, path: str, agents: Sequence[str]) -> dict[str, Access]:
    """Whether each of many crawlers may fetch the path; every group is compared with it once."""
    octets = prepared(path)
    best = [_best(rules, octets) for _, rules in robots.groups]
    found = {}
    for agent in agents:
        longest_, allows = max((best[number] for number in robots.numbers([agent])), default=(-1, True))
        blocked = longest_ >= 0 and not allows and path != "/robots.txt"
        found[agent] = _access(robots, blocked=blocked)
    return found


def _best(rules: Iterable[Rule], path: bytes) -> tuple[int, bool]:
    """The length of the longest rule that matches, -1 for none, and whether one of that length allows."""
    best = (-1, True)
    for name, pattern in rules:
        octets = normal(pattern) if name in ("allow", "disallow") and pattern else b""
        if octets and len(octets) >= best[0] and _matches(octets, path):
            best = max(best if best[0] == len(octets) else (-1, True), (len(octets), name == "allow"))
    return best


def _access(robots: Robots, *, blocked: bool) -> Access:
    """What cannot be read whole may have refused."""
    if blocked:
        return Access.BLOCKED
    return Access.ALLOWED if robots.whole else Access.UNKNOWN


def read_access(robots: Robots, *, path: str, agents: Sequence[str]) -> Signal:
    """Whether a crawler may fetch the path. Says nothing of any use."""
    access = _access(robots, blocked=not may_crawl(robots.group(agents), path))
    return standards()["robots"].signal(
        {}, source=_SOURCE, parser=PARSER, read=robots.read, access=access, notes=robots.notes
    )


def without_file(status: int | None) -> Signal:
    """What follows where robots.txt was answered otherwise than by 200 (RFC 9309, 2.3.1.3 and 2.3.1.4).

    4xx: there is none, and no restriction. Anything else, and no answer at all (None): everything is closed.
    """
    gone = status is not None and 400 <= status < 500
    return standards()["robots"].signal(
        {},
        source=_SOURCE,
        parser=PARSER,
        read=b"",
        access=Access.ALLOWED if gone else Access.BLOCKED,
        notes=[Note("robots_no_restriction" if gone else "robots_unreachable")],
    )


def write_group(agents: Iterable[str], rules: Iterable[str]) -> str:
    """A group: a User-agent line each, then the rules as they are given."""
    return "".join(f"User-agent: {agent}\n" for agent in agents) + "".join(f"{rule}\n" for rule in rules)
