"""What follows for the rows of a batch, column by column.

Most rows about which something is said have one statement, and what follows from it depends on few bits:
how it was found, how well it is proven, what it says. `resolve` is asked once for each such shape, and once
for each set of several statements, or of statements whose declarants granted the caller something; nothing
here decides by itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from holdout.ids import id_bits, id_text
from holdout.index.records import DISPUTED, RECORD, VOUCHED, Records, opaque, public_ids
from holdout.index.said import preferences_of
from holdout.resolution import (
    Assurance,
    Grant,
    MatchedStatement,
    Resolution,
    most_restrictive,
    of_signals,
    resolve,
)
from holdout.signals import Signal
from holdout.verdicts import Access, AsOf, Covered, MatchMethod, Outcome, Seen
from holdout.vocabulary import UsageCategory
from lookup.grants import NOTHING_GRANTED, Granted

METHODS: Final = tuple(MatchMethod)
"""A line's `method` is an index into it."""
METHOD_CODE: Final[Mapping[MatchMethod, int]] = MappingProxyType({m: i for i, m in enumerate(METHODS)})

GRANTED: Final = len(METHODS)
"""A decision's `method` where a grant is the first reason."""
METHOD_WORDS: Final = (*(method.value for method in METHODS), "grant")
"""A decision's `method` is an index into it."""

SEEN: Final = (
    None,
    *(
        Seen(mirrored, inverted, covered)
        for mirrored, inverted in product((False, True), repeat=2)
        for covered in Covered
    ),
)
"""A line's `seen` is an index into it."""
SEEN_CODE: Final[Mapping[Seen | None, int]] = MappingProxyType({seen: i for i, seen in enumerate(SEEN)})

OUTCOMES: Final = tuple(
    MappingProxyType(dict(zip(UsageCategory, outcomes, strict=True)))
    for outcomes in product(Outcome, repeat=len(UsageCategory))
)
"""Every combination of an outcome for each use; a decision's `outcome` is an index into it."""
_OUTCOME_CODE: Final = {tuple(uses.values()): code for code, uses in enumerate(OUTCOMES)}
NOTHING_SAID: Final = _OUTCOME_CODE[(Outcome.UNKNOWN,) * len(UsageCategory)]

_NO_SIGNALS: Final[Mapping[int, Sequence[Signal]]] = MappingProxyType({})
_ALWAYS: Final = AsOf(2**62, datetime.fromtimestamp(0, tz=UTC))
"""The index holds what is in force at its watermark, so no line has to be compared with a log index again;
and `Granted` what reaches at its moment, so no grant with a time.
"""


@dataclass(frozen=True, slots=True)
class Lines:
    """Statements found for the rows of a batch: one line per row, way and statement, rows ascending."""

    row: NDArray[np.int64]
    method: NDArray[np.uint8]
    specificity: NDArray[np.int64]
    """Larger is more specific, between places of one URL."""
    record: Records
    seen: NDArray[np.uint8]
    """How a near copy shows the registered picture; it decides nothing."""

    def __len__(self) -> int:
        return len(self.row)

    def where(self, kept: NDArray[np.bool_]) -> Self:
        """The lines for which `kept` is set."""
        return type(self)(*(getattr(self, f.name)[kept] for f in fields(self)))

    def rows(self) -> Iterator[tuple[int, int, int]]:
        """Each row that has lines: its number, its first line, and how many it has."""
        first = _firsts(self.row)
        count = np.diff(first, append=len(self))
        yield from zip(self.row[first].tolist(), first.tolist(), count.tolist(), strict=True)

    @classmethod
    def together(cls, parts: Iterable[Self]) -> Self:
        """The lines of several parts, in the order of their rows."""
        parts = [part for part in parts if len(part)]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls(*(np.empty(0, dtype) for dtype in (np.int64, np.uint8, np.int64, RECORD, np.uint8)))
        order = np.argsort(np.concatenate([part.row for part in parts]), kind="stable")
        return cls(
            row=np.concatenate([part.row for part in parts])[order],
            method=np.concatenate([part.method for part in parts])[order],
            specificity=np.concatenate([part.specificity for part in parts])[order],
            record=joined_records([part.record for part in parts])[order],
            seen=np.concatenate([part.seen for part in parts])[order],
        )


def joined_records(parts: Sequence[Records]) -> Records:
    """Several arrays of records as one: numpy's own joining would pack their fields closer."""
    nothing = np.empty(0, dtype=f"V{RECORD.itemsize}")
    return np.concatenate([nothing, *map(opaque, parts)]).view(RECORD)


@dataclass(frozen=True, slots=True)
class Decisions:
    """What follows, for each row about which something with an effect is said; rows ascending, each once."""

    row: NDArray[np.int64]
    outcome: NDArray[np.int64]
    """Index into `OUTCOMES`."""
    statement: NDArray[np.void]
    """The random bits of the public id of the first reason's statement, or of its grant."""
    method: NDArray[np.uint8]
    """How that was found: index into `METHOD_WORDS`; `GRANTED` for a grant."""
    disputed: NDArray[np.bool_]
    standard: Mapping[int, str] = field(default_factory=dict)
    """By row: the standard of the signal that weighs most, where that is more than any statement."""
    blocked: Sequence[int] = ()
    """Rows, ascending, whose site does not let the caller's crawler in."""

    def sources(self) -> list[str]:
        """The public id of each row's first reason: of a statement, or of a grant."""
        ids = public_ids("stm", self.statement)
        for i in np.flatnonzero(self.method == GRANTED).tolist():
            ids[i] = f"grt{ids[i][3:]}"
        return ids


def decide(
    lines: Lines,
    signals: Mapping[int, Sequence[Signal]] = _NO_SIGNALS,
    granted: Granted = NOTHING_GRANTED,
) -> Decisions:
    """What follows for every row of `lines`, and of `signals`, which only restrict, with these grants.

    Rows whose statements and signals do not reach that far, or of which grants leave nothing, are left out.
    """
    decided = _decide(lines, granted)
    return decided if not signals else _with_signals(decided, signals)


def _with_signals(decided: Decisions, signals: Mapping[int, Sequence[Signal]]) -> Decisions:
    """The same, with what the signals of some rows restrict."""
    resolved = {row: of_signals(said) for row, said in signals.items()}
    speaking = np.array(sorted(row for row, r in resolved.items() if r.reasons), dtype=np.int64)
    rows = np.union1d(decided.row, speaking)
    known = np.searchsorted(rows, decided.row)
    outcome = np.full(len(rows), NOTHING_SAID, dtype=np.int64)
    statement = np.zeros(len(rows), dtype=decided.statement.dtype)
    method, disputed = np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.bool_)
    outcome[known], statement[known] = decided.outcome, decided.statement
    method[known], disputed[known] = decided.method, decided.disputed
    standard = {}
    for at in np.searchsorted(rows, speaking).tolist():
        row, before = int(rows[at]), int(outcome[at])
        outcome[at] = _restricted(before, tuple(resolved[row].uses.values()))
        if outcome[at] != before:
            standard[row] = resolved[row].reasons[0].method
    blocked = sorted(row for row, r in resolved.items() if r.access is Access.BLOCKED)
    return Decisions(rows, outcome, statement, method, disputed, standard, blocked)


@lru_cache(maxsize=65_536)
def _restricted(outcome: int, signals: tuple[Outcome, ...]) -> int:
    """The number in `OUTCOMES` of what was decided and what signals say, together."""
    both = zip(OUTCOMES[outcome].values(), signals, strict=True)
    return _OUTCOME_CODE[tuple(map(most_restrictive, both))]


def _decide(lines: Lines, granted: Granted) -> Decisions:
    if not len(lines):
        return Decisions(
            lines.row, lines.row, lines.record["statement"], lines.method, np.empty(0, dtype=np.bool_)
        )
    first = _firsts(lines.row)
    count = np.diff(first, append=len(lines))
    leading = first.copy()  # the line that gives the row's first reason
    effect = _effects_of_singles(lines, first)
    touched = np.logical_or.reduceat(granted.uses(lines.record["declarant"]) != 0, first)
    by_grant: dict[int, bytes] = {}
    for i in np.flatnonzero((count > 1) | touched).tolist():
        part = slice(int(first[i]), int(first[i] + count[i]))
        grants = granted.of(lines.record["declarant"][part]) if touched[i] else ()
        effect[i], at, grant = _effect_of_several(lines, part, grants)
        leading[i] += at
        if grant:
            by_grant[i] = grant
    felt = effect >= 0
    line = leading[felt]
    statement, method = lines.record["statement"][line], lines.method[line]
    if by_grant:
        at_felt = np.cumsum(felt) - 1
        for i, grant in by_grant.items():
            statement[at_felt[i]], method[at_felt[i]] = np.void(grant), GRANTED
    return Decisions(
        row=lines.row[line],
        outcome=effect[felt] >> 1,
        statement=statement,
        method=method,
        disputed=(effect[felt] & 1).astype(np.bool_),
    )


def _firsts(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each row's lines begin; `row` is ascending."""
    return np.flatnonzero(np.diff(row, prepend=np.int64(-1)))


def _effects_of_singles(lines: Lines, first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Per line in `first`: outcome << 1 | disputed, or -1 where the statement by itself has no effect."""
    record = lines.record[first]
    shapes = (
        lines.method[first].astype(np.int64) << 32
        | record["assurance"].astype(np.int64) << 24
        | record["flags"].astype(np.int64) << 16
        | record["said"].astype(np.int64)
    )
    distinct, which = np.unique(shapes, return_inverse=True)
    return np.array([_effect_of_shape(shape) for shape in distinct.tolist()], dtype=np.int64)[which]


@lru_cache(maxsize=65_536)
def _effect_of_shape(shape: int) -> int:
    said = MatchedStatement(
        statement="",
        declarant="",
        preferences=preferences_of(shape & 0xFFFF),
        method=METHODS[shape >> 32],
        assurance=Assurance(shape >> 24 & 0xFF),
        declared_at=0,
        disputed=bool(shape >> 16 & DISPUTED),
        vouched=bool(shape >> 16 & VOUCHED),
    )
    return _effect(resolve(statements=[said], as_of=_ALWAYS))


def _effect(resolution: Resolution) -> int:
    if not resolution.reasons:
        return -1
    return _OUTCOME_CODE[tuple(resolution.uses[use] for use in UsageCategory)] << 1 | resolution.disputed


def _effect_of_several(lines: Lines, part: slice, grants: tuple[Grant, ...]) -> tuple[int, int, bytes]:
    """The effect of a row's lines; which of them has its first reason, or the bits of the grant that has."""
    return _effect_of_set(
        lines.method[part].tobytes(), lines.specificity[part].tobytes(), lines.record[part].tobytes(), grants
    )


@lru_cache(maxsize=65_536)
def _effect_of_set(
    methods: bytes, specificities: bytes, records: bytes, grants: tuple[Grant, ...]
) -> tuple[int, int, bytes]:
    statements = list(
        _statements(
            np.frombuffer(methods, dtype=np.uint8),
            np.frombuffer(specificities, dtype=np.int64),
            np.frombuffer(records, dtype=RECORD),
            np.zeros(len(methods), dtype=np.uint8),
        )
    )
    # They are all to the one vendor that asks.
    vendor = grants[0].grantee if grants else None
    resolution = resolve(statements=statements, grants=grants, vendor=vendor, as_of=_ALWAYS)
    effect = _effect(resolution)
    if effect < 0:
        return -1, 0, b""
    reason = resolution.reasons[0]
    if reason.method == METHOD_WORDS[GRANTED]:
        return effect, 0, id_bits(reason.source)
    found = [(s.statement, s.method) for s in statements]
    return effect, found.index((reason.source, MatchMethod(reason.method))), b""


def resolution_of(
    lines: Lines,
    start: int,
    count: int,
    signals: Sequence[Signal] = (),
    granted: Granted = NOTHING_GRANTED,
) -> Resolution:
    """The whole resolution, with every reason, of the row whose lines, and signals, these are."""
    part = slice(start, start + count)
    grants = granted.of(lines.record["declarant"][part])
    statements = _statements(
        lines.method[part], lines.specificity[part], lines.record[part], lines.seen[part]
    )
    return resolve(
        statements=statements, signals=signals, grants=grants, vendor=granted.vendor, as_of=_ALWAYS
    )


def _statements(
    methods: NDArray[np.uint8],
    specificities: NDArray[np.int64],
    records: NDArray[np.void],
    seen: NDArray[np.uint8],
) -> list[MatchedStatement]:
    return [
        MatchedStatement(
            statement=id_text("stm", bytes(record["statement"])),
            declarant=id_text("dcl", bytes(record["declarant"])),
            preferences=preferences_of(int(record["said"])),
            method=METHODS[method],
            assurance=Assurance(int(record["assurance"])),
            declared_at=int(record["declared_at"]),
            specificity=(specificity,),
            disputed=bool(record["flags"] & DISPUTED),
            vouched=bool(record["flags"] & VOUCHED),
            seen=SEEN[how],
        )
        for method, specificity, record, how in zip(
            methods.tolist(), specificities.tolist(), records, seen.tolist(), strict=True
        )
    ]
