"""Reading an upload as a stream of Arrow tables, and finding in it the columns to look up.

CSV rows keep their text as it is. A CSV row with too few or too many fields, or with bytes that are not
UTF-8, is kept and fails by itself when it is looked up.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from holdout.errors import InvalidInput

MAX_LINE_CHARACTERS: Final = 1024 * 1024
MAX_ROW_GROUP_BYTES: Final = 4 * 1024**3
RAGGED: Final = "holdout_row_is_ragged"
"""Extra boolean column of a CSV piece: the row had another number of fields than the header."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns to look up; empty where there is none."""

    url: str
    sha256: str


def find_columns(path: Path, upload_format: str, *, url: str = "", sha256: str = "") -> Columns:
    """The columns that a caller named, or those called `url` and `sha256` in any case.

    Raises `InvalidInput`: `upload_damaged`, `column_missing`, `column_twice`, `column_not_text`,
    `no_column_to_look_up`, and what `open_csv` raises.
    """
    names, text = _schema(path, upload_format)
    columns = Columns(url=_find(names, url, "url"), sha256=_find(names, sha256, "sha256"))
    if not columns.url and not columns.sha256:
        raise InvalidInput(
            "no_column_to_look_up",
            "No column is called url or sha256. Name yours with ?url_column=... or ?sha256_column=...",
        )
    for name in (columns.url, columns.sha256):
        if name and names.count(name) > 1:
            raise InvalidInput("column_twice", f"The column {name!r} stands twice in the header.")
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
    return wanted or next((name for name in names if name.lower() == usual), "")


def _schema(path: Path, upload_format: str) -> tuple[list[str], set[str]]:
    """All column names, and which of them hold text."""
    if upload_format == "csv":
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            header = next(_csv_rows(file), None)
        if not header:
            raise InvalidInput("upload_damaged", "The CSV is empty; its first line must name the columns.")
        return header, set(header)
    schema = open_parquet(path).schema_arrow
    return schema.names, {
        f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)
    }


def open_parquet(path: Path) -> pq.ParquetFile:
    """The file, its footer read. Raises `InvalidInput` (`upload_damaged`, `row_group_too_large`)."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput("upload_damaged", f"This is not a whole Parquet file: {error}.") from error
    for i in range(file.metadata.num_row_groups):
        if file.metadata.row_group(i).total_byte_size > MAX_ROW_GROUP_BYTES:
            raise InvalidInput("row_group_too_large", "Write the Parquet with row groups of at most 1M rows.")
    return file


def pieces(path: Path, upload_format: str, *, rows: int) -> Iterator[pa.Table]:
    """The upload in order, in tables of at most `rows` rows. Raises `InvalidInput` (`upload_damaged`)."""
    return _csv_pieces(path, rows) if upload_format == "csv" else _parquet_pieces(path, rows)


def _parquet_pieces(path: Path, rows: int) -> Iterator[pa.Table]:
    try:
        for batch in open_parquet(path).iter_batches(batch_size=rows):
            yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput("upload_damaged", f"The Parquet file is damaged inside: {error}.") from error


def _csv_pieces(path: Path, rows: int) -> Iterator[pa.Table]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = _csv_rows(file)
        header = next(reader, [])
        while block := list(islice(reader, rows)):
            ragged = [len(row) != len(header) for row in block]
            even = [(row + [""] * len(header))[: len(header)] for row in block]
            columns = [pa.array(map(_encode, values), pa.binary()) for values in zip(*even, strict=True)]
            yield pa.table([*columns, pa.array(ragged)], names=[*header, RAGGED])


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _csv_rows(file: TextIO) -> Iterator[list[str]]:
    """Rows without the empty ones. Raises `InvalidInput` (`csv_line_too_long`, `upload_damaged`)."""
    csv.field_size_limit(MAX_LINE_CHARACTERS)
    try:
        yield from filter(None, csv.reader(_lines(file), strict=False))
    except csv.Error as error:
        raise InvalidInput("upload_damaged", f"The CSV cannot be read: {error}.") from error


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(MAX_LINE_CHARACTERS):
        if len(line) == MAX_LINE_CHARACTERS and not line.endswith("\n"):
            raise InvalidInput(
                "csv_line_too_long", f"A line is longer than {MAX_LINE_CHARACTERS} characters."
            )
        yield line
