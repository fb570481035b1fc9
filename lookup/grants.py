"""What one vendor was granted, as the read index has it: the part of a lookup that depends on who asks.

No query to PostgreSQL. Pure but for the clock that the engine gives.
"""

from datetime import UTC, datetime
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from holdout.ids import id_text
from holdout.index.records import GRANT, Records
from holdout.index.view import View
from holdout.resolution import Grant
from holdout.vocabulary import UsageCategory

_USES: Final = tuple(UsageCategory)


class Granted:
    """The grants to one vendor that reach at one moment, by declarant.

    `records` is an array of `GRANT`.
    """

    def __init__(self, *, vendor: str | None, records: Records) -> None:
        self.vendor = vendor
        words = _words(records["declarant"])
        order = np.lexsort((words[:, 1], words[:, 0]))
        self._records, words = records[order], words[order]
        first = np.flatnonzero((np.diff(words, axis=0, prepend=~words[:1]) != 0).any(axis=1))
        self._declarants = words[first]
        self._ends = np.append(first, len(words)).tolist()
        uses = self._records["uses"]
        self._uses = np.bitwise_or.reduceat(uses, first) if len(first) else uses
        self._read: dict[int, tuple[Grant, ...]] = {}

    @classmethod
    def nothing(cls) -> Self:
        """For whom nothing is lifted: everybody who is no vendor."""
        return cls(vendor=None, records=np.empty(0, dtype=GRANT))

    @classmethod
    def to(cls, vendor: str, *, view: View, now: datetime) -> Self:
        """What the organisation with that public id was granted, at the index's moment and by the clock.

        An index may stand at a quiet log's last entry for days: what has ended by the clock lifts nothing
        either.
        """
        records = view.grants(vendor)
        moment = max(view.as_of.time, now).timestamp()
        return cls(vendor=vendor, records=records[records["expires"] > moment])

    def __bool__(self) -> bool:
        """Whether there is any."""
        return len(self._declarants) > 0

    def uses(self, declarants: NDArray[np.void]) -> NDArray[np.uint16]:
        """Per declarant (V16), the uses that it granted, a bit each as in `GRANT`."""
        if not self:
            return np.zeros(len(declarants), dtype=np.uint16)
        at, known = self._places(declarants)
        return np.where(known, self._uses[at], np.uint16(0))

    def of(self, declarants: NDArray[np.void]) -> tuple[Grant, ...]:
        """The grants of these declarants (V16), each once."""
        if not self:
            return ()
        at, known = self._places(declarants)
        return tuple(grant for place in sorted(set(at[known].tolist())) for grant in self._grants_at(place))

    def _places(self, declarants: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        words = _words(declarants)
        at = np.searchsorted(self._declarants[:, 0], words[:, 0])
        at = np.minimum(at, len(self._declarants) - 1)
        return at, (self._declarants[at] == words).all(axis=1)

    def _grants_at(self, place: int) -> tuple[Grant, ...]:
        if place not in self._read:
            some = self._records[self._ends[place] : self._ends[place + 1]]
            self._read[place] = tuple(self._grant(record) for record in some)
        return self._read[place]

    def _grant(self, record: np.void) -> Grant:
        return Grant(
            grant=id_text("grt", bytes(record["grant"])),
            declarant=id_text("dcl", bytes(record["declarant"])),
            grantee=self.vendor or "",
            uses=uses_of(int(record["uses"])),
            # Only what holds at the index's moment stands in it.
            granted_at=0,
            revoked_at=None,
            expires=datetime.fromtimestamp(int(record["expires"]), tz=UTC),
        )


def uses_of(bits: int) -> frozenset[UsageCategory]:
    """The uses that these bits of `GRANT` stand for."""
    return frozenset(use for i, use in enumerate(_USES) if bits >> i & 1)


def _words(ids: NDArray[np.void]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(ids).view(np.uint64).reshape(-1, 2)


NOTHING_GRANTED: Final = Granted.nothing()
