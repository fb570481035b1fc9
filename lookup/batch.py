"""What a batch asks, column by column: every door and every job brings its queries into this form."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from holdout.carriers.readers import read_all
from holdout.errors import HoldoutError
from holdout.fingerprints.picture import PictureFingerprints
from holdout.index.keys import packed_key
from holdout.picture_hosts import named_account_key
from holdout.signals import Signal
from holdout.verdicts import Query


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of some rows, in UTF-8: that of row `row[i]` is `buffer[start[i]:end[i]]`."""

    row: NDArray[np.int64]
    buffer: NDArray[np.uint8]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)

    def text(self, i: int) -> bytes:
        return self.buffer[self.start[i] : self.end[i]].tobytes()


@dataclass(frozen=True, slots=True)
class Digests:
    """Exact fingerprints of some rows' files: uint8, n x 32. Rows ascending; a row may have several."""

    row: NDArray[np.int64]
    digest: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PackedKeys:
    """Keys of some rows as 16 bytes each (`holdout.index.keys`): uint8, n x 16."""

    row: NDArray[np.int64]
    key: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Batch:
    """`rows` queries; a row may stand in several columns, or in none where it could not be read."""

    rows: int
    urls: Texts | None = None
    pages: Texts | None = None
    """Where the caller found the picture; what it claims may only restrict."""
    accounts: PackedKeys | None = None
    """Whose the caller says the picture is; likewise."""
    files: Digests | None = None
    keys: PackedKeys | None = None
    codes: Mapping[int, Mapping[str, tuple[bytes, ...]]] = field(default_factory=dict)
    """By row: a picture's codes by algorithm."""
    looks: Mapping[int, PictureFingerprints] = field(default_factory=dict)
    """By row: a picture's fingerprints (a query's). Its exact ones stand in `files` as well."""
    signals: Mapping[int, tuple[Signal, ...]] = field(default_factory=dict)
    """By row: what the caller saw round the picture, as its readers read it."""
    unreadable: Mapping[int, HoldoutError] = field(default_factory=dict)
    """The rows that could not even be read, and why; nothing is looked up for them."""


def texts(rows: Sequence[int], values: Sequence[str]) -> Texts | None:
    """Some rows' strings as one buffer. A lone surrogate becomes bytes that no parser accepts."""
    if not rows:
        return None
    joined = "".join(values)
    if joined.isascii():
        encoded, lengths = joined.encode(), map(len, values)
    else:
        each = [value.encode("utf-8", "surrogatepass") for value in values]
        encoded, lengths = b"".join(each), map(len, each)
    ends = np.cumsum(np.fromiter(lengths, dtype=np.int64, count=len(values)))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]])
    return Texts(np.array(rows, dtype=np.int64), np.frombuffer(encoded, dtype=np.uint8), starts, ends)


def batch_of(queries: Sequence[Query | HoldoutError]) -> Batch:
    """The batch that these queries make up, in their order."""
    return _batch_of(
        {i: query for i, query in enumerate(queries) if isinstance(query, Query)},
        unreadable={i: query for i, query in enumerate(queries) if isinstance(query, HoldoutError)},
    )


def _batch_of(queries: Mapping[int, Query], *, unreadable: Mapping[int, HoldoutError]) -> Batch:
    urls = {i: q.url for i, q in queries.items() if q.url is not None}
    pages = {i: q.page_url for i, q in queries.items() if q.page_url is not None}
    accounts = {
        i: packed_key(named_account_key(q.account).text) for i, q in queries.items() if q.account is not None
    }
    looks = {i: q.fingerprints for i, q in queries.items() if q.fingerprints is not None}
    digests = [(i, q.sha256) for i, q in queries.items() if q.sha256 is not None]
    digests += [(i, digest) for i, taken in looks.items() for digest in exact_digests(taken)]
    return Batch(
        rows=len(queries) + len(unreadable),
        urls=texts(list(urls), list(urls.values())),
        pages=texts(list(pages), list(pages.values())),
        accounts=PackedKeys(*_fixed(accounts, 16)) if accounts else None,
        files=digest_column(digests),
        codes={i: q.codes for i, q in queries.items() if q.codes},
        looks=looks,
        signals={i: signals for i, q in queries.items() if q.signals and (signals := read_all(q.signals))},
        unreadable=unreadable,
    )


def exact_digests(taken: PictureFingerprints) -> list[bytes]:
    """What a picture is looked up by as the very file: any of these may be registered."""
    digests = (taken.sha256, taken.pixels, taken.iscc_instance)
    return [digest for digest in digests if digest is not None]


def digest_column(digests: Iterable[tuple[int, bytes]]) -> Digests | None:
    """Rows and digests as a column, each pair once."""
    ordered = sorted(set(digests))
    if not ordered:
        return None
    octets = np.frombuffer(b"".join(digest for _, digest in ordered), dtype=np.uint8).reshape(-1, 32)
    return Digests(np.array([row for row, _ in ordered], dtype=np.int64), octets)


def _fixed(values: Mapping[int, bytes], width: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    joined = np.frombuffer(b"".join(values.values()), dtype=np.uint8).reshape(-1, width)
    return np.array(list(values), dtype=np.int64), joined
