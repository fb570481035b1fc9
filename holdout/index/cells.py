"""Registered keypoints, and which pictures have some like those of a query.

    first      uint32[panes + 1]   where the keypoints of each pane begin
    signature  uint64[n]           pane by pane
    place      uint8[n, 4]         x, y, scale, angle (`holdout.fingerprints.local.keypoints`)
    start      uint32[2**20 + 1]   where the postings of each cell begin, or empty: then
    cell       uint32[n]           is the cell of each posting, ascending; empty otherwise
    pane       uint32[n]           of each posting
    tag        uint32[n]           of each posting: the upper half of the signature

A keypoint costs 8 + 4 + 4 + 4 = 20 bytes, and the table 4.2 MB; or 24 bytes and nothing.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from holdout.fingerprints.local.keypoints import REGISTERED
from holdout.fingerprints.local.signatures import CELLS, WORDS, Trained, word_distances
from holdout.index.kernels import frozen

INDEXED_FROM: Final = 1 << 20
"""Keypoints from which on the table has a directory of all cells."""
_NEAREST: Final = 6
"""Words of each sub-quantiser that are combined when cells are probed."""
_SHARED: Final = 0.5
"""A keypoint that is like one of n panes has n ** -0.5 of a vote for each (0 and 1 find less)."""
_TAG_BITS: Final = 6
"""Bits of 32 in which the tags of one point may differ: one in 4,000 unrelated ones passes."""
_CROWDED: Final = 8
"""A cell with more postings than this for each thousand panes says nothing ("stop word"),"""
_NOT_CROWDED: Final = 64
"""but it may always have so many."""

COLUMNS: Final[dict[str, np.dtype[Any]]] = {
    "first": np.dtype("<u4"),
    "signature": np.dtype("<u8"),
    "place": np.dtype("u1"),
    "start": np.dtype("<u4"),
    "cell": np.dtype("<u4"),
    "pane": np.dtype("<u4"),
    "tag": np.dtype("<u4"),
}
"""The columns of a `KeypointTable`, in order."""


def shapes(*, panes: int, keypoints: int) -> dict[str, tuple[int, ...]]:
    """The shape of each column of a table of so many panes and keypoints."""
    indexed = keypoints >= INDEXED_FROM
    return {
        "first": (panes + 1,),
        "signature": (keypoints,),
        "place": (keypoints, 4),
        "start": (CELLS + 1 if indexed else 0,),
        "cell": (0 if indexed else keypoints,),
        "pane": (keypoints,),
        "tag": (keypoints,),
    }


def probed_cells(along: NDArray[np.float32], by: Trained, *, probes: int) -> NDArray[np.uint32]:
    """The `probes` nearest cells of each descriptor (n, 64), nearest first: (n, probes)."""
    even, odd = (frozen(word_distances(along, part, by)) for part in range(2))
    cells: NDArray[np.uint32] = _nearest_cells(even, odd, probes)
    return cells


@njit(cache=True, nogil=True)
def _nearest_cells(even, odd, probes):  # type: ignore[no-untyped-def]
    """Multi-sequence: the pairs of words with the smallest sums of distances (n, 1024)."""
    cells = np.empty((even.shape[0], probes), dtype=np.uint32)
    word = np.empty((2, _NEAREST), dtype=np.int64)
    far = np.empty((2, _NEAREST), dtype=np.float32)
    sums = np.empty(_NEAREST * _NEAREST, dtype=np.float32)
    for i in range(even.shape[0]):
        for part in range(2):
            distance = even[i] if part == 0 else odd[i]
            far[part, :] = np.inf
            for w in range(distance.shape[0]):
                if distance[w] < far[part, _NEAREST - 1]:
                    at = _NEAREST - 1
                    while at and far[part, at - 1] > distance[w]:
                        far[part, at], word[part, at] = far[part, at - 1], word[part, at - 1]
                        at -= 1
                    far[part, at], word[part, at] = distance[w], w
        for a in range(_NEAREST):
            for b in range(_NEAREST):
                sums[a * _NEAREST + b] = far[0, a] + far[1, b]
        order = np.argsort(sums, kind="mergesort")
        for k in range(probes):
            cells[i, k] = word[0, order[k] // _NEAREST] * WORDS + word[1, order[k] % _NEAREST]
    return cells


class Votes(NamedTuple):
    """Panes that have keypoints like a query's, three columns of one length: most votes first, then pane."""

    pane: NDArray[np.int64]
    votes: NDArray[np.float64]
    """Each of the query's keypoints has one vote, and less the more panes it is like."""
    voters: NDArray[np.int64]
    """How many of them are like one of the pane's."""


@dataclass(frozen=True, slots=True, eq=False)
class KeypointTable:
    """See the head of this module. Made by `build`, or of columns that were read; never changed."""

    first: NDArray[np.uint32]
    signature: NDArray[np.uint64]
    place: NDArray[np.uint8]
    start: NDArray[np.uint32]
    cell: NDArray[np.uint32]
    pane: NDArray[np.uint32]
    tag: NDArray[np.uint32]

    @classmethod
    def build(cls, keypoints: NDArray[np.void], counts: NDArray[np.int64]) -> Self:
        """A table of keypoints (dtype `keypoints.REGISTERED`), so many of each pane, pane by pane."""
        first = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
        if first[-1] != len(keypoints):
            raise ValueError(f"{len(keypoints)} keypoints are not the {first[-1]} of the panes")
        order = np.argsort(keypoints["cell"], kind="stable")
        cell = keypoints["cell"][order]
        pane = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)[order]
        tag = (keypoints["signature"][order] >> np.uint64(32)).astype(np.uint32)
        indexed = len(keypoints) >= INDEXED_FROM
        start = np.searchsorted(cell, np.arange(CELLS + 1)) if indexed else np.empty(0)
        place = np.stack([keypoints[name] for name in ("x", "y", "scale", "angle")], axis=1)
        return cls(
            *map(
                frozen,
                (
                    first.astype(np.uint32),
                    np.ascontiguousarray(keypoints["signature"]),
                    place,
                    start.astype(np.uint32),
                    np.empty(0, dtype=np.uint32) if indexed else cell,
                    pane,
                    tag,
                ),
            )
        )

    @property
    def panes(self) -> int:
        """How many panes there are."""
        return len(self.first) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many keypoints each pane has."""
        first = self.first.astype(np.int64)
        return first[1:] - first[:-1]

    @property
    def nbytes(self) -> int:
        """The bytes of all columns."""
        return sum(int(getattr(self, label).nbytes) for label in COLUMNS)

    def sound(self) -> bool:
        """Whether no search can be led out of bounds, whatever the columns say."""
        n, indexed = len(self.signature), len(self.start) > 0
        return (
            len(self.first) > 0
            and _rises(self.first, n)
            and len(self.place) == len(self.pane) == len(self.tag) == n
            and (not n or int(self.pane.max()) < self.panes)
            and (
                (len(self.start) == CELLS + 1 and _rises(self.start, n) and not len(self.cell))
                if indexed
                else (len(self.cell) == n and bool(np.all(self.cell[1:] >= self.cell[:-1])))
            )
        )

    def of(self, pane: int) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        """The signatures and places of a pane's keypoints."""
        begin, end = int(self.first[pane]), int(self.first[pane + 1])
        return self.signature[begin:end], self.place[begin:end]

    def rows(self) -> NDArray[np.void]:
        """The keypoints (dtype `keypoints.REGISTERED`) that the table was built of, pane by pane.

        Where a pane has several with one tag their cells may be exchanged, of which no search knows.
        """
        keypoints = np.zeros(len(self.signature), dtype=REGISTERED)
        keypoints["signature"] = self.signature
        for i, name in enumerate(("x", "y", "scale", "angle")):
            keypoints[name] = self.place[:, i]
        pane = np.repeat(np.arange(self.panes, dtype=np.uint32), self.counts)
        here = np.lexsort((self.signature >> np.uint64(32), pane))
        posted = np.lexsort((self.tag, self.pane))
        keypoints["cell"][here] = self._cells()[posted]
        return keypoints

    def _cells(self) -> NDArray[np.uint32]:
        if not len(self.start):
            return self.cell
        start = self.start.astype(np.int64)
        return np.repeat(np.arange(CELLS, dtype=np.uint32), start[1:] - start[:-1])

    def votes(self, signatures: NDArray[np.uint64], cells: NDArray[np.uint32], *, most: int) -> Votes:
        """The panes with most votes: of a query's keypoints, their signatures (n,) and cells (n, k)."""
        if not len(self.signature) or not len(signatures):
            return Votes(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.int64))
        crowd = max(_NOT_CROWDED, _CROWDED * self.panes // 1000)
        tags = frozen((signatures >> np.uint64(32)).astype(np.uint32))
        hits = _hits(tags, frozen(cells), self.start, self.cell, self.pane, self.tag, crowd)
        return Votes(*_most(hits, len(signatures), most))


def _rises(column: NDArray[np.uint32], last: int) -> bool:
    return int(column[0]) == 0 and int(column[-1]) == last and bool(np.all(column[1:] >= column[:-1]))


@njit(cache=True, nogil=True)
def _bits(v: np.uint32) -> np.int64:
    v = v - ((v >> np.uint32(1)) & np.uint32(0x55555555))
    v = (v & np.uint32(0x33333333)) + ((v >> np.uint32(2)) & np.uint32(0x33333333))
    v = (v + (v >> np.uint32(4))) & np.uint32(0x0F0F0F0F)
    return np.int64(np.uint32(v * np.uint32(0x01010101)) >> np.uint32(24))


@njit(cache=True, nogil=True)
def _hits(tags, cells, start, cell, pane, tag, crowd):  # type: ignore[no-untyped-def]
    """pane << 10 | keypoint for every posting that is like a keypoint."""
    hits = np.empty(4096, dtype=np.uint64)
    n = 0
    for i in range(cells.shape[0]):
        for k in range(cells.shape[1]):
            if start.shape[0]:
                begin, end = np.int64(start[cells[i, k]]), np.int64(start[cells[i, k] + 1])
            else:
                begin = np.searchsorted(cell, cells[i, k])
                end = begin
                while end < cell.shape[0] and cell[end] == cells[i, k] and end - begin <= crowd:
                    end += 1
            if end - begin > crowd:
                continue
            for j in range(begin, end):
                if _bits(tags[i] ^ tag[j]) <= _TAG_BITS:
                    if n == hits.shape[0]:
                        hits = np.concatenate((hits, np.empty(n, dtype=np.uint64)))
                    hits[n] = np.uint64(pane[j]) << np.uint64(10) | np.uint64(i)
                    n += 1
    return hits[:n]


@njit(cache=True, nogil=True)
def _most(hits, asked, most):  # type: ignore[no-untyped-def]
    """The panes with the largest votes, of `asked` keypoints; how large, and how many keypoints voted."""
    hits = np.unique(hits)
    shared = np.zeros(asked, dtype=np.int64)
    for hit in hits:
        shared[hit & np.uint64(1023)] += 1
    pane = np.empty(hits.shape[0], dtype=np.int64)
    vote = np.zeros(hits.shape[0], dtype=np.float64)
    count = np.zeros(hits.shape[0], dtype=np.int64)
    n = 0
    for hit in hits:
        here = np.int64(hit >> np.uint64(10))
        if n == 0 or pane[n - 1] != here:
            pane[n] = here
            n += 1
        vote[n - 1] += shared[hit & np.uint64(1023)] ** -_SHARED
        count[n - 1] += 1
    order = np.argsort(-vote[:n], kind="mergesort")[:most]
    return pane[order], vote[order], count[order]
