"""`Snapshot`: what the registry says, opened on a vendor's machine, and millions of rows screened with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from holdout.index.keys import packed_key
from holdout.index.records import TAGS, Kind
from holdout.signing import PublicKey
from holdout.snapshot.cache import cached, keep
from holdout.snapshot.codes import BITS, CODES, FAILED
from holdout.snapshot.files import Header
from holdout.snapshot.folder import remember_seen, seen_version
from holdout.snapshot.load import load, refuse_outdated, state_of
from holdout.snapshot.search import Searchable
from holdout.url_keys import TAG_LENGTH, UrlKeys


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Keys of some rows for which there may be an entry: a line each, rows ascending."""

    row: NDArray[np.int64]
    key: NDArray[np.uint8]
    """Packed (`holdout.index.keys`), shape (n, 16): as the registry is asked about them."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One version of what the registry says. It does not change, and threads may share it.

    Entries are found by 40 bits: with ten million of them, one URL in 20,000 is taken for one that somebody
    spoke of. So a hit is held back until the registry has confirmed it.
    """

    header: Header
    entries: Searchable

    @classmethod
    def open(
        cls, path: Path, *, public_key: PublicKey | Sequence[PublicKey], now: datetime, cache: bool = True
    ) -> Self:
        """The newest version that a folder (`holdout.snapshot.folder`) leads to, or one file that is a base.

        `public_key` are the keys that are trusted; while a registry changes keys there are two. With `cache`
        the decoded state is kept beside the files, for all processes to share.

        Raises `SnapshotRefused`: `snapshot_missing`, `snapshot_untrusted`, `snapshot_damaged`,
        `snapshot_expired` at `now`, `snapshot_rollback` (a newer one was opened there before),
        `snapshot_format_unknown`, `snapshot_hosts_differ`, and for a single file `snapshot_gap`.
        """
        public_keys = [public_key] if isinstance(public_key, PublicKey) else public_key
        files = load(path, public_keys=public_keys)
        folder = path if path.is_dir() else path.parent
        header = files[-1].header
        refuse_outdated(header, now=now, seen=seen_version(folder))
        entries = cached(folder, header.digest) if cache else None
        if entries is None:
            entries = Searchable.of(state_of(files))
            if cache:
                keep(folder, header.digest, entries)
        remember_seen(folder, header.version)
        return cls(header, entries)

    @property
    def version(self) -> int:
        return self.header.version

    @property
    def created(self) -> datetime:
        return self.header.created

    @property
    def expires(self) -> datetime:
        return self.header.expires

    @property
    def watermark(self) -> int:
        """It holds what the declarations log says up to this index."""
        return self.header.log_index

    def require_fresh(self, *, now: datetime) -> None:
        """For a run that takes long. Raises `SnapshotRefused` (`snapshot_expired`)."""
        refuse_outdated(self.header, now=now, seen=0)

    def urls(self, keys: UrlKeys) -> NDArray[np.uint8]:
        """Per row the code (`holdout.snapshot.codes`) of all its keys together.

        0 where none has an entry; `FAILED` where the address could not be read (`keys.error` says why); `ASK`
        where one of them is that; otherwise the most restrictive of them, use by use.
        """
        bits = np.zeros(len(keys.start), np.uint16)
        for column in _columns(keys):
            which, code = self.entries.find(column.probe)
            np.bitwise_or.at(bits, column.row[which], BITS[code])
        codes = CODES[bits]
        codes[keys.error != 0] = FAILED
        return codes

    def files(self, digests: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Per file, by the SHA-256 of its bytes (uint8 of shape (n, 32)), its code; 0 where there is none."""
        which, code = self.entries.find(_file_probes(digests))
        codes = np.zeros(len(digests), np.uint8)
        codes[which] = code
        return codes


def every_key(keys: UrlKeys, rows: NDArray[np.bool_]) -> Hits:
    """All keys of the rows for which `rows` is set, for asking by ranges (`holdout.snapshot.ranges`)."""
    return _packed(keys, [(column, np.flatnonzero(rows[column.row])) for column in _columns(keys)])


@dataclass(frozen=True, slots=True)
class _Column:
    """Keys of one sort: of each its probe, its row, its kind, and where its text stands without the tag."""

    probe: NDArray[np.uint64]
    row: NDArray[np.int64]
    kind: NDArray[np.uint8]
    length: NDArray[np.int32]
    start: NDArray[np.int64]
    """By row, or by key where `by_row` is not set."""
    by_row: bool
    text: NDArray[np.uint8]

    def texts(self, which: NDArray[np.int64]) -> Iterator[bytes]:
        """The texts of some keys, tag included."""
        start = self.start[self.row[which] if self.by_row else which]
        end = start + self.length[which]
        text = memoryview(self.text)  # type: ignore[arg-type]  # numpy's stubs know buffers from Python 3.12 on
        for kind, first, last in zip(self.kind[which].tolist(), start.tolist(), end.tolist(), strict=True):
            yield TAGS[kind] + text[first:last]


def _columns(keys: UrlKeys) -> Iterator[_Column]:
    rows, text = len(keys.start), keys.text
    url = np.full(rows, Kind.URL, np.uint8)
    yield _Column(keys.url_probe, np.arange(rows), url, keys.length, keys.start, True, text)
    yield _Column(
        keys.place_probe, keys.place_row, keys.place_kind, keys.place_length, keys.start, True, text
    )
    length, start = keys.extra_length - TAG_LENGTH, keys.extra_start + TAG_LENGTH
    yield _Column(keys.extra_probe, keys.extra_row, keys.extra_kind, length, start, False, text)


def _packed(keys: UrlKeys, chosen: Sequence[tuple[_Column, NDArray[np.int64]]]) -> Hits:
    """Some keys of each column as packed keys, in the order of their rows; rows with an error have none."""
    rows, packed = [], []
    for column, which in chosen:
        which = which[keys.error[column.row[which]] == 0]
        rows.append(column.row[which])
        packed += [packed_key(text) for text in column.texts(which)]
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    return Hits(row[order], np.frombuffer(b"".join(packed), dtype=np.uint8).reshape(-1, 16)[order])


def _file_probes(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(digests[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
