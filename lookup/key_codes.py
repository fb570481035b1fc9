"""What each key of the index means by itself, as the byte of a snapshot (`holdout.snapshot.codes`). Pure.

A vendor takes the codes of a picture's keys together, the most restrictive of each use. That is what
`resolve` comes to as long as nothing but conditional and deny is said, with one exception: within one
declarant the more specific place wins, and when that says conditional where a wider one denies, the codes
together would say deny. Which places lie in each other cannot be seen in the index. So every key at which a
declarant says conditional, for a use that it denies at any place, is left to the registry (`ASK`); so is
whatever permits, is for review or is disputed.

A grant lifts a use of everything that its declarant says, so the codes for one vendor are those of what is
left: where nothing but a restriction falls away, nothing; where the grant permits, `ASK`. A snapshot is for
all vendors alike, and no grant shows in it.

`resolve` is asked once for each shape that a record can have, never for each key.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdout.index.records import DISPUTED, VOUCHED, Kind, Records
from holdout.index.said import preferences_of
from holdout.resolution import Assurance, Grant, MatchedStatement, resolve
from holdout.snapshot.codes import ASK, BITS, CODES, from_uses
from holdout.verdicts import AsOf, MatchMethod
from lookup.grants import NOTHING_GRANTED, Granted, uses_of

_CONDITIONAL: Final = np.uint16(0b01_01_01_01_01)
_DENY: Final = np.uint16(0b10_10_10_10_10)
_ASK: Final = BITS[ASK]
_MOMENT: Final = AsOf(0, datetime.fromtimestamp(0, tz=UTC))
"""Any: the index holds what is in force, and for a statement by itself the moment changes nothing."""
_METHODS: Final = {
    Kind.URL: MatchMethod.URL,
    Kind.PATH: MatchMethod.PATH,
    Kind.HOST: MatchMethod.HOST,
    Kind.DOMAIN: MatchMethod.DOMAIN,
    Kind.PICTURE: MatchMethod.PICTURE,
    Kind.ACCOUNT: MatchMethod.ACCOUNT,
    Kind.FILE: MatchMethod.EXACT_FILE,
}


@dataclass(frozen=True, slots=True)
class Said:
    """The records of some keys, as they stand in a `holdout.index.table.Table`."""

    first: NDArray[np.uint32]
    """Those of key i are record[first[i] : first[i + 1]], possibly none."""
    record: Records


def key_codes(parts: Iterable[Said], *, granted: Granted = NOTHING_GRANTED) -> list[NDArray[np.uint8]]:
    """The code of every key of every part; 0 where nothing that is said has an effect, with these grants.

    The parts are looked at together: an exception shows only when all places of a declarant that matter are
    there.
    """
    columns = [_Columns.of(said, granted) for said in parts]
    denied = _denied_elsewhere(columns)
    return [column.codes(denied) for column in columns]


@dataclass(frozen=True, slots=True)
class _Columns:
    """What the records of one part come to, record by record."""

    first: NDArray[np.uint32]
    bits: NDArray[np.uint16]
    """`holdout.snapshot.codes.BITS`; 0 for a record without effect."""
    place: NDArray[np.bool_]
    """Whether it is about a place, not a file: content always counts, however specific."""
    declarant: NDArray[np.uint64]
    """64 of its 128 random bits: should two ever share them, more is left to the registry."""

    @classmethod
    def of(cls, said: Said, granted: Granted) -> "_Columns":
        record = said.record
        return cls(
            first=said.first,
            bits=_effects(record, granted),
            place=record["kind"] != Kind.FILE,
            declarant=_halves(record["declarant"]),
        )

    def codes(self, denied: "_Denied") -> NDArray[np.uint8]:
        bits = self.bits.copy()
        some = self.conditional()
        bits[some[denied.conflicts(self.declarant[some], self.bits[some])]] |= _ASK
        start = self.first[:-1].astype(np.int64)
        says = self.first[1:] > self.first[:-1]
        codes = np.zeros(len(start), np.uint8)
        if says.any():
            # Keys without records lie between the others and take none of theirs.
            codes[says] = CODES[np.bitwise_or.reduceat(bits, start[says])]
        return codes

    def conditional(self) -> NDArray[np.int64]:
        """The records about a place that say conditional for some use."""
        return np.flatnonzero(self.place & (_conditional(self.bits) != 0))


def _conditional(bits: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The low bit of each use that is conditional and no more."""
    return bits & _CONDITIONAL & ~(bits >> np.uint16(1))


@dataclass(frozen=True, slots=True)
class _Denied:
    """For some declarants, in order: the uses that each denies at any place."""

    declarant: NDArray[np.uint64]
    bits: NDArray[np.uint16]

    def conflicts(self, declarant: NDArray[np.uint64], bits: NDArray[np.uint16]) -> NDArray[np.bool_]:
        """Which records say conditional for a use that their declarant, one of these, denies elsewhere."""
        at = np.searchsorted(self.declarant, declarant)
        conflict: NDArray[np.bool_] = (_conditional(bits) << np.uint16(1) & self.bits[at]) != 0
        return conflict


def _denied_elsewhere(columns: list[_Columns]) -> _Denied:
    """What those declarants deny who say conditional anywhere: the others need not be looked at."""
    some = [column.declarant[column.conditional()] for column in columns]
    declarant = np.sort(np.concatenate([np.empty(0, np.uint64), *some]))
    declarant = declarant[np.diff(declarant, prepend=~declarant[:1]) != 0]
    bits = np.zeros(len(declarant), np.uint16)
    for column in columns if len(declarant) else ():
        denying = np.flatnonzero(column.place & (column.bits & _DENY != 0))
        at = np.minimum(np.searchsorted(declarant, column.declarant[denying]), len(declarant) - 1)
        known = declarant[at] == column.declarant[denying]
        np.bitwise_or.at(bits, at[known], column.bits[denying[known]] & _DENY)
    return _Denied(declarant, bits)


def _effects(record: Records, granted: Granted) -> NDArray[np.uint16]:
    """The bits of each record by itself.

    What they come to follows from its shape: 5 bits of uses that its declarant granted, 3 of kind, 3 of
    assurance, 8 of flags, 10 of what is said.
    """
    shape = (
        granted.uses(record["declarant"]).astype(np.uint32) << 24
        | record["kind"].astype(np.uint32) << 21
        | record["assurance"].astype(np.uint32) << 18
        | record["flags"].astype(np.uint32) << 10
        | record["said"]
    )
    # Not np.unique: that hashes, and takes twenty times as long for ten million.
    distinct = np.sort(shape)
    distinct = distinct[np.diff(distinct, prepend=~distinct[:1]) != 0]
    by_shape = np.array([_effect_of_shape(one) for one in distinct.tolist()], dtype=np.uint16)
    effects: NDArray[np.uint16] = by_shape[np.searchsorted(distinct, shape)]
    return effects


@lru_cache(maxsize=65_536)
def _effect_of_shape(shape: int) -> int:
    """Raises ValueError for a kind, an assurance or preferences that there are not."""
    kind, flags = Kind(shape >> 21 & 7), shape >> 10 & 0xFF
    if flags & ~(DISPUTED | VOUCHED):
        return int(_ASK)
    said = MatchedStatement(
        statement="",
        declarant="",
        preferences=preferences_of(shape & 0x3FF),
        method=_method(kind),
        assurance=Assurance(shape >> 18 & 7),
        declared_at=0,
        disputed=bool(flags & DISPUTED),
        vouched=bool(flags & VOUCHED),
    )
    grant = Grant("", "", "", uses_of(shape >> 24), 0, None, datetime.max.replace(tzinfo=UTC))
    resolution = resolve(statements=[said], grants=[grant], vendor="", as_of=_MOMENT)
    if not resolution.reasons:
        return 0
    return int(BITS[ASK if resolution.disputed else from_uses(resolution.uses)])


def _method(kind: Kind) -> MatchMethod:
    if kind not in _METHODS:
        raise ValueError(f"{kind} is not a valid kind of a picture's key")
    return _METHODS[kind]


def _halves(ids: NDArray[np.void]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(ids).view(np.uint64)[::2]
