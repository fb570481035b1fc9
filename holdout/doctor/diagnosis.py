"""What a round of a site comes to: what is said, what follows, how others read it, and what to mend."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from holdout.carriers import robots
from holdout.carriers.crawlers import crawlers
from holdout.carriers.notes import WORDS as SAID_OF_SIGNALS
from holdout.carriers.readers import observed, read_all
from holdout.carriers.standards import standards
from holdout.doctor.clients import CLIENTS
from holdout.doctor.visit import Round, Visit
from holdout.resolution import Resolution, resolve
from holdout.signals import Note, Signal
from holdout.verdicts import Access, AsOf, Outcome
from holdout.vocabulary import Preference, UsageCategory

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **SAID_OF_SIGNALS,
        "doctor_nothing_said": "Nothing here says to a machine that this must not be used for AI. "
        "Words in terms of use do not count; put one of the signals in place.",
        "doctor_no_picture": "There is no answer 200 at this address, so only the site was looked at.",
        "doctor_place_unreachable": "This could not be had, so what it says is unknown.",
        "doctor_conflict": "One place forbids this use and another permits it. Careful readers take the "
        "stricter; others may not. Say the same everywhere.",
        "doctor_client_blind": "This program reads nothing but header lines of the picture's own answer, and "
        "would keep it. Send X-Robots-Tag: noai, noimageai with your pictures.",
        "doctor_silent": "This standard is silent here. The kit has the lines that speak it.",
        "doctor_not_in_file": "The file itself says nothing, so a copy elsewhere says nothing either. "
        "Marked copies carry it along.",
        "doctor_crawlers": "So many AI crawlers that are known by name are let in by robots.txt.",
    }
)
"""What every finding says, by its code."""

_CHINESE: Final = Path(__file__).with_name("words_zh.toml")
_REMARKS: Final = frozenset(
    {
        "robots_no_restriction",
        "noai_other_agent",
        "content_signals_use",
        "content_signals_header",
        "plus_digital_source_type",
        "tdmrep_no_match",
        "ai_txt_silent",
        "rsl_no_match",
        "xmp_not_looked_for",
        "cawg_legacy_label",
        "aipref_path_closed",
        "too_long",
    }
)
_OF_A_SITE: Final = ("aipref", "content-signals", "tdmrep", "noai")
_IN_A_FILE: Final = frozenset({"plus", "cawg"})
_TRAINING: Final = (UsageCategory.TRAIN_GEN, UsageCategory.TRAIN_OTHER)


@cache
def words_in(language: str) -> Mapping[str, str]:
    """`WORDS` in a language: `zh-Hans`, or English for any other."""
    if language != "zh-Hans":
        return WORDS
    return MappingProxyType(tomllib.loads(_CHINESE.read_text(encoding="utf-8")))


class Weight(StrEnum):
    """How much a finding matters to whoever wants to be understood."""

    MISTAKE = "mistake"
    """Something is written that means nothing, or not what it seems to."""
    GAP = "gap"
    """Something could be said and is not, or could not be read."""
    REMARK = "remark"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know; `WORDS` says what it is and what to do about it."""

    weight: Weight
    code: str
    place: str = ""
    text: str = ""
    """The part of the source that it is about."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How machines see one address, and when they did."""

    seen: Round
    at: datetime
    signals: tuple[Signal, ...]
    resolution: Resolution
    clients: Mapping[str, bool]
    """Whether programs that fetch pictures would keep this one, by their names."""
    crawlers: Mapping[str, Access]
    """What robots.txt says to the AI crawlers that are known by name."""
    findings: tuple[Finding, ...]

    @property
    def mistakes(self) -> int:
        return sum(finding.weight is Weight.MISTAKE for finding in self.findings)


def diagnose(seen: Round, *, at: datetime) -> Diagnosis:
    """What follows from a round. Pure: the same round comes to the same diagnosis."""
    signals = (*read_all(seen.surroundings), *_about_robots(seen.robots))
    if _is_known(seen):
        signals = observed(signals)
    resolution = resolve(statements=(), signals=signals, as_of=AsOf(0, at.astimezone(UTC)))
    headers = seen.surroundings.headers
    clients = {name: keeps(headers) for name, keeps in CLIENTS.items()}
    let_in = _crawlers(seen)
    findings = (
        *_of_places(seen),
        *_of_notes(signals),
        *_of_conflicts(signals),
        *_of_gaps(seen, signals, resolution),
        *_of_clients(seen, clients, resolution),
        *_of_crawlers(let_in),
    )
    order = list(Weight)
    return Diagnosis(
        seen=seen,
        at=at,
        signals=signals,
        resolution=resolution,
        clients=MappingProxyType(clients),
        crawlers=MappingProxyType(let_in),
        findings=tuple(sorted(dict.fromkeys(findings), key=lambda f: order.index(f.weight))),
    )


def _is_known(seen: Round) -> bool:
    """Whether all was read that may speak of the picture; what is missing may refuse, so nothing permits."""
    return seen.target.found is not None and not any(v.trouble for v in (seen.robots, *seen.others))


def _about_robots(visit: Visit) -> tuple[Signal, ...]:
    """What follows where there is no robots.txt, or none could be had."""
    return () if visit.found is not None else (robots.without_file(visit.status),)


def _crawlers(seen: Round) -> dict[str, Access]:
    if seen.robots.found is None:
        (about,) = _about_robots(seen.robots)
        return {crawler.token: about.access for crawler in crawlers()}
    parsed, path = robots.parse(seen.robots.found), robots.path_of(seen.surroundings.url or "/")
    return robots.access_of_each(parsed, path=path, agents=[crawler.token for crawler in crawlers()])


def _of_places(seen: Round) -> Iterator[Finding]:
    if seen.target.found is None:
        yield Finding(Weight.GAP, "doctor_no_picture", seen.target.url, str(seen.target.status))
    for visit in seen.others:
        if visit.trouble:
            yield Finding(
                Weight.GAP, "doctor_place_unreachable", visit.url, visit.trouble.removeprefix("status_")
            )


def _of_notes(signals: Iterable[Signal]) -> Iterator[Finding]:
    for signal in signals:
        for note in signal.notes:
            yield Finding(_weight(note), note.code, signal.source, note.text)


def _weight(note: Note) -> Weight:
    return Weight.REMARK if note.code in _REMARKS else Weight.MISTAKE


def _of_conflicts(signals: Sequence[Signal]) -> Iterator[Finding]:
    for use in UsageCategory:
        said = [(s.source, s.preferences[use]) for s in signals if use in s.preferences]
        values = {value for _, value in said}
        if Preference.ALLOW in values and len(values) > 1:
            places = ", ".join(dict.fromkeys(f"{place}: {value}" for place, value in said))
            yield Finding(Weight.MISTAKE, "doctor_conflict", use, places)


def _of_gaps(seen: Round, signals: Sequence[Signal], resolution: Resolution) -> Iterator[Finding]:
    if not _is_reserved(resolution):
        yield Finding(Weight.GAP, "doctor_nothing_said")
    speaking = {signal.standard for signal in signals if signal.preferences}
    for standard in _OF_A_SITE:
        if standard not in speaking:
            yield Finding(Weight.GAP, "doctor_silent", standards()[standard].name)
    if not seen.is_page and seen.target.found is not None and not speaking & _IN_A_FILE:
        yield Finding(Weight.GAP, "doctor_not_in_file")


def _of_clients(seen: Round, clients: Mapping[str, bool], resolution: Resolution) -> Iterator[Finding]:
    if seen.is_page or seen.target.found is None or not _is_reserved(resolution):
        return
    for name, keeps in clients.items():
        if keeps:
            yield Finding(Weight.GAP, "doctor_client_blind", name)


def _of_crawlers(let_in: Mapping[str, Access]) -> Iterator[Finding]:
    count = sum(access is Access.ALLOWED for access in let_in.values())
    if count:
        yield Finding(Weight.REMARK, "doctor_crawlers", "robots.txt", f"{count} / {len(let_in)}")


def _is_reserved(resolution: Resolution) -> bool:
    """Whether training is refused, or asks for conditions."""
    return all(resolution.uses[use] in (Outcome.DENY, Outcome.CONDITIONAL) for use in _TRAINING)


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """As JSON values."""
    seen = diagnosis.seen
    return {
        "url": seen.surroundings.url,
        "at": diagnosis.at.isoformat(),
        "kind": "page" if seen.is_page else "picture",
        "asked": [_visit_json(visit) for visit in (seen.target, seen.robots, *seen.others)],
        "uses": dict(diagnosis.resolution.uses),
        "access": diagnosis.resolution.access,
        "signals": [_signal_json(signal) for signal in diagnosis.signals],
        "clients": dict(diagnosis.clients),
        "crawlers": dict(diagnosis.crawlers),
        "findings": [
            {
                "weight": finding.weight,
                "code": finding.code,
                "words": WORDS[finding.code],
                "place": finding.place,
                "text": finding.text,
            }
            for finding in diagnosis.findings
        ],
    }


def _visit_json(visit: Visit) -> dict[str, Any]:
    return {
        "url": visit.url,
        "status": visit.status,
        "error": visit.error.code if visit.error is not None else None,
    }


def _signal_json(signal: Signal) -> dict[str, Any]:
    return {
        "standard": signal.standard,
        "revision": signal.revision,
        "source": signal.source,
        "parser": signal.parser,
        "sha256": signal.digest.hex(),
        "provenance": signal.provenance,
        "uses": dict(signal.preferences),
        "access": signal.access,
        "terms": list(signal.terms),
        "notes": [{"code": note.code, "text": note.text} for note in signal.notes],
    }
