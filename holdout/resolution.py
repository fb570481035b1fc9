"""What follows from what was said: statements + signals + grants -> one outcome per use, with every reason.

Pure. The server and the vendor's library both call `resolve`, so both must come to the same answer. The
rules, in the order in which they bite:

1. Access (robots) is reported apart from use and no grant lifts it.
2. Inside a standard that standard's own precedence holds; it is applied where the `Signal` is read.
3. A grant lifts only its own declarant's restrictions.
4. Within one declarant the more specific locator wins, use by use; statements on content always count. What
   was said of the page weighs against other places of the page, and nothing where the picture's own URL was
   spoken of. Across declarants and standards: deny > conditional > review > allow > unknown.
5. Nothing said is `unknown`, never `allow`.
6. `allow` needs an exact key or locator and a statement proven L2+ for that subject by the person's own
   act, or a signal observed at its own host. Everything weaker may only restrict, and so does what is known
   only from the caller: the page, and whose account it is.
7. A disputed statement keeps its restrictions and loses its permissions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from holdout.signals import Provenance, Signal
from holdout.verdicts import Access, AsOf, MatchMethod, Outcome, Reason, Seen
from holdout.vocabulary import Preference, Preferences, UsageCategory


class Assurance(IntEnum):
    """How well a declarant is proven for one subject: the proof ladder."""

    L0 = 0
    """E-mail."""
    L1 = 1
    """The file was uploaded; its log index is its priority date."""
    L2 = 2
    """A platform account."""
    L3 = 3
    """A domain: DNS record, `.well-known` file, meta tag."""
    L4 = 4
    """A C2PA credential with a trusted certificate."""
    L5 = 5
    """Vouched for by a platform, a collecting society, a registration number."""


@dataclass(frozen=True, slots=True)
class MatchedStatement:
    """A statement that was found for the asked picture.

    In force for log indices `declared_at <= index < ended_at` (`ended_at` None: until now). `specificity`
    orders locators of one declarant (larger is more specific) and is ignored for matches on content; places
    of the page are ordered among each other.
    """

    statement: str
    declarant: str
    preferences: Preferences
    method: MatchMethod
    assurance: Assurance
    declared_at: int
    ended_at: int | None = None
    specificity: tuple[int, ...] = ()
    disputed: bool = False
    vouched: bool = False
    """Declared for somebody else (L5 bulk): may only restrict."""
    seen: Seen | None = None
    """Carried along to the reason; it decides nothing."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A verified, signed permission by `declarant` to the vendor `grantee` for some uses."""

    grant: str
    declarant: str
    grantee: str
    uses: frozenset[UsageCategory]
    granted_at: int
    revoked_at: int | None
    expires: datetime


@dataclass(frozen=True, slots=True)
class Resolution:
    """One outcome for each of the five uses, and all that led to it."""

    uses: Mapping[UsageCategory, Outcome]
    access: Access
    reasons: tuple[Reason, ...]
    disputed: bool


RESTRICTIVENESS: Final[Mapping[Outcome, int]] = MappingProxyType(
    {outcome: rank for rank, outcome in enumerate(reversed(Outcome))}
)
"""Larger restricts more."""

_CONFIRMED: Final = frozenset({MatchMethod.SAME_PICTURE, MatchMethod.CONTAINS, MatchMethod.PART_OF})
"""Near copies of which geometry is certain."""
_NEAR: Final = _CONFIRMED | {MatchMethod.CODES, MatchMethod.POSSIBLE}
_ON_CONTENT: Final = _NEAR | {MatchMethod.EXACT_FILE}
_OF_THE_PICTURE: Final = frozenset({MatchMethod.URL, MatchMethod.PICTURE})
"""Places that hold one picture and nothing else."""

LEAST_ASSURANCE: Final[Mapping[MatchMethod, Assurance]] = MappingProxyType(
    {
        MatchMethod.EXACT_FILE: Assurance.L0,
        MatchMethod.URL: Assurance.L0,
        MatchMethod.PICTURE: Assurance.L0,
        MatchMethod.PATH: Assurance.L2,
        MatchMethod.ACCOUNT: Assurance.L2,
        MatchMethod.HOST: Assurance.L3,
        MatchMethod.DOMAIN: Assurance.L3,
        MatchMethod.PAGE: Assurance.L2,
        MatchMethod.SAME_PICTURE: Assurance.L1,
        MatchMethod.CONTAINS: Assurance.L1,
        MatchMethod.PART_OF: Assurance.L1,
        MatchMethod.CODES: Assurance.L1,
        MatchMethod.POSSIBLE: Assurance.L1,
    }
)
"""The least proof with which a statement reaches that far; below it the statement has no effect there.

A page is reached through a place of its own: whoever matches it applies that place's level as well.
"""

LEAST_ASSURANCE_TO_ALLOW: Final = Assurance.L2
LEAST_ASSURANCE_FOR_NEAR_DENY: Final = Assurance.L2


def most_restrictive(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome that wins between parties; `unknown` for none."""
    return max(outcomes, key=RESTRICTIVENESS.__getitem__, default=Outcome.UNKNOWN)


def resolve(
    *,
    statements: Iterable[MatchedStatement],
    signals: Iterable[Signal] = (),
    grants: Iterable[Grant] = (),
    vendor: str | None = None,
    as_of: AsOf,
) -> Resolution:
    """Decide every use of one picture at `as_of`, for `vendor` (None: nobody in particular).

    The order of the arguments' elements does not matter. Never raises for well-typed input.
    """
    signals = list(signals)
    in_force = [s for s in statements if s.declared_at <= as_of.log_index and not _ended(s.ended_at, as_of)]
    granted = [g for g in grants if _grant_reaches(g, vendor=vendor, as_of=as_of)]
    reasons = [
        *(r for said in _by_declarant(in_force) for r in _declarant_reasons(said, granted=granted)),
        *(r for signal in signals for r in _signal_reasons(signal)),
    ]
    uses = {
        use: most_restrictive(r.outcomes[use] for r in reasons if use in r.outcomes) for use in UsageCategory
    }
    return Resolution(
        uses=MappingProxyType(uses),
        access=_access(signals),
        reasons=_in_order(reasons),
        disputed=any(s.disputed and _outcomes(s) for s in in_force),
    )


_Shape = tuple[str, Provenance, Access, tuple[tuple[UsageCategory, Preference], ...]]


def of_signals(signals: Iterable[Signal]) -> Resolution:
    """What signals come to by themselves; their reasons name standards, and no source.

    Remembered by all of a signal that decides: thousands of sites say the same few things.
    """
    return _of_shapes(
        tuple((s.standard, s.provenance, s.access, tuple(s.preferences.items())) for s in signals)
    )


@lru_cache(maxsize=65_536)
def _of_shapes(shapes: tuple[_Shape, ...]) -> Resolution:
    signals = [Signal("", standard, by, dict(said), access) for standard, by, access, said in shapes]
    return resolve(statements=(), signals=signals, as_of=AsOf(0, datetime.fromtimestamp(0, tz=UTC)))


def _ended(ended_at: int | None, as_of: AsOf) -> bool:
    return ended_at is not None and ended_at <= as_of.log_index


def _grant_reaches(grant: Grant, *, vendor: str | None, as_of: AsOf) -> bool:
    return (
        vendor is not None
        and grant.grantee == vendor
        and grant.granted_at <= as_of.log_index
        and not _ended(grant.revoked_at, as_of)
        and as_of.time < grant.expires
    )


def _outcomes(said: MatchedStatement) -> dict[UsageCategory, Outcome]:
    """What one statement comes to by itself, given how it was found and how well it is proven."""
    if said.assurance < LEAST_ASSURANCE[said.method]:
        return {}
    outcomes = {}
    for use, preference in said.preferences.items():
        if preference is Preference.ALLOW:
            if _may_permit(said):
                outcomes[use] = Outcome.ALLOW
        elif _asserts(said):
            outcomes[use] = Outcome(preference)
        else:
            outcomes[use] = Outcome.REVIEW
    return outcomes


def _may_permit(said: MatchedStatement) -> bool:
    return (
        said.method not in _NEAR
        and said.method is not MatchMethod.PAGE
        and said.assurance >= LEAST_ASSURANCE_TO_ALLOW
        and not said.vouched
        and not said.disputed
    )


def _asserts(said: MatchedStatement) -> bool:
    """Whether a restriction stands as said (True) or only asks for review (False)."""
    if said.method in _CONFIRMED:
        return said.assurance >= LEAST_ASSURANCE_FOR_NEAR_DENY
    return said.method not in _NEAR


def _by_declarant(statements: Iterable[MatchedStatement]) -> Iterable[list[MatchedStatement]]:
    grouped: dict[str, list[MatchedStatement]] = defaultdict(list)
    for said in statements:
        grouped[said.declarant].append(said)
    return grouped.values()


def _declarant_reasons(said: list[MatchedStatement], *, granted: list[Grant]) -> Iterable[Reason]:
    """The reasons of one declarant: specificity among its locators first, then its own grants."""
    outcomes = [(s, _outcomes(s)) for s in said]
    most_specific: dict[tuple[bool, UsageCategory], tuple[int, ...]] = {}
    for s, by_use in outcomes:
        if s.method not in _ON_CONTENT:
            for use in by_use:
                rival = _of_the_page(s), use
                most_specific[rival] = max(most_specific.get(rival, ()), s.specificity)
    settled = {use for s, by_use in outcomes for use in by_use if s.method in _OF_THE_PICTURE}
    own = [g for g in granted if g.declarant == said[0].declarant]
    for s, by_use in outcomes:
        counting = {
            use: outcome
            for use, outcome in by_use.items()
            if s.method in _ON_CONTENT
            or (
                s.specificity == most_specific[_of_the_page(s), use]
                and not (_of_the_page(s) and use in settled)
            )
        }
        yield from _after_grants(s, counting, own)


def _of_the_page(said: MatchedStatement) -> bool:
    return said.method is MatchMethod.PAGE


def _after_grants(
    said: MatchedStatement, outcomes: Mapping[UsageCategory, Outcome], own: list[Grant]
) -> Iterable[Reason]:
    """The statement's reason without what its declarant's grants lift, and the grants' reasons.

    A grant lifts nothing of a disputed statement, and turns a restriction into `allow` only where the
    statement itself could have permitted; elsewhere the restriction just falls away.
    """
    lifting = {
        use: grant
        for grant in ([] if said.disputed else sorted(own, key=lambda g: g.grant))
        for use in grant.uses
        if outcomes.get(use, Outcome.ALLOW) is not Outcome.ALLOW
    }
    standing = {use: outcome for use, outcome in outcomes.items() if use not in lifting}
    if standing:
        yield Reason(said.statement, said.method, int(said.assurance), MappingProxyType(standing), said.seen)
    if _may_permit(said):
        for grant in {g.grant: g for g in lifting.values()}.values():
            uses = {use: Outcome.ALLOW for use, g in lifting.items() if g.grant == grant.grant}
            yield Reason(grant.grant, "grant", int(said.assurance), MappingProxyType(uses))


def _signal_reasons(signal: Signal) -> Iterable[Reason]:
    outcomes = {
        use: Outcome(preference)
        for use, preference in signal.preferences.items()
        if preference is not Preference.ALLOW or signal.provenance is Provenance.OBSERVED
    }
    if outcomes:
        yield Reason(signal.source, signal.standard, None, MappingProxyType(outcomes))


def _access(signals: Iterable[Signal]) -> Access:
    """Any block wins; a permission counts only where we observed it."""
    said = {s.access for s in signals if s.access is Access.BLOCKED or s.provenance is Provenance.OBSERVED}
    if Access.BLOCKED in said:
        return Access.BLOCKED
    return Access.ALLOWED if Access.ALLOWED in said else Access.UNKNOWN


def _in_order(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Most restrictive first, then by source; the same reason found twice stands once, as proven best."""

    def order(reason: Reason) -> tuple[int, str, str, tuple[tuple[str, str], ...]]:
        strongest = max(RESTRICTIVENESS[o] for o in reason.outcomes.values())
        said = tuple(sorted((str(use), str(outcome)) for use, outcome in reason.outcomes.items()))
        return (-strongest, reason.source, reason.method, said)

    def proof(reason: Reason) -> tuple[int, str]:
        # What is seen decides nothing; it only keeps the answer apart from the arguments' order.
        return -1 if reason.assurance is None else reason.assurance, str(reason.seen)

    by_proof = sorted(reasons, key=proof)
    return tuple(reason for _, reason in sorted({order(r): r for r in by_proof}.items()))
