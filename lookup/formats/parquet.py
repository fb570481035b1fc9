"""Parquet uploads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from holdout.errors import InvalidInput

BATCH_ROWS: Final = 4_096
MAX_PIECE_BYTES: Final = 256 * 1024**2
"""A piece has fewer rows when they are large."""
MAX_ROW_GROUP_BYTES: Final = 512 * 1024**2
MAX_EXPANSION: Final = 100
LEAST_BUDGET: Final = 1024**3
"""A file may be 100 times as large inside as outside, and a gigabyte in any case."""


def columns(path: Path) -> tuple[list[str], set[str]]:
    """All column names, and which of them hold text. Raises `InvalidInput` (`upload_damaged`,
    `row_group_too_large`).
    """
    schema = _schema(path)
    with _arrow_errors():
        written = pq.read_metadata(path)
        groups = map(written.row_group, range(written.num_row_groups))
        largest = max((group.total_byte_size for group in groups), default=0)
    if largest > MAX_ROW_GROUP_BYTES:  # it is read whole
        raise InvalidInput(
            "row_group_too_large",
            f"Write the file with smaller row groups, of at most {MAX_ROW_GROUP_BYTES // 1024**2} MiB.",
        )
    return schema.names, {field.name for field in schema if _is_text(field.type)}


def octets(path: Path) -> set[str]:
    """The names of the columns that hold bytes. Raises `InvalidInput` (`upload_damaged`)."""
    return {field.name for field in _schema(path) if is_octets(field.type)}


def is_octets(kind: pa.DataType) -> bool:
    """Whether a column holds bytes, and no text."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def pieces(path: Path, rows: int) -> Iterator[pa.Table]:
    """A few kilobytes of Parquet can stand for gigabytes: text stays in dictionaries until it is measured."""
    schema = _schema(path)
    budget = max(LEAST_BUDGET, MAX_EXPANSION * path.stat().st_size)
    waiting: list[pa.Table] = []
    waiting_bytes = 0
    with _arrow_errors():
        text = [field.name for field in schema if _is_text(field.type) or pa.types.is_binary(field.type)]
        file = pq.ParquetFile(path, read_dictionary=text)
        for batch in file.iter_batches(batch_size=min(rows, BATCH_ROWS)):
            size = sum(map(_expanded_bytes, batch.columns))
            budget -= size
            if budget < 0 or size > MAX_PIECE_BYTES:
                raise InvalidInput(
                    "upload_expands_too_much", "The file is far larger inside than outside; write it again."
                )
            if waiting and (
                sum(map(len, waiting)) + len(batch) > rows or waiting_bytes + size > MAX_PIECE_BYTES
            ):
                yield pa.concat_tables(waiting)
                waiting, waiting_bytes = [], 0
            waiting.append(pa.Table.from_batches([batch]).cast(schema))
            waiting_bytes += size
        if waiting:
            yield pa.concat_tables(waiting)


def _expanded_bytes(column: pa.Array) -> int:
    """What a column takes once its dictionary, if it has one, is written out."""
    if not isinstance(column, pa.DictionaryArray):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return int(pc.sum(lengths, min_count=0).as_py() or 0)


@contextmanager
def _arrow_errors() -> Iterator[None]:
    """pyarrow's complaints about content as `upload_damaged`; an error of the disk stays what it is."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InvalidInput("upload_damaged", f"This is not a whole Parquet file: {error}.") from error


def _schema(path: Path) -> pa.Schema:
    with _arrow_errors():
        schema = pq.ParquetFile(path).schema_arrow
        schema.names  # noqa: B018 - raises UnicodeDecodeError for a name that is no UTF-8
        return schema


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
