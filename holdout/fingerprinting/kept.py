"""Rows on disk, of earlier runs and of this one, until all are there and become one file.

New rows go into parts (`.FILE.parts/0000001.parquet`), each written whole. A file that has not changed since
one of them, or since the finished file, was written is not looked at again.
"""

import fcntl
import shutil
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from xxhash import xxh3_64_intdigest

from holdout.durable import replacing_file
from holdout.errors import Conflict
from holdout.fingerprinting.table import GROUP_BYTES, GROUP_ROWS, Run, clipped, is_of, writer
from holdout.fingerprinting.walk import Found
from holdout.fingerprints.refusals import REFUSALS

_ROW_BITS: Final = 16
_LASTING: Final = (None, *(code for code in REFUSALS if code != "picture_took_too_long"))
"""What another look would find again. The rest may have been the moment's fault."""
_OPEN_FILES: Final = 8
_OPEN_BLOCKS: Final = 4


class Kept:
    """Rows by the file that they are of. A place is where a row stands: a block (a row group) and a row."""

    def __init__(self, out: Path, run: Run, *, again: bool) -> None:
        self._out, self._run = out, run
        self._folder = parts_folder(out)
        self._blocks: list[tuple[Path, int]] = []
        self._waiting: list[dict[str, Any]] = []
        self._waiting_bytes = 0
        parts = sorted(self._folder.glob("*.parquet"))
        self._next_part = 1 + max((int(p.stem) for p in parts if p.stem.isdecimal()), default=0)
        keys, places, errors = array("Q"), array("Q"), array("B")
        for path in [out, *parts]:
            if not again and is_of(path, run):
                self._learn(path, keys, places, errors)
            elif path != out:
                path.unlink(missing_ok=True)
        order = np.argsort(np.array(keys, np.uint64), kind="stable")
        self._keys = np.array(keys, np.uint64)[order]
        self._places = np.array(places, np.uint64)[order]
        self._errors = np.array(errors, np.uint8)[order]
        # By their paths: what is read again is closed again.
        self._file = lru_cache(_OPEN_FILES)(pq.ParquetFile)
        self._block = lru_cache(_OPEN_BLOCKS)(self._read_block)

    def find(self, found: Found) -> tuple[int, str | None] | None:
        """The place of an earlier row of this very file, and its error."""
        if found.size is None or found.modified_ns is None:
            return None
        key = np.uint64(_key(found.name, found.size, clipped(found.modified_ns)))
        at = int(np.searchsorted(self._keys, key))
        if at == len(self._keys) or self._keys[at] != key:
            return None
        return int(self._places[at]), _LASTING[self._errors[at]]

    def add(self, row: dict[str, Any]) -> int:
        """Keep a new row; it is on disk after `flush`, which comes by itself now and then."""
        place = len(self._blocks) << _ROW_BITS | len(self._waiting)
        self._waiting.append(row)
        self._waiting_bytes += len(row.get("fingerprints") or b"")
        if len(self._waiting) >= GROUP_ROWS or self._waiting_bytes >= GROUP_BYTES:
            self.flush()
        return place

    def flush(self) -> None:
        """Write what is not written. Raises `Unavailable` as `replacing_file` does."""
        if not self._waiting:
            return
        path = self._folder / f"{self._next_part:07d}.parquet"
        table = pa.Table.from_pylist(self._waiting, self._run.schema)
        with replacing_file(path) as file, writer(file, self._run.schema) as into:
            into.write_table(table)
        self._next_part += 1
        self._blocks.append((path, 0))
        self._waiting, self._waiting_bytes = [], 0

    def finish(self, places: "array[int]") -> None:
        """Write the rows at these places, in this order, as the finished file, and forget the parts."""
        self.flush()
        with replacing_file(self._out) as file, writer(file, self._run.schema) as into:
            for table in self._groups(places):
                into.write_table(table)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _learn(self, path: Path, keys: "array[int]", places: "array[int]", errors: "array[int]") -> None:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                start = len(self._blocks) << _ROW_BITS
                self._blocks.append((path, group))
                said = file.read_row_group(group, columns=["path", "size", "modified_ns", "error"])
                for number, (name, size, modified, error) in enumerate(
                    zip(*(column.to_pylist() for column in said.columns), strict=True)
                ):
                    if error in _LASTING and size is not None and modified is not None:
                        keys.append(_key(name, size, modified))
                        places.append(start | number)
                        errors.append(_LASTING.index(error))

    def _groups(self, places: "array[int]") -> Iterator[pa.Table]:
        """Tables of the size of a row group."""
        waiting: list[pa.Table] = []
        rows = size = 0
        for table in self._slices(places):
            for start in range(0, len(table), GROUP_ROWS):
                part = table.slice(start, GROUP_ROWS)
                if waiting and (rows + len(part) > GROUP_ROWS or size + part.nbytes > GROUP_BYTES):
                    yield pa.concat_tables(waiting).combine_chunks()
                    waiting, rows, size = [], 0, 0
                waiting.append(part)
                rows, size = rows + len(part), size + part.nbytes
        if waiting:
            yield pa.concat_tables(waiting).combine_chunks()

    def _slices(self, places: "array[int]") -> Iterator[pa.Table]:
        """Rows that stand beside each other at a time. The last row of a block has none beside it: the next
        place is another block's first.
        """
        begin = 0
        for at, (here, beside) in enumerate(pairwise(places), 1):
            if beside != here + 1:
                yield self._slice(places[begin], at - begin)
                begin = at
        if len(places):
            yield self._slice(places[begin], len(places) - begin)

    def _slice(self, place: int, rows: int) -> pa.Table:
        block: pa.Table = self._block(place >> _ROW_BITS)
        return block.slice(place & ((1 << _ROW_BITS) - 1), rows)

    def _read_block(self, number: int) -> pa.Table:
        path, group = self._blocks[number]
        return self._file(path).read_row_group(group).replace_schema_metadata(self._run.schema.metadata)


def _key(name: str, size: int, modified_ns: int) -> int:
    """64 bits: ten million files against ten million others meet by chance once in 200,000 runs."""
    return xxh3_64_intdigest(f"{size} {modified_ns} {name}".encode())


def parts_folder(out: Path) -> Path:
    """Hidden, so that a run over its folder does not walk it."""
    return out.with_name(f".{out.name}.parts")


@contextmanager
def held(out: Path) -> Iterator[None]:
    """One run at a time writes a file. Raises `Conflict` (`out_in_use`)."""
    folder = parts_folder(out)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("out_in_use", f"Another run writes {out}; wait for its end.") from error
        try:
            yield
        finally:
            if not any(folder.glob("*.parquet")):
                shutil.rmtree(folder, ignore_errors=True)
