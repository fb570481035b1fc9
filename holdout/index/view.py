"""One state of the index, and what it says about keys."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from holdout.errors import InvalidInput
from holdout.index.files import OF_PICTURES, TableName, Tables
from holdout.index.keys import file_keys, grantee_keys, split_packed
from holdout.index.merge import merged
from holdout.index.pictures import PictureTable
from holdout.index.records import GRANT, RANKS, RECORD, TAGS, Kind, Records, opaque
from holdout.index.table import Hits, Table, check_words
from holdout.url_keys import TAG_LENGTH, UrlKeys
from holdout.verdicts import AsOf

ANSWER_TOO_LARGE: Final = "answer_too_large"
MAX_LINES: Final = 4_000_000
"""Found by one question in one table, at 65 bytes each: a key may have thousands of statements."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What is said about the asked rows: a line per row, key and statement, all columns of one length.

    Rows ascending; within a row the most specific key first (`RANKS`, then the longer text).
    """

    row: NDArray[np.int64]
    kind: NDArray[np.uint8]
    """`Kind` of the key."""
    length: NDArray[np.int32]
    """Bytes of the key's text, tag included; 0 for files, and for packed keys, which do not tell."""
    record: Records

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """The lines of several parts, in order."""
        parts = [part for part in parts if len(part)]
        if not parts:
            return cls(*(np.empty(0, dtype=dtype) for dtype in (np.int64, np.uint8, np.int32, RECORD)))
        row = np.concatenate([part.row for part in parts])
        kind = np.concatenate([part.kind for part in parts])
        length = np.concatenate([part.length for part in parts])
        record = np.concatenate([opaque(part.record) for part in parts])
        # Row, rank and 28 bits of length in one number: one sort instead of three.
        order = np.argsort((row << 31) - (RANKS[kind] << 28) - length, kind="stable")
        return cls(row[order], kind[order], length[order], record[order].view(RECORD))


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One whole state of the index: it does not change, whatever is published while somebody holds it.

    Questions raise `InvalidInput` (`answer_too_large`) where the answer would have over `MAX_LINES` lines.
    """

    version: int
    as_of: AsOf
    """Everything in the log up to here is in it, and nothing after."""
    leaf_hash: bytes
    """That of the log's entry at `as_of`; a log that was restored from an older copy may have another."""
    base: Tables
    overlay: Tables
    pictures: tuple[PictureTable, ...] = ()
    """Registered pictures by their looks; what is said about one stands under its digest (`files`)."""

    def urls(self, keys: UrlKeys) -> Found:
        """What is said about URLs and the places that they lie in. Rows with an error have no lines."""
        return Found.together(
            [
                _lines(table, hits, asked.row, asked.length, asked.kind)
                for asked in _asked(keys)
                for table, hits in self._hits(asked.table, asked.hits)
            ]
        )

    def files(self, digests: NDArray[np.uint8]) -> Found:
        """What is said about files with these SHA-256 digests, uint8 of shape (n, 32)."""
        keys = file_keys(digests)
        checks = check_words(keys.check)

        def find(table: Table) -> Hits:
            return table.exact(keys.probe, checks.__getitem__)

        row, length = np.arange(len(digests)), np.zeros(len(digests), dtype=np.int32)
        return Found.together([_lines(*at, row, length, keys.kind) for at in self._hits("files", find)])

    def packed(self, keys: NDArray[np.uint8]) -> Found:
        """What is said about packed keys (`holdout.index.keys`) of pictures, uint8 of shape (n, 16)."""
        probes, halves = split_packed(keys)
        words = halves.view(np.uint64).reshape(-1)

        def find(table: Table) -> Hits:
            return table.half(probes, words)

        row, length = np.arange(len(keys)), np.zeros(len(keys), dtype=np.int32)
        return Found.together(
            [_lines(*at, row, length) for name in OF_PICTURES for at in self._hits(name, find)]
        )

    def grants(self, grantee: str) -> Records:
        """What is granted to the organisation with this public id, as an array of `GRANT`."""
        keys = grantee_keys([grantee])
        checks = check_words(keys.check)

        def find(table: Table) -> Hits:
            return table.exact(keys.probe, checks.__getitem__)

        for table, hits in self._hits("grants", find):
            if len(hits.which):
                return table.lines(hits.position)[1].view(GRANT)
        return np.empty(0, dtype=GRANT)

    def merged(self, name: TableName) -> Table:
        """The whole current state of one table: the base with the overlay applied."""
        return merged(getattr(self.base, name), getattr(self.overlay, name))

    def _hits(self, name: TableName, find: Callable[[Table], Hits]) -> Iterator[tuple[Table, Hits]]:
        """Where the asked keys stand: in the overlay, and in the base unless the overlay replaces them."""
        base: Table = getattr(self.base, name)
        overlay: Table = getattr(self.overlay, name)
        hits = find(base)
        if overlay.keys:
            yield overlay, find(overlay)
            if len(hits.which):
                at = hits.position
                hits = hits.where(overlay.locate(base.probe[at], base.check[at]) < 0)
        yield base, hits


def _lines(
    table: Table,
    hits: Hits,
    row: NDArray[np.int64],
    length: NDArray[np.int32],
    kind: NDArray[np.uint8] | None = None,
) -> Found:
    """Lines of some hits. `row`, `length`, `kind` are by asked key; without kinds, the records have them.

    Raises `InvalidInput` (`answer_too_large`) before more are gathered than memory should hold.
    """
    if int(table.counts_of(hits.position).sum()) > MAX_LINES:
        raise InvalidInput(
            ANSWER_TOO_LARGE, "What is said about these pictures is too much for one answer; send fewer."
        )
    counts, record = table.lines(hits.position)
    which = np.repeat(hits.which, counts)
    return Found(row[which], record["kind"] if kind is None else kind[which], length[which], record)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Keys with a text that are looked up in one table."""

    table: TableName
    probe: NDArray[np.uint64]
    row: NDArray[np.int64]
    kind: NDArray[np.uint8]
    length: NDArray[np.int32]
    """With the tag."""
    text: memoryview
    start: NDArray[np.int64]
    """Where the text begins behind its tag: by row, or by key where `by_row` is not set."""
    by_row: bool

    def hits(self, table: Table) -> Hits:
        return table.exact(self.probe, self._checks)

    def _checks(self, which: NDArray[np.int64]) -> NDArray[np.uint64]:
        """SHA-256 in Python, a microsecond each: only for keys whose probe was found."""
        text = self.text
        start = self.start[self.row[which] if self.by_row else which]
        spans = zip(
            self.kind[which].tolist(),
            start.tolist(),
            (start + self.length[which] - TAG_LENGTH).tolist(),
            strict=True,
        )
        digests = b"".join([sha256(TAGS[kind] + text[begin:end]).digest() for kind, begin, end in spans])
        return np.frombuffer(digests, dtype=np.uint64).reshape(-1, 4)[:, :2]


def _asked(keys: UrlKeys) -> Iterator[_Asked]:
    text = keys.text.data
    row = np.arange(len(keys.start))
    probe, length = keys.url_probe, keys.length
    if keys.error.any():
        row = np.flatnonzero(keys.error == 0)
        probe, length = probe[row], length[row]
    url = np.full(len(row), Kind.URL, dtype=np.uint8)
    yield _Asked("urls", probe, row, url, length + TAG_LENGTH, text, keys.start, by_row=True)
    yield _Asked(
        "places",
        keys.place_probe,
        keys.place_row,
        keys.place_kind,
        keys.place_length + TAG_LENGTH,
        text,
        keys.start,
        by_row=True,
    )
    for kind, table in _EXTRA.items():
        some = np.flatnonzero(keys.extra_kind == kind)
        if len(some):
            yield _Asked(
                table,
                keys.extra_probe[some],
                keys.extra_row[some],
                keys.extra_kind[some],
                keys.extra_length[some],
                text,
                keys.extra_start[some] + TAG_LENGTH,
                by_row=False,
            )


_EXTRA: Final[dict[Kind, TableName]] = {Kind.PICTURE: "urls", Kind.ACCOUNT: "places"}
