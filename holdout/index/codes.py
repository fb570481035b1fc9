"""Perceptual codes of 256 bits, and every one of them within 31 bits of a given one: exact, and fast.

    code     uint64[n, 4]       the codes, their bits moved (see `MOVED`), ascending as numbers
    number   uint32[n]          what the caller knows each code by; ascending within equal codes
    start    uint32[16, 65537]  for each chunk: where the list of each value begins
    tag      uint16[16, n]      for each chunk, its lists: the next chunk of the same code
    at       uint32[15, n]      for each chunk but the first, its lists: the row of the code

A code costs 32 + 4 + 32 + 60 = 128 bytes, and the table 4.2 MB. With fewer than `INDEXED_FROM` codes the last
three are empty and every code is looked at.

How a search finds everything. A code is sixteen chunks of 16 bits in a ring. A search follows the lists of
the 17 values that differ from one of its own chunks in at most one bit, and looks at those codes whose next
chunk is so near that both together differ in at most three bits. That misses nothing: let d be the bits in
which a chunk differs, at most 31 in all chunks. The sixteen numbers 2 - d have a sum of at least 1, so there
is a place in the ring from which on all their partial sums are positive (the one after the last least of
them; the cycle lemma); there the first chunk differs in at most 1 bit, and it and the next in at most 3.
Source: multi-index hashing (Norouzi, Punjani and Fleet, CVPR 2012) with the chains of the pigeonring
principle (Qin and Xiao, PVLDB 12(2), 2018). Tags are read one after the other, 32 at a time; of random codes
one in 400 gets past its tag, and only then the search goes to another place in memory.

Anybody can register codes that share a chunk, or that are near one picture. A search takes longer by the tags
in the lists that it meets, 2 bytes each, and by the codes that get past them; nothing is left out.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from holdout.index.code_kernels import (
    BUDGET,
    CHUNKS,
    DISTANCE_SHIFT,
    MAX_QUERIES,
    QUERY_SHIFT,
    VALUES,
    fill_lists,
    permuted,
    scan,
    search,
)
from holdout.index.kernels import frozen

MAX_RADIUS: Final = BUDGET * CHUNKS - 1
INDEXED_FROM: Final = 1 << 15
"""Codes from which on a table has lists. Below, looking at all of them takes no longer than the lists of ten
million codes do (measured: 1.2 ns a code), and the lists would take more room than the codes."""
MAX_CODES: Final = 2**32 - 1

COLUMNS: Final[dict[str, np.dtype[Any]]] = {
    "code": np.dtype("<u8"),
    "number": np.dtype("<u4"),
    "start": np.dtype("<u4"),
    "tag": np.dtype("<u2"),
    "at": np.dtype("<u4"),
}
"""The columns of a `CodeTable`, in order."""

_CODE_BYTES: Final = 32
_ROW, _COLUMN = np.mgrid[0:16, 0:16]
MOVED: Final[NDArray[np.uint8]] = frozen(
    np.argsort((5 * _COLUMN + 9 * _ROW).reshape(-1) % CHUNKS, kind="stable").astype(np.uint8)
)
"""Bit i of a code in a table is bit MOVED[i] of the code, both counted from the first byte's top.

The bits of `phash-256` are frequencies, 16 by 16, and neighbours among them agree more often than not. Each
chunk takes one of every row and every column, no two of them near each other.
"""


class NearCodes(NamedTuple):
    """Pairs within a radius, three arrays of one length, ordered by query, then distance, then number."""

    query_index: NDArray[np.int64]
    number: NDArray[np.uint32]
    distance: NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class CodeTable:
    """See the head of this module. Made by `build`, or of columns that were read; never changed."""

    code: NDArray[np.uint64]
    number: NDArray[np.uint32]
    start: NDArray[np.uint32]
    tag: NDArray[np.uint16]
    at: NDArray[np.uint32]

    @classmethod
    def build(
        cls, codes: NDArray[np.uint8], numbers: NDArray[np.uint32], *, indexed: bool | None = None
    ) -> Self:
        """A table of codes (n, 32), each with the caller's number (n,); several may share either, or both.

        The order given makes no difference. `indexed` says whether it gets lists, which takes 32 codes at
        least; otherwise their number says it. ValueError for other shapes and types, and for too many.
        """
        if numbers.dtype != np.uint32 or numbers.shape != (len(codes),):
            raise ValueError(f"{len(codes)} codes need as many uint32, got {numbers.dtype} {numbers.shape}")
        if len(codes) > MAX_CODES:
            raise ValueError(f"a table holds at most {MAX_CODES} codes")
        code = _moved(codes)
        order = _order(code, numbers)
        code, number = code[order], numbers[order]
        if indexed is None:
            indexed = len(codes) >= INDEXED_FROM
        if indexed and len(codes) < _LEAST_INDEXED:
            raise ValueError(f"lists need {_LEAST_INDEXED} codes, got {len(codes)}")
        lists = {
            label: np.empty(shape, dtype=COLUMNS[label])
            for label, shape in shapes(len(codes), indexed=indexed).items()
            if label in ("start", "tag", "at")
        }
        if indexed:
            fill_lists(code, lists["start"], lists["tag"], lists["at"])
        return cls(frozen(code), frozen(number), *map(frozen, lists.values()))

    @classmethod
    def nothing(cls) -> Self:
        """A table without codes."""
        return cls.build(np.empty((0, _CODE_BYTES), dtype=np.uint8), np.empty(0, dtype=np.uint32))

    @property
    def codes(self) -> int:
        """How many codes there are."""
        return len(self.number)

    @property
    def nbytes(self) -> int:
        """The bytes of all columns."""
        return sum(int(getattr(self, label).nbytes) for label in COLUMNS)

    def rows(self) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
        """The codes (n, 32) and numbers (n,) that the table was built of, in its order."""
        back = np.argsort(MOVED).astype(np.uint8)
        return _bytes(permuted(self.code, frozen(back))), self.number

    def within(
        self, codes: NDArray[np.uint8], *, radius: int = MAX_RADIUS, limit: int | None = None
    ) -> NearCodes:
        """The numbers of all codes at most `radius` bits from each of `codes` (q, 32), once for each code.

        With `limit` no more than so many for one query: those at the smallest distances, and of the last
        distance the smallest numbers. Memory is then less than 1 MB times `limit`, beside the answer;
        without, some 50 bytes for each pair found. ValueError for a radius that is not 0 to 31 (whatever the
        size of the table), a limit under 1, and codes of another shape or type.
        """
        if not 0 <= radius <= MAX_RADIUS:
            raise ValueError(f"the radius must be 0 to {MAX_RADIUS}, got {radius}")
        if limit is not None and limit < 1:
            raise ValueError(f"the limit must be 1 or more, got {limit}")
        asked = frozen(_moved(codes))
        kept = _UNLIMITED if limit is None else min(limit, _UNLIMITED)
        parts = []
        for first in range(0, len(asked), MAX_QUERIES):
            block = asked[first : first + MAX_QUERIES]
            if self.start.size:
                hits = search(block, radius, kept, self.code, self.number, self.start, self.tag, self.at)
            else:
                hits = scan(block, radius, kept, self.code, self.number)
            parts.append(_answer(hits, kept, first))
        return (
            parts[0]
            if len(parts) == 1
            else NearCodes(*map(np.concatenate, zip(_NOTHING, *parts, strict=True)))
        )

    def sound(self) -> bool:
        """Whether a search stays within the columns, whatever stands in them.

        Reads `start` and `at` once. It does not say that a search finds what it should: for that a file needs
        a checksum.
        """
        columns = {label: getattr(self, label) for label in COLUMNS}
        n, indexed = len(self.number), bool(self.start.size)
        if any(
            column.dtype != COLUMNS[label] or not column.flags.c_contiguous
            for label, column in columns.items()
        ):
            return False
        if {label: column.shape for label, column in columns.items()} != shapes(n, indexed=indexed):
            return False
        if not indexed:
            return True
        return (
            n >= _LEAST_INDEXED
            and not self.start[:, 0].any()
            and bool(np.all(self.start[:, -1] == n))
            and bool(np.all(self.start[:, 1:] >= self.start[:, :-1]))
            and int(self.at.max()) < n
        )


def shapes(n: int, *, indexed: bool | None = None) -> dict[str, tuple[int, ...]]:
    """The shape of each column of a table of n codes; their types are `COLUMNS`."""
    if n >= INDEXED_FROM if indexed is None else indexed:
        lists = {"start": (CHUNKS, VALUES + 1), "tag": (CHUNKS, n), "at": (CHUNKS - 1, n)}
    else:
        lists = {"start": (0, VALUES + 1), "tag": (CHUNKS, 0), "at": (CHUNKS - 1, 0)}
    return {"code": (n, 4), "number": (n,), **lists}


def _moved(codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The codes as a table has them; ValueError unless they are uint8 of shape (n, 32)."""
    if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[1] != _CODE_BYTES:
        raise ValueError(f"codes must be uint8 of shape (n, {_CODE_BYTES}), got {codes.dtype} {codes.shape}")
    words = np.ascontiguousarray(codes).view(">u8").astype(np.uint64)
    moved: NDArray[np.uint64] = permuted(frozen(words), MOVED)
    return moved


def _bytes(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    return words.astype(">u8").view(np.uint8).reshape(-1, _CODE_BYTES)


def _order(code: NDArray[np.uint64], number: NDArray[np.uint32]) -> NDArray[np.int64]:
    """The order by code, and by number where that is equal."""
    first = code[:, 0]
    order = np.argsort(first)
    ordered = first[order]
    same = np.zeros(len(code) + 1, dtype=np.bool_)
    same[1:-1] = ordered[1:] == ordered[:-1]
    tied = same[1:] | same[:-1]
    if tied.any():
        # Only where the first words are equal: sorting all of them by five columns takes ten times as long.
        group = order[tied]
        words = code[group]
        order[tied] = group[np.lexsort((number[group], words[:, 3], words[:, 2], words[:, 1], words[:, 0]))]
    return order


def _answer(hits: NDArray[np.uint64], limit: int, first: int) -> NearCodes:
    """The hits in order, those of one query cut off at `limit`; its queries are numbered from `first`."""
    hits = np.sort(hits)
    query = (hits >> np.uint64(QUERY_SHIFT)).astype(np.int64)
    if limit < len(hits):
        kept = np.arange(len(hits)) - np.searchsorted(query, query) < limit
        hits, query = hits[kept], query[kept]
    distance = (hits >> np.uint64(DISTANCE_SHIFT)).astype(np.uint16) & np.uint16(63)
    return NearCodes(query + first, hits.astype(np.uint32), distance)


_UNLIMITED: Final = 2**62
_LEAST_INDEXED: Final = 32
"""A block of tags is read whole."""
_NOTHING: Final = NearCodes(np.empty(0, np.int64), np.empty(0, np.uint32), np.empty(0, np.uint16))
