"""A decoded state in a file that all processes of a machine map, instead of a copy in each.

It is made from signed files and is not signed itself. So only a file that belongs to this user, and that
nobody else can write to, is used; with any other, and with a damaged one, the snapshot is decoded again.
"""

import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128

from holdout.index.kernels import frozen
from holdout.index.table import bucket_length, sieve_length
from holdout.snapshot.search import Searchable

_HEAD: Final = struct.Struct("<8s32sQ16s")  # magic, digest of the state, entries, XXH3-128 of what follows
_MAGIC: Final = b"HOCACHE1"
_WRITABLE_BY_OTHERS: Final = 0o022
_STALE_SECONDS: Final = 3600
"""Writing takes seconds: whoever began a file so long ago was killed."""


def cached(folder: Path, digest: bytes) -> Searchable | None:
    """The state with that digest, mapped; None where there is no file that can be used."""
    try:
        with _path(folder, digest).open("rb") as file:
            stat = os.fstat(file.fileno())
            if stat.st_uid != os.geteuid() or stat.st_mode & _WRITABLE_BY_OTHERS:
                return None
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        return None
    return _searchable(mapped, digest)


def keep(folder: Path, digest: bytes, state: Searchable) -> None:
    """Keep a state for the next process, and no other state; where that is not possible, nothing is lost."""
    columns = [column.tobytes() for column in (state.prefix, state.sieve, state.bucket, state.code)]
    checksum = xxh3_128()
    for column in columns:
        checksum.update(column)
    path = _path(folder, digest)
    with suppress(OSError):
        # Several processes may come here together: each writes a file of its own, readable by this user
        # alone.
        with NamedTemporaryFile(dir=folder, suffix=".decoding", delete=False) as file:
            try:
                file.write(_HEAD.pack(_MAGIC, digest, len(state.prefix), checksum.digest()))
                for column in columns:
                    file.write(column)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        for other in folder.glob("*.decoded"):
            if other != path:
                other.unlink(missing_ok=True)  # who has it mapped keeps it
        for begun in folder.glob("*.decoding"):
            if time.time() - begun.stat().st_mtime > _STALE_SECONDS:
                begun.unlink(missing_ok=True)


def _path(folder: Path, digest: bytes) -> Path:
    return folder / f"{digest.hex()[:32]}.decoded"


def _searchable(mapped: memoryview, digest: bytes) -> Searchable | None:
    if len(mapped) < _HEAD.size:
        return None
    magic, stored, entries, checksum = _HEAD.unpack(mapped[: _HEAD.size])
    body = mapped[_HEAD.size :]
    columns: list[tuple[int, type[np.generic]]] = [
        (entries, np.uint64),
        (sieve_length(entries), np.uint64),
        (bucket_length(entries), np.uint32),
        (entries, np.uint8),
    ]
    whole = sum(length * np.dtype(kind).itemsize for length, kind in columns)
    if magic != _MAGIC or stored != digest or len(body) != whole or xxh3_128(body).digest() != checksum:
        return None
    return Searchable(*_cut(body, columns))


def _cut(body: memoryview, columns: list[tuple[int, type[np.generic]]]) -> Iterator[NDArray[Any]]:
    offset = 0
    for length, kind in columns:
        column = np.frombuffer(body, dtype=kind, count=length, offset=offset)
        yield frozen(column)
        offset += column.nbytes
