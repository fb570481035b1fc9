"""W3C TDM Reservation Protocol: its file, its headers, its meta elements, and what is embedded.

https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from holdout.carriers.reading import LIMIT, shown
from holdout.carriers.robots import matches, prepared
from holdout.carriers.standards import standards
from holdout.signals import Note, Signal
from holdout.vocabulary import Preference, Preferences, UsageCategory

PARSER: Final = 1
NOTES: Final = {
    "tdmrep_unreadable": "This is no JSON list of rules, so it says nothing. Write "
    '[{"location": "/", "tdm-reservation": 1}].',
    "tdmrep_rule_unreadable": "A rule needs a location (text) and a tdm-reservation (the number 0 or 1); "
    "this one is passed over.",
    "tdmrep_value_unknown": "tdm-reservation is 1 or 0; anything else says nothing.",
    "tdmrep_rule_doubtful": "A rule before this one cannot be read and may have reserved, so this permission "
    "does not count. Mend or remove the broken rule.",
    "tdmrep_policy_unusable": "This tdm-policy is no web address, so the reservation stands without terms.",
    "tdmrep_policy_alone": "A tdm-policy counts only beside tdm-reservation 1.",
    "tdmrep_no_match": "No rule of tdmrep.json is about this address.",
    "tdmrep_contradiction": "tdm-reservation is said twice, and not the same; the reservation counts.",
    "tdmrep_overruled": "A later place overrules an earlier one: the file, the headers, the page, the "
    "picture, in this order. Say it in one place.",
}
FILE: Final = "/.well-known/tdmrep.json"
_MOST_RULES: Final = 20_000
_SAID_TWICE: Final = ("said twice",)
"""Stands for what an object says twice, and not the same: of a kind that no standard reads."""
_VALUES: Final[Mapping[str, int]] = {"0": 0, "1": 1}
_TOGETHER: Final = (UsageCategory.TRAIN_GEN, UsageCategory.TRAIN_OTHER, UsageCategory.TDM)
"""What one tdm-reservation speaks of."""


def read_file(read: bytes, *, path: str) -> Signal | None:
    """What `/.well-known/tdmrep.json` says of a path: the first rule whose location matches.

    A rule before it of which nobody can tell what it is about may have reserved; then a 0 does not count.
    """
    source = "tdmrep.json"
    if len(read) > LIMIT:
        return _signal(None, None, source=source, read=read[:LIMIT], notes=[Note("too_long")])
    rules = parsed(read)
    if not isinstance(rules, list):
        return _signal(None, None, source=source, read=read, notes=[Note("tdmrep_unreadable")])
    notes = [Note("too_long")] if len(rules) > _MOST_RULES else []
    doubtful = False
    octets = prepared(path)
    for rule in rules[:_MOST_RULES]:
        location, reservation, policy = _rule(rule)
        if location is None or reservation is None:
            notes.append(Note("tdmrep_rule_unreadable", shown(json.dumps(rule)[:200])))
        doubtful = doubtful or location is None
        if location is not None and matches(location, octets):
            if doubtful and reservation == 0:
                reservation = None
                notes.insert(0, Note("tdmrep_rule_doubtful", shown(location)))
            return _signal(reservation, policy, source=source, read=read, notes=notes)
    return _signal(None, None, source=source, read=read, notes=[Note("tdmrep_no_match"), *notes])


def parsed(read: bytes) -> Any:
    """The JSON in these octets; None for what is none, is too long, or too deep.

    What one object says twice, and not the same, says nothing: whichever was meant, readers take the last.
    """
    try:
        return json.loads(read, object_pairs_hook=_object) if len(read) <= LIMIT else None
    except (ValueError, RecursionError):
        return None


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        same = name not in found or (type(found[name]) is type(value) and found[name] == value)
        found[name] = value if same else _SAID_TWICE
    return found


def address(said: Any) -> str | None:
    """Where conditions stand: an address of the web, absolute or not; None for anything else."""
    text = said.strip() if isinstance(said, str) else ""
    try:
        scheme = urlsplit(text).scheme.lower()
    except ValueError:
        return None
    return text if text.isprintable() and " " not in text and scheme in ("", "http", "https") else None


def _rule(rule: Any) -> tuple[str | None, int | None, str | None]:
    """Location, reservation and policy, as far as they are of the right kind; `true` is no 1."""
    if not isinstance(rule, dict):
        return None, None, None
    location, value, policy = (rule.get(name) for name in ("location", "tdm-reservation", "tdm-policy"))
    return (
        location if isinstance(location, str) and location.startswith(("/", "*")) else None,
        value if type(value) is int and value in (0, 1) else None,
        policy if isinstance(policy, str) and policy.strip() else None,
    )


def read_headers(reservation: Sequence[str], policy: Sequence[str]) -> Signal | None:
    """What the `tdm-reservation` and `tdm-policy` header lines of an answer say."""
    return _read_words(reservation, policy, source="header tdm-reservation")


def read_meta(metas: Sequence[tuple[str, str]]) -> Signal | None:
    """What a page's meta elements (name in lower case, content) say."""
    reservation, policy = (
        [content for name, content in metas if name == wanted] for wanted in ("tdm-reservation", "tdm-policy")
    )
    return _read_words(reservation, policy, source="HTML meta tdm-reservation")


def read_embedded(reservation: Sequence[str], policy: Sequence[str]) -> Signal | None:
    """What `tdm:reservation` and `tdm:policy` in a file's XMP say."""
    return _read_words(reservation, policy, source="XMP tdm:reservation")


def _read_words(reservation: Sequence[str], policy: Sequence[str], *, source: str) -> Signal | None:
    if not reservation and not policy:
        return None
    read = "\n".join([*reservation, "", *policy]).encode("utf-8", "surrogatepass")
    words = [word.strip() for line in reservation for word in line.split(",")]
    notes = [Note("tdmrep_value_unknown", shown(word)) for word in words if word not in _VALUES]
    values = {_VALUES[word] for word in words if word in _VALUES}
    if notes:
        values.discard(0)  # what cannot be read beside it may have reserved
    if len(values) > 1:
        notes.append(Note("tdmrep_contradiction", shown(", ".join(words))))
    address = next((line.strip() for line in policy if line.strip()), None)
    return _signal(max(values, default=None), address, source=source, read=read, notes=notes)


def _signal(
    reservation: int | None, policy: str | None, *, source: str, read: bytes, notes: Iterable[Note]
) -> Signal:
    standard = standards()["tdmrep"]
    notes = list(notes)
    if policy is not None and reservation != 1:
        notes.append(Note("tdmrep_policy_alone", shown(policy)))
    terms = address(policy)
    if reservation == 1 and policy is not None and not terms:
        notes.append(Note("tdmrep_policy_unusable", shown(policy)))
    counts = reservation == 1 and bool(terms)
    label = None if reservation is None else "1 with tdm-policy" if counts else str(reservation)
    return standard.signal(
        standard.labels[label] if label else {},
        source=source,
        parser=PARSER,
        read=read,
        terms=[terms] if counts and terms else [],
        notes=notes,
    )


def resolved(readings: Sequence[Signal | None]) -> Signal | None:
    """What the places say together, in the protocol's order: file, headers, page, file of the picture.

    A later place that says 0 or 1 overrules the earlier ones; one that is silent or broken resets nothing.
    """
    read = [reading for reading in readings if reading is not None]
    speaking = [reading for reading in read if reading.preferences]
    if not read:
        return None
    decisive = speaking[-1] if speaking else read[-1]
    if len(read) == 1:
        return decisive
    notes = [note for reading in read for note in reading.notes]
    if any(reading.preferences != decisive.preferences for reading in speaking):
        notes.append(Note("tdmrep_overruled", ", ".join(reading.source for reading in speaking)))
    return standards()["tdmrep"].signal(
        decisive.preferences,
        source=decisive.source,
        parser=PARSER,
        read=b"".join(reading.digest for reading in read),
        terms=decisive.terms,
        notes=notes,
    )


def reservation_of(said: Preferences) -> int | None:
    """The value that says no less than these preferences; None where TDMRep has none.

    It speaks of training and mining at once: 1 where any of them is refused, 0 only where all are permitted.
    """
    values = [said.get(use) for use in _TOGETHER]
    if any(value in (Preference.DENY, Preference.CONDITIONAL) for value in values):
        return 1
    return 0 if all(value is Preference.ALLOW for value in values) else None


def write_file(rules: Iterable[tuple[str, Preferences, str | None]]) -> bytes:
    """A tdmrep.json for (location, preferences, policy) each; what TDMRep cannot say is left out."""
    written = []
    for location, said, policy in rules:
        reservation = reservation_of(said)
        if reservation is not None:
            rule: dict[str, str | int] = {"location": location, "tdm-reservation": reservation}
            written.append(rule | ({"tdm-policy": policy} if policy and reservation else {}))
    return json.dumps(written, indent=2).encode() + b"\n"


def write_headers(said: Preferences, *, policy: str | None) -> list[tuple[str, str]]:
    """The header lines."""
    reservation = reservation_of(said)
    if reservation is None:
        return []
    lines = [("tdm-reservation", str(reservation))]
    return [*lines, ("tdm-policy", policy)] if policy and reservation else lines
