"""One base or overlay as one file that is mapped, not read.

    0    magic, format, length of the header (uint32 little-endian each), XXH3-128 of the header, zeros to 64
    64   the header: JSON, zeros to the next multiple of 64
    ...  the sections, each zeros to the next multiple of 64: for each table of `Tables` its columns in order

Every byte is under a checksum or compared. The sections and their lengths follow from the numbers of keys and
records alone, so a header can lie about nothing that would lead a search out of bounds. Numbers are
little-endian. A file is never written to again; a reader that has it open keeps it after it was removed.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal, NamedTuple, Self, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128

from holdout.durable import replacing_file
from holdout.errors import Unavailable
from holdout.index.records import RECORD, opaque
from holdout.index.table import MAX_LENGTH, Table, bucket_length, sieve_length

FORMAT: Final = 1
_MAGIC: Final = b"hldindex"
_START: Final = struct.Struct("<8sII16s32s")
_ALIGNMENT: Final = 64
_MAX_HEADER: Final = 1 << 16

TableName = Literal["urls", "places", "files"]
TABLES: Final[tuple[TableName, ...]] = get_args(TableName)


class Tables(NamedTuple):
    """The three tables of an index."""

    urls: Table
    """Keys of kind URL and PICTURE."""
    places: Table
    """Keys of kind PATH, HOST, DOMAIN and ACCOUNT."""
    files: Table
    """Keys of kind FILE."""

    @classmethod
    def nothing(cls) -> Self:
        """Three tables without keys."""
        return cls(Table.nothing(), Table.nothing(), Table.nothing())

    @property
    def keys(self) -> int:
        """How many keys there are in all of them."""
        return sum(table.keys for table in self)


class Moment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A moment of the declarations log: an entry's index, its leaf hash (hex) and its time."""

    watermark: int
    leaf_hash: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{2})*\Z")]
    time: Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file that is open: what it says about itself, and its tables, which lie in the mapped file."""

    name: str
    moment: Moment
    since: int | None
    """For an overlay: it holds every change after this log index. A base must reach at least that far."""
    tables: Tables
    identity: tuple[int, int, int, int]
    """Device, inode, size and time of the file; another file of the same name has others."""


_Length = Annotated[int, msgspec.Meta(ge=0, le=MAX_LENGTH)]


class _Lengths(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: _Length
    records: _Length


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    offset: int
    """From the end of the header."""
    length: int
    checksum: str
    """XXH3-128, hex, over the section and the zeros behind it."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    moment: Moment
    since: int | None
    tables: dict[str, _Lengths]
    sections: list[_Section]


class _Damaged(Exception):
    """What is wrong with a file."""


def identity_of(path: Path) -> tuple[int, int, int, int]:
    """The identity of the file that stands there now. Raises OSError."""
    return _identity(path.stat())


def write_index(path: Path, tables: Tables, *, moment: Moment, since: int | None) -> None:
    """Write a file, whole or not at all. Raises `Unavailable` (`storage_full`, `storage_failed`)."""
    with replacing_file(path) as file:
        write_into(file, path.name, tables, moment=moment, since=since)


def write_into(file: BinaryIO, name: str, tables: Tables, *, moment: Moment, since: int | None) -> None:
    """Write the bytes of a file of that name."""
    columns = [(label, opaque(column).reshape(-1)) for label, column in _columns(tables)]
    sections = []
    offset = 0
    for label, column in columns:
        checksum = xxh3_128(column.view(np.uint8).data)
        checksum.update(_padding(column.nbytes))
        sections.append(_Section(label, offset, column.nbytes, checksum.hexdigest()))
        offset += _aligned(column.nbytes)
    lengths = {label: _Lengths(t.keys, len(t.record)) for label, t in tables._asdict().items()}
    header = msgspec.json.encode(_Header(name, moment, since, lengths, sections))
    padded = header + _padding(len(header))
    file.write(_START.pack(_MAGIC, FORMAT, len(header), xxh3_128(padded).digest(), bytes(32)) + padded)
    for _, column in columns:
        file.write(column.view(np.uint8).data)
        file.write(_padding(column.nbytes))


def open_index(path: Path) -> IndexFile:
    """Map a file and verify every byte of it.

    Raises FileNotFoundError where there is none, and `Unavailable` (`index_damaged`) for anything but exactly
    what `write_index` wrote under that name.
    """
    try:
        with path.open("rb") as file:
            identity = _identity(os.fstat(file.fileno()))
            mapped = mmap.mmap(file.fileno(), identity[2], access=mmap.ACCESS_READ)
        header, sections = _opened(mapped)
        if header.name != path.name:
            raise _Damaged(f"it was written as {header.name}")
        tables = Tables(*(_table(header.tables[name], name, sections) for name in TABLES))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, _Damaged) as error:
        detail = f"The registry's index file {path.name} is damaged ({error}); it is being built anew."
        raise Unavailable("index_damaged", detail) from error
    return IndexFile(header.name, header.moment, header.since, tables, identity)


def _opened(mapped: mmap.mmap) -> tuple[_Header, dict[str, memoryview]]:
    """The header and the sections by name, checksums verified."""
    view = memoryview(mapped)
    if len(view) < _START.size:
        raise _Damaged("it is too short")
    magic, version, length, checksum, zeros = _START.unpack_from(view)
    if (magic, version, zeros) != (_MAGIC, FORMAT, bytes(32)):
        raise _Damaged("it has another format")
    start = _START.size + _aligned(length)
    if length > _MAX_HEADER or start > len(view):
        raise _Damaged("its header is cut short")
    if xxh3_128(view[_START.size : start]).digest() != checksum:
        raise _Damaged("its header has another checksum")
    # `MsgspecError` is a ValueError.
    header = msgspec.json.decode(view[_START.size : _START.size + length], type=_Header)
    if set(header.tables) != set(TABLES):
        raise _Damaged("it has other tables")
    return header, _sections(header, view[start:])


def _sections(header: _Header, body: memoryview) -> dict[str, memoryview]:
    expected = [
        (f"{name}.{label}", nbytes) for name in TABLES for label, nbytes in _lengths(header.tables[name])
    ]
    if [(section.name, section.length) for section in header.sections] != expected:
        raise _Damaged("its sections do not fit its tables")
    offset = 0
    found = {}
    for section in header.sections:
        end = offset + _aligned(section.length)
        if section.offset != offset:
            raise _Damaged(f"{section.name} is not where it must be")
        if xxh3_128(body[offset:end]).hexdigest() != section.checksum:
            raise _Damaged(f"{section.name} has another checksum")
        found[section.name] = body[offset : offset + section.length]
        offset = end
    if offset != len(body):
        raise _Damaged("it does not end with its last section")
    return found


def _columns(tables: Tables) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, table in tables._asdict().items():
        for label in _COLUMNS:
            yield f"{name}.{label}", getattr(table, label)


_COLUMNS: Final[dict[str, np.dtype[Any]]] = {
    "probe": np.dtype("<u8"),
    "check": np.dtype("<u8"),
    "first": np.dtype("<u4"),
    "record": RECORD,
    "bucket": np.dtype("<u4"),
    "sieve": np.dtype("<u8"),
}


def _lengths(table: _Lengths) -> Iterator[tuple[str, int]]:
    """The sections of a table with so many keys and records, and their lengths in bytes."""
    counts = {
        "probe": table.keys,
        "check": 2 * table.keys,
        "first": table.keys + 1,
        "record": table.records,
        "bucket": bucket_length(table.keys),
        "sieve": sieve_length(table.keys),
    }
    for label, dtype in _COLUMNS.items():
        yield label, counts[label] * dtype.itemsize


def _table(lengths: _Lengths, name: str, sections: dict[str, memoryview]) -> Table:
    columns = {
        label: np.frombuffer(sections[f"{name}.{label}"], dtype=dtype) for label, dtype in _COLUMNS.items()
    }
    columns["check"] = columns["check"].reshape(-1, 2)
    table = Table(**columns)
    # A search trusts these: a checksum only says that the file is what somebody wrote.
    sound = (
        _rises(table.bucket, lengths.keys)
        and _rises(table.first, lengths.records)
        and bool(np.all(table.probe[1:] >= table.probe[:-1]))
    )
    if not sound:
        raise _Damaged(f"{name} is not in order")
    return table


def _rises(column: NDArray[np.uint32], last: int) -> bool:
    """Whether it goes from 0 to `last` and never back."""
    return int(column[0]) == 0 and int(column[-1]) == last and bool(np.all(column[1:] >= column[:-1]))


def _aligned(nbytes: int) -> int:
    return -(-nbytes // _ALIGNMENT) * _ALIGNMENT


def _padding(nbytes: int) -> bytes:
    return bytes(_aligned(nbytes) - nbytes)


def _identity(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
