"""Registered pictures by their looks, in one immutable table.

A picture is named by its file's SHA-256: what is said about it stands in the index's table of files, under
that key, so that a withdrawn statement counts no more at once, and this table need not change.

    digest   uint8[assets, 32]    SHA-256 of each picture's file, ascending
    standing uint8[assets]        `Standing`
    asset    uint32[panes]        whose pane it is, ascending
    extent   uint16[panes, 2]     width and height of the pane, its longest side being `UNIT`
    phash, pdq                    `CodeTable`s; the number of a code is its pane's
    keypoints                     a `KeypointTable`

New pictures come as further tables. What a later table says of a picture replaces what earlier ones say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from holdout.fingerprints.local.keypoints import REGISTERED, registered_keypoints
from holdout.fingerprints.picture import Pane
from holdout.index.cells import KeypointTable
from holdout.index.codes import CodeTable
from holdout.index.geometry import UNIT
from holdout.index.kernels import frozen


class Standing(IntEnum):
    """What a picture's looks may lead to."""

    LIVE = 0
    QUARANTINED = 1
    """Rival claims: at most a review."""
    GONE = 2
    """Erased, or no picture to compare others with: nothing is found by its looks."""


class RegisteredPicture(NamedTuple):
    """A picture as it enters a table."""

    digest: bytes
    standing: Standing
    panes: Sequence[Pane]
    """A registration's. None for a picture of an earlier table that only changes its standing."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureTable:
    """See the head of this module. Made by `build`, or of columns that were read; never changed."""

    digest: NDArray[np.uint8]
    standing: NDArray[np.uint8]
    asset: NDArray[np.uint32]
    extent: NDArray[np.uint16]
    phash: CodeTable
    pdq: CodeTable
    keypoints: KeypointTable

    @classmethod
    def build(cls, pictures: Iterable[RegisteredPicture]) -> Self:
        """A table of pictures; of several with one digest the last counts."""
        by_digest = sorted({picture.digest: picture for picture in pictures}.items())
        panes = [(i, pane) for i, (_, picture) in enumerate(by_digest) for pane in picture.panes]
        packed = [registered_keypoints(pane.keypoints) for _, pane in panes]
        phash, pdq = (
            [(i, c) for i, (_, p) in enumerate(panes) for c in getattr(p, n)] for n in ("phash", "pdq")
        )
        return cls._of(
            digest=_rows([digest for digest, _ in by_digest]),
            standing=np.array([picture.standing for _, picture in by_digest], dtype=np.uint8),
            panes=_Panes(
                asset=np.array([i for i, _ in panes], dtype=np.int64),
                extent=np.array([_extent(pane) for _, pane in panes], dtype=np.uint16).reshape(-1, 2),
                phash=_Codes(_rows([c for _, c in phash]), np.array([i for i, _ in phash], dtype=np.int64)),
                pdq=_Codes(_rows([c for _, c in pdq]), np.array([i for i, _ in pdq], dtype=np.int64)),
                keypoints=np.concatenate([np.empty(0, dtype=REGISTERED), *packed]),
                counts=np.array([len(keypoints) for keypoints in packed], dtype=np.int64),
            ),
        )

    @classmethod
    def _of(cls, *, digest: NDArray[np.uint8], standing: NDArray[np.uint8], panes: "_Panes") -> Self:
        return cls(
            digest=frozen(digest),
            standing=frozen(standing),
            asset=frozen(panes.asset.astype(np.uint32)),
            extent=frozen(panes.extent),
            phash=CodeTable.build(panes.phash.code, panes.phash.pane.astype(np.uint32)),
            pdq=CodeTable.build(panes.pdq.code, panes.pdq.pane.astype(np.uint32)),
            keypoints=KeypointTable.build(panes.keypoints, panes.counts),
        )

    @classmethod
    def nothing(cls) -> Self:
        """A table without pictures."""
        return cls.build([])

    @classmethod
    def merged(cls, tables: Sequence["PictureTable"], *, first: bool) -> Self:
        """One table that says what these, in order, say together.

        With `first` no table comes before them, so that nothing need be kept that only overrules one.
        """
        kept = _kept(tables, first=first)
        words = standings(tables)
        parts: list[_Panes] = []
        assets = panes = 0
        for table, which in zip(tables, kept, strict=True):
            parts.append(_Panes.of(table, which).moved(assets=assets, panes=panes))
            assets, panes = assets + len(which), panes + len(parts[-1].asset)
        digest = [table.digest[which] for table, which in zip(tables, kept, strict=True)]
        standing = [word[which] for word, which in zip(words, kept, strict=True)]
        all_digests = np.concatenate([np.empty((0, 32), dtype=np.uint8), *digest])
        order = np.argsort(_sortable(all_digests), kind="stable")
        return cls._of(
            digest=all_digests[order],
            standing=np.concatenate([np.empty(0, dtype=np.uint8), *standing])[order],
            panes=_Panes.joined(parts).ordered(order),
        )

    @property
    def assets(self) -> int:
        """How many pictures there are."""
        return len(self.digest)

    @property
    def has_panes(self) -> NDArray[np.bool_]:
        """Which pictures have any, (assets,)."""
        has = np.zeros(self.assets, dtype=np.bool_)
        has[self.asset] = True
        return has

    @property
    def nbytes(self) -> int:
        """The bytes of all columns."""
        own = (self.digest, self.standing, self.asset, self.extent)
        return sum(int(c.nbytes) for c in own) + self.phash.nbytes + self.pdq.nbytes + self.keypoints.nbytes

    def sound(self) -> bool:
        """Whether no search can be led out of bounds, whatever the columns say."""
        panes = len(self.asset)
        return bool(
            len(self.standing) == self.assets
            and len(self.extent) == self.keypoints.panes == panes
            and (not panes or int(self.asset.max()) < self.assets)
            and all(
                codes.sound() and (not codes.codes or int(codes.number.max()) < panes)
                for codes in (self.phash, self.pdq)
            )
            and self.keypoints.sound()
        )


def standings(tables: Sequence[PictureTable]) -> list[NDArray[np.uint8]]:
    """For each table the standing of its pictures, as the last table that speaks of one has it.

    A picture whose panes a later table has as well is `GONE` from the earlier one.
    """
    words = []
    for i, table in enumerate(tables):
        word = table.standing
        for later in tables[i + 1 :]:
            at = _positions(later.digest, table.digest)  # the other way round would search for all of them
            known = np.flatnonzero(at >= 0)
            if len(known):
                word = word.copy()
                word[at[known]] = np.where(later.has_panes, np.uint8(Standing.GONE), later.standing)[known]
        words.append(word)
    return words


def _kept(tables: Sequence[PictureTable], *, first: bool) -> list[NDArray[np.int64]]:
    """Which pictures of each table go into one table of them all; each picture once.

    One that has panes, unless it is gone; otherwise, and unless no table comes before these, its last word.
    """
    with_panes = [
        np.flatnonzero(table.has_panes & (word != Standing.GONE))
        for table, word in zip(tables, standings(tables), strict=True)
    ]
    if first:
        return with_panes
    held = np.concatenate([table.digest[which] for table, which in zip(tables, with_panes, strict=True)])
    kept = []
    for i, table in enumerate(tables):
        spoken = [held[np.argsort(_sortable(held))], *(later.digest for later in tables[i + 1 :])]
        elsewhere = np.logical_or.reduce([_positions(table.digest, known) >= 0 for known in spoken])
        alone = np.flatnonzero(~elsewhere)
        kept.append(np.sort(np.concatenate([with_panes[i], alone])))
    return kept


def _sortable(digests: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Digests (n, 32) as something to sort and compare: (n,)."""
    return np.ascontiguousarray(digests).view("S32").reshape(-1)


def _positions(digests: NDArray[np.uint8], known: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Where each digest (n, 32) stands among known ones (m, 32), ascending; -1 where it does not."""
    if not len(known):
        return np.full(len(digests), -1, dtype=np.int64)
    asked, there = _sortable(digests), _sortable(known)
    at = np.minimum(np.searchsorted(there, asked), len(there) - 1)
    found: NDArray[np.int64] = np.where(there[at] == asked, at, -1)
    return found


class _Codes(NamedTuple):
    """Codes (n, 32), and whose pane's each is (n,)."""

    code: NDArray[np.uint8]
    pane: NDArray[np.int64]

    @classmethod
    def of(cls, table: CodeTable, place: NDArray[np.int64]) -> Self:
        """A table's codes, of the panes that have a place (not -1)."""
        code, number = table.rows()
        kept = place[number] >= 0
        return cls(code[kept], place[number[kept]])


@dataclass(frozen=True, slots=True, eq=False)
class _Panes:
    """All that tables are built of but the pictures themselves; pane by pane."""

    asset: NDArray[np.int64]
    extent: NDArray[np.uint16]
    phash: _Codes
    pdq: _Codes
    keypoints: NDArray[np.void]
    counts: NDArray[np.int64]
    """Keypoints of each pane."""

    @classmethod
    def of(cls, table: PictureTable, assets: NDArray[np.int64]) -> Self:
        """The panes of these pictures of a table, numbered anew as they are here; so are the pictures."""
        number = np.full(table.assets, -1, dtype=np.int64)
        number[assets] = np.arange(len(assets))
        kept = np.flatnonzero(number[table.asset] >= 0)
        place = np.full(len(table.asset), -1, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        counts = table.keypoints.counts
        return cls(
            asset=number[table.asset[kept]],
            extent=table.extent[kept],
            phash=_Codes.of(table.phash, place),
            pdq=_Codes.of(table.pdq, place),
            keypoints=table.keypoints.rows()[np.repeat(place >= 0, counts)],
            counts=counts[kept],
        )

    @classmethod
    def joined(cls, parts: Sequence["_Panes"]) -> Self:
        """Those of all parts."""
        nothing = PictureTable.nothing()
        parts = [_Panes.of(nothing, np.empty(0, dtype=np.int64)), *parts]

        def codes(name: str) -> _Codes:
            return _Codes(*map(np.concatenate, zip(*(getattr(part, name) for part in parts), strict=True)))

        return cls(
            asset=np.concatenate([part.asset for part in parts]),
            extent=np.concatenate([part.extent for part in parts]),
            phash=codes("phash"),
            pdq=codes("pdq"),
            keypoints=np.concatenate([part.keypoints for part in parts]),
            counts=np.concatenate([part.counts for part in parts]),
        )

    def moved(self, *, assets: int, panes: int) -> "_Panes":
        """Numbered as they are behind so many pictures and panes."""
        return _Panes(
            asset=self.asset + assets,
            extent=self.extent,
            phash=_Codes(self.phash.code, self.phash.pane + panes),
            pdq=_Codes(self.pdq.code, self.pdq.pane + panes),
            keypoints=self.keypoints,
            counts=self.counts,
        )

    def ordered(self, pictures: NDArray[np.int64]) -> "_Panes":
        """As they are when the pictures stand in that order."""
        rank = np.empty(len(pictures), dtype=np.int64)
        rank[pictures] = np.arange(len(pictures))
        order = np.argsort(rank[self.asset], kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        ends = np.cumsum(self.counts)
        starts, counts = (ends - self.counts)[order], self.counts[order]
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        return _Panes(
            asset=rank[self.asset[order]],
            extent=self.extent[order],
            phash=_Codes(self.phash.code, place[self.phash.pane]),
            pdq=_Codes(self.pdq.code, place[self.pdq.pane]),
            keypoints=self.keypoints[np.repeat(starts, counts) + within],
            counts=counts,
        )


def _extent(pane: Pane) -> tuple[int, int]:
    left, top, right, bottom = pane.box
    longest = max(right - left, bottom - top)
    return max(1, round(UNIT * (right - left) / longest)), max(1, round(UNIT * (bottom - top) / longest))


def _rows(codes: Sequence[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(codes), dtype=np.uint8).reshape(-1, 32)
