"""Reading an upload as a stream of Arrow tables, and finding in it the columns to look up.

CSV rows keep their text as it is. A CSV row with too few or too many fields, or with bytes that are not
UTF-8, is kept and fails by itself when it is looked up.
"""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import dropwhile, islice, repeat
from pathlib import Path
from typing import Final, TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from holdout.errors import InvalidInput

MAX_LINE_CHARACTERS: Final = 1024 * 1024
MAX_NAME: Final = 200
BATCH_ROWS: Final = 4_096
MAX_PIECE_BYTES: Final = 256 * 1024**2
"""A piece has fewer rows when they are large."""
MAX_EXPANSION: Final = 100
LEAST_BUDGET: Final = 1024**3
"""A Parquet file may be 100 times as large inside as outside, and a gigabyte in any case."""
RAGGED: Final = "holdout_row_is_ragged"
"""Extra boolean column of a CSV piece: the row had another number of fields than the header."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns to look up; empty where there is none."""

    url: str
    sha256: str


def find_columns(path: Path, upload_format: str, *, url: str = "", sha256: str = "") -> Columns:
    """The columns that a caller named, or those called `url` and `sha256` in any case.

    Raises `InvalidInput`: `upload_damaged`, `csv_line_too_long`, `column_missing`, `column_twice`,
    `column_not_text`, `column_reserved`, `column_name_unusable`, `no_column_to_look_up`.
    """
    names, text = _schema(path, upload_format)
    columns = Columns(url=_find(names, url, "url"), sha256=_find(names, sha256, "sha256"))
    if not columns.url and not columns.sha256:
        raise InvalidInput(
            "no_column_to_look_up",
            "No column is called url or sha256. Name yours with ?url_column=... or ?sha256_column=...",
        )
    for name in (columns.url, columns.sha256):
        if name and name not in text:
            raise InvalidInput("column_not_text", f"The column {name!r} must hold text.")
    if reserved := [name for name in names if name.startswith("holdout_")]:
        raise InvalidInput("column_reserved", f"Rename {reserved[0]!r}: holdout_ columns are the answer's.")
    return columns


def _find(names: Sequence[str], wanted: str, usual: str) -> str:
    if wanted and wanted not in names:
        raise InvalidInput(
            "column_missing", f"There is no column {wanted!r}; there are {', '.join(names)[:300]}."
        )
    usually = [name for name in names if name.lower() == usual]
    if not wanted and len(usually) > 1:
        raise InvalidInput("column_twice", f"Say which of {', '.join(usually)} is meant: ?{usual}_column=...")
    return wanted or next(iter(usually), "")


def _schema(path: Path, upload_format: str) -> tuple[list[str], set[str]]:
    """All column names, and which of them hold text. Raises `InvalidInput` (`column_name_unusable`)."""
    if upload_format == "csv":
        with _opened_csv(path) as file:
            names = next(_csv_rows(file), [])
        text = set(names)
        if not names:
            raise InvalidInput("upload_damaged", "The CSV is empty; its first line must name the columns.")
    else:
        schema = _parquet_schema(path)
        names, text = schema.names, {field.name for field in schema if _is_text(field.type)}
    for name in names:
        if not _is_usable(name):
            raise InvalidInput(
                "column_name_unusable", f"A column name must be UTF-8 text of at most {MAX_NAME} characters."
            )
        if names.count(name) > 1:
            raise InvalidInput("column_twice", f"The column {name!r} stands twice in the header.")
    return names, text


def _is_usable(name: str) -> bool:
    return len(name) <= MAX_NAME and "\x00" not in name and not any("\ud800" <= c <= "\udfff" for c in name)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


@contextmanager
def _arrow_errors() -> Iterator[None]:
    """pyarrow's complaints about content as `upload_damaged`; an error of the disk stays what it is."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InvalidInput("upload_damaged", f"This is not a whole Parquet file: {error}.") from error


def _parquet_schema(path: Path) -> pa.Schema:
    with _arrow_errors():
        schema = pq.ParquetFile(path).schema_arrow
        schema.names  # noqa: B018 - raises UnicodeDecodeError for a name that is no UTF-8
        return schema


def pieces(path: Path, upload_format: str, *, rows: int) -> Iterator[pa.Table]:
    """The upload in order, in tables of at most `rows` rows.

    Raises `InvalidInput` (`upload_damaged`, `upload_expands_too_much`), also after some pieces.
    """
    return _csv_pieces(path, rows) if upload_format == "csv" else _parquet_pieces(path, rows)


def _parquet_pieces(path: Path, rows: int) -> Iterator[pa.Table]:
    """A few kilobytes of Parquet can stand for gigabytes: text stays in dictionaries until it is measured."""
    schema = _parquet_schema(path)
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


def _csv_pieces(path: Path, rows: int) -> Iterator[pa.Table]:
    with _opened_csv(path) as file:
        reader = _csv_rows(file)
        header = next(reader, [])
        while block := list(islice(reader, rows)):
            # A line end inside a URL is a quote that swallowed rows, and URL parsers would drop it.
            ragged = [len(row) != len(header) or any(map(_swallows_rows, row)) for row in block]
            even = [(row + [""] * len(header))[: len(header)] for row in block]
            columns = [pa.array(map(_encode, values), pa.binary()) for values in zip(*even, strict=True)]
            yield pa.table([*columns, pa.array(ragged)], names=[*header, RAGGED])


def _opened_csv(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _swallows_rows(cell: str) -> bool:
    return ("\n" in cell or "\r" in cell) and "://" in cell


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _csv_rows(file: TextIO) -> Iterator[list[str]]:
    """Rows; blank lines are rows too, except before the first and after the last.

    Raises `InvalidInput` (`csv_line_too_long`, `upload_damaged`).
    """
    csv.field_size_limit(MAX_LINE_CHARACTERS)
    try:
        blank = 0
        for row in dropwhile(lambda row: not row, csv.reader(_lines(file), strict=True)):
            if not row:
                blank += 1
                continue
            yield from repeat([], blank)
            blank = 0
            yield row
    except csv.Error as error:
        raise InvalidInput("upload_damaged", f"The CSV cannot be read: {error}.") from error


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(MAX_LINE_CHARACTERS):
        if len(line) == MAX_LINE_CHARACTERS and not line.endswith("\n"):
            raise InvalidInput(
                "csv_line_too_long", f"A line is longer than {MAX_LINE_CHARACTERS} characters."
            )
        yield line
