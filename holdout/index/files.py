"""One base or overlay as one file (`sections`): for each table of `Tables` its columns in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal, NamedTuple, Self, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdout.durable import replacing_file
from holdout.index.records import RECORD
from holdout.index.sections import Damaged, Identity, Layout, damaged, open_sections, write_sections
from holdout.index.table import MAX_LENGTH, Table, bucket_length, sieve_length

FORMAT: Final = 2

TableName = Literal["urls", "places", "files", "grants"]
TABLES: Final[tuple[TableName, ...]] = get_args(TableName)
OF_PICTURES: Final[tuple[TableName, ...]] = ("urls", "places", "files")
"""Those with the keys of pictures; nobody asks for a key of the others."""


class Tables(NamedTuple):
    """The tables of an index."""

    urls: Table
    """Keys of kind URL and PICTURE."""
    places: Table
    """Keys of kind PATH, HOST, DOMAIN and ACCOUNT."""
    files: Table
    """Keys of kind FILE."""
    grants: Table
    """Keys of kind GRANTEE; their records are to be read as `holdout.index.records.GRANT`."""

    @classmethod
    def nothing(cls) -> Self:
        """Tables without keys."""
        return cls(*(Table.nothing() for _ in TABLES))

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
    identity: Identity


_Length = Annotated[int, msgspec.Meta(ge=0, le=MAX_LENGTH)]


class _Lengths(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: _Length
    records: _Length


class _About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    moment: Moment
    since: int | None
    tables: dict[str, _Lengths]


def write_index(path: Path, tables: Tables, *, moment: Moment, since: int | None) -> None:
    """Write a file, whole or not at all. Raises `Unavailable` (`storage_full`, `storage_failed`)."""
    with replacing_file(path) as file:
        write_into(file, path.name, tables, moment=moment, since=since)


def write_into(file: BinaryIO, name: str, tables: Tables, *, moment: Moment, since: int | None) -> None:
    """Write the bytes of a file of that name."""
    lengths = {label: _Lengths(t.keys, len(t.record)) for label, t in tables._asdict().items()}
    write_sections(file, name, _LAYOUT, _About(moment, since, lengths), _columns(tables))


def open_index(path: Path) -> IndexFile:
    """Map a file and verify every byte of it.

    Raises FileNotFoundError where there is none, and `Unavailable` (`index_damaged`) for anything but exactly
    what `write_index` wrote under that name.
    """
    try:
        about, sections, identity = open_sections(path, _LAYOUT)
        tables = Tables(*(_table(about.tables[name], name, sections) for name in TABLES))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, Damaged) as error:
        raise damaged(path, error) from error
    return IndexFile(path.name, about.moment, about.since, tables, identity)


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


def _sections_of(about: _About) -> Iterator[tuple[str, int]]:
    if set(about.tables) != set(TABLES):
        raise ValueError("it has other tables")
    for name in TABLES:
        for label, nbytes in _lengths(about.tables[name]):
            yield f"{name}.{label}", nbytes


_LAYOUT: Final = Layout(b"hldindex", FORMAT, _About, _sections_of)


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
        raise Damaged(f"{name} is not in order")
    return table


def _rises(column: NDArray[np.uint32], last: int) -> bool:
    """Whether it goes from 0 to `last` and never back."""
    return int(column[0]) == 0 and int(column[-1]) == last and bool(np.all(column[1:] >= column[:-1]))
