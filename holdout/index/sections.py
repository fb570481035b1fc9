"""Named arrays in one file that is mapped, not read.

    0    magic, format, length of the header (uint32 little-endian each), XXH3-128 of the header, zeros to 64
    64   the header: JSON, zeros to the next multiple of 64
    ...  the sections in order, each zeros to the next multiple of 64

Every byte is under a checksum or compared. The sections and their lengths follow from what the file says
about itself (`Layout`), so a header can lie about nothing that would lead a search out of bounds. Numbers are
little-endian. A file is never written to again; a reader that has it open keeps it after it was removed.
"""

import mmap
import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128

from holdout.errors import Unavailable
from holdout.index.records import opaque

_START: Final = struct.Struct("<8sII16s32s")
_ALIGNMENT: Final = 64
_MAX_HEADER: Final = 1 << 16

About = TypeVar("About", bound=msgspec.Struct)
Identity = tuple[int, int, int, int]
"""Device, inode, size and time of a file; another file of the same name has others."""


class Layout(NamedTuple, Generic[About]):
    """One kind of file: how it begins, what it says about itself, and which sections follow from that."""

    magic: bytes
    """Eight bytes."""
    format: int
    about: type[About]
    lengths: Callable[[About], Iterable[tuple[str, int]]]
    """The sections in order and their lengths in bytes. ValueError where it is impossible."""


class Damaged(Exception):
    """What is wrong with a file."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    offset: int
    """From the end of the header."""
    length: int
    checksum: str
    """XXH3-128, hex, over the section and the zeros behind it."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    about: msgspec.Raw
    sections: list[_Section]


class Opened(NamedTuple, Generic[About]):
    """A file that is open: its sections are views of the mapped file."""

    about: About
    sections: dict[str, memoryview]
    identity: Identity


def identity_of(path: Path) -> Identity:
    """The identity of the file that stands there now. Raises OSError."""
    return _identity(path.stat())


def write_sections(
    file: BinaryIO,
    name: str,
    layout: Layout[About],
    about: About,
    columns: Iterable[tuple[str, NDArray[Any]]],
) -> None:
    """Write the bytes of a file of that name."""
    flat = [(label, opaque(np.ascontiguousarray(column)).reshape(-1)) for label, column in columns]
    sections = []
    offset = 0
    for label, column in flat:
        checksum = xxh3_128(column.view(np.uint8).data)
        checksum.update(_padding(column.nbytes))
        sections.append(_Section(label, offset, column.nbytes, checksum.hexdigest()))
        offset += _aligned(column.nbytes)
    header = msgspec.json.encode(_Header(name, msgspec.Raw(msgspec.json.encode(about)), sections))
    padded = header + _padding(len(header))
    checksum_of_header = xxh3_128(padded).digest()
    file.write(_START.pack(layout.magic, layout.format, len(header), checksum_of_header, bytes(32)) + padded)
    for _, column in flat:
        file.write(column.view(np.uint8).data)
        file.write(_padding(column.nbytes))


def open_sections(path: Path, layout: Layout[About]) -> Opened[About]:
    """Map a file and verify every byte of it.

    Raises FileNotFoundError where there is none, and `Damaged`, OSError or ValueError for anything but
    exactly what `write_sections` wrote under that name; `damaged` makes an `Unavailable` of those.
    """
    with path.open("rb") as file:
        identity = _identity(os.fstat(file.fileno()))
        mapped = mmap.mmap(file.fileno(), identity[2], access=mmap.ACCESS_READ)
    view = memoryview(mapped)
    if len(view) < _START.size:
        raise Damaged("it is too short")
    magic, version, length, checksum, zeros = _START.unpack_from(view)
    if (magic, version, zeros) != (layout.magic, layout.format, bytes(32)):
        raise Damaged("it has another format")
    start = _START.size + _aligned(length)
    if length > _MAX_HEADER or start > len(view):
        raise Damaged("its header is cut short")
    if xxh3_128(view[_START.size : start]).digest() != checksum:
        raise Damaged("its header has another checksum")
    # `MsgspecError` is a ValueError.
    header = msgspec.json.decode(view[_START.size : _START.size + length], type=_Header)
    if header.name != path.name:
        raise Damaged(f"it was written as {header.name}")
    about = msgspec.json.decode(header.about, type=layout.about)
    return Opened(about, _sections(header, layout.lengths(about), view[start:]), identity)


def damaged(path: Path, error: Exception) -> Unavailable:
    """The error of a registry whose file cannot be opened."""
    detail = f"The registry's index file {path.name} is damaged ({error}); it is being built anew."
    return Unavailable("index_damaged", detail)


def _sections(header: _Header, lengths: Iterable[tuple[str, int]], body: memoryview) -> dict[str, memoryview]:
    if [(section.name, section.length) for section in header.sections] != list(lengths):
        raise Damaged("its sections do not fit its tables")
    offset = 0
    found = {}
    for section in header.sections:
        end = offset + _aligned(section.length)
        if section.offset != offset:
            raise Damaged(f"{section.name} is not where it must be")
        if xxh3_128(body[offset:end]).hexdigest() != section.checksum:
            raise Damaged(f"{section.name} has another checksum")
        found[section.name] = body[offset : offset + section.length]
        offset = end
    if offset != len(body):
        raise Damaged("it does not end with its last section")
    return found


def _aligned(nbytes: int) -> int:
    return -(-nbytes // _ALIGNMENT) * _ALIGNMENT


def _padding(nbytes: int) -> bytes:
    return bytes(_aligned(nbytes) - nbytes)


def _identity(stat: os.stat_result) -> Identity:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
