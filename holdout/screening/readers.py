"""The rows of a unit, in batches: their own columns, what is asked about each, and what is wrong with some.

No row is left out. One that cannot be read is an error of its own; an input that cannot be read to its end
raises `InvalidInput` (`input_damaged`).
"""

import codecs
import csv
import gzip
import io
import lzma
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Final, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from holdout.errors import InvalidInput
from holdout.questions import Questions, one_array, questions
from holdout.screening.inputs import Format, format_unknown
from holdout.screening.streams import OPENERS
from holdout.screening.units import MAX_LINE_BYTES, Unit, damaged, line_too_long, unreadable

BATCH_ROWS: Final = 65_536
BATCH_BYTES: Final = 256 * 1024 * 1024
"""A batch has fewer rows when they are large."""
_CSV_PART: Final = 2_048
_BLOCK_BYTES: Final = 8 * 1024 * 1024
_CELL_BYTES: Final = 8
"""What a cell takes at least, also an empty one."""

ROW_MALFORMED: Final = "row_malformed"
QUERY_MALFORMED: Final = "query_malformed"
KEYS: Final = ("url", "sha256", "page_url")
RESERVED: Final = "holdout_"
"""Beginning of the names of the answer's columns."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns to look up: as named, or (None) those called as these fields, in any case."""

    url: str | None = None
    sha256: str | None = None
    page_url: str | None = None
    """The page on which the picture was found."""

    def named(self) -> dict[str, str]:
        """Those that were named; a column named for one key is not found as another."""
        return {key: name for key in KEYS if (name := getattr(self, key)) is not None}


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows of one input."""

    first_row: int
    """Of the input, from 0."""
    row_group: int | None
    columns: pa.Table
    """As they stand in the input, or (`only_keys`) just those to look up."""
    asked: Questions
    keys: Mapping[str, pa.Array] = field(default_factory=dict)
    """The cells of `KEYS` as they stand, for a hit to carry."""
    read: int = 0
    """Bytes of the input read so far, where that is known."""


def batches(unit: Unit, columns: Columns, *, only_keys: bool = False) -> Iterator[Batch]:
    """The rows of `unit`, in order.

    Raises `InvalidInput`: `input_damaged`, `input_unreadable`, `input_format_unknown`, `column_missing`,
    `column_twice`, `column_not_text`, `column_reserved`, `no_column_to_look_up`.
    """
    if unit.input.format is None:
        raise format_unknown(unit.input.url)
    read = {
        Format.PARQUET: _parquet,
        Format.CSV: _csv,
        Format.NDJSON: _ndjson,
        Format.TEXT: _text,
    }[unit.input.format]
    try:
        yield from read(unit, columns, only_keys)
    except OSError as error:
        raise unreadable(unit.input, error) from error


def find_columns(names: Sequence[str], columns: Columns) -> dict[str, str]:
    """Which of the columns `names` hold which of the `KEYS`."""
    named = columns.named().values()
    free = [name for name in names if name not in named]
    found = {key: name for key in KEYS if (name := _find(names, free, getattr(columns, key), key))}
    if not found:
        raise InvalidInput(
            "no_column_to_look_up",
            f"No column is called {', '.join(KEYS[:-1])} or {KEYS[-1]}; there are {', '.join(names)[:300]}."
            " Name yours, with --url-column for example.",
        )
    if reserved := next((name for name in names if name.startswith(RESERVED)), None):
        raise InvalidInput("column_reserved", f"Rename {reserved!r}: {RESERVED} columns are the answer's.")
    return found


def _find(names: Sequence[str], free: Sequence[str], wanted: str | None, usual: str) -> str:
    if wanted is not None:
        if wanted not in names:
            raise InvalidInput(
                "column_missing", f"There is no column {wanted!r}; there are {', '.join(names)[:300]}."
            )
        return wanted
    usually = [name for name in free if name.lower() == usual]
    if len(usually) > 1:
        option = f"--{usual.replace('_', '-')}-column"
        raise InvalidInput("column_twice", f"Say which of {', '.join(usually)} is meant: {option}.")
    return next(iter(usually), "")


def _parquet(unit: Unit, columns: Columns, only_keys: bool) -> Iterator[Batch]:
    with unit.input.open() as file, _arrow_errors(unit):
        parquet = pq.ParquetFile(file, pre_buffer=not unit.input.is_local)
        schema = parquet.schema_arrow
        found = find_columns(schema.names, columns)
        wanted = list(found.values())
        for name in wanted:
            _require_text(schema.field(name))
        first_row = unit.first_row
        for group in range(unit.start, unit.end):
            size = _rows_at_once(parquet.metadata.row_group(group))
            rows = 0
            for part in parquet.iter_batches(
                size, row_groups=[group], columns=wanted if only_keys else None, use_threads=False
            ):
                yield _arrow_batch(pa.Table.from_batches([part]), found, first_row + rows, group)
                rows += part.num_rows
            if rows != parquet.metadata.row_group(group).num_rows:
                raise damaged(unit.input, f"row group {group} has another number of rows than it says")
            first_row += rows


def _rows_at_once(group: Any) -> int:
    affordable = BATCH_BYTES * int(group.num_rows) // max(1, int(group.total_byte_size))
    return max(1, min(BATCH_ROWS, affordable))


def _require_text(column: pa.Field) -> None:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    tests = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_fixed_size_binary,
    )
    if not any(test(kind) for test in tests):
        raise InvalidInput("column_not_text", f"The column {column.name!r} must hold text, not {kind}.")


def _arrow_batch(table: pa.Table, found: Mapping[str, str], first_row: int, group: int) -> Batch:
    keys = {key: one_array(table[column]) for key, column in found.items()}
    return Batch(first_row, group, table, _questions(keys), keys)


def _questions(keys: Mapping[str, pa.Array], errors: Mapping[int, str] | None = None) -> Questions:
    return questions(
        urls=keys.get("url"), sha256=keys.get("sha256"), pages=keys.get("page_url"), errors=errors
    )


def _text(unit: Unit, columns: Columns, only_keys: bool) -> Iterator[Batch]:
    del columns, only_keys  # a line has nothing but its URL
    for block in _lines(unit):
        urls = pa.array(block.lines, pa.large_binary())
        yield _listed_batch(block, {"url": urls}, questions(urls=urls), {"url": urls})


def _ndjson(unit: Unit, columns: Columns, only_keys: bool) -> Iterator[Batch]:
    named = columns.named()
    names = {**{key: key for key in KEYS if key not in named and key not in named.values()}, **named}
    fields = {name: f"field_{number}" for number, name in enumerate(dict.fromkeys(names.values()))}
    row_of_keys = msgspec.defstruct(
        "RowOfKeys",
        [(attribute, str | None, None) for attribute in fields.values()],
        rename={attribute: name for name, attribute in fields.items()},
    )
    decoder = msgspec.json.Decoder(row_of_keys)
    for block in _lines(unit):
        said, errors = _decoded(block.lines, decoder, row_of_keys())
        keys: dict[str, pa.Array] = {
            key: pa.array([getattr(row, fields[names[key]]) for row in said], pa.large_string())
            for key in KEYS
            if key in names
        }
        shown = keys if only_keys else {**keys, "line": pa.array(block.lines, pa.large_binary())}
        yield _listed_batch(block, shown, _questions(keys, errors), keys)


def _decoded(
    lines: list[bytes], decoder: msgspec.json.Decoder[Any], nothing: Any
) -> tuple[list[Any], dict[int, str]]:
    """A row for each line, `nothing` where the line is no object whose keys hold text; and those lines.

    One by one: all at once, two objects on a line and a blank line would shift the rows between them.
    """
    said: list[Any] = []
    errors: dict[int, str] = {}
    for number, line in enumerate(lines):
        try:
            said.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said.append(nothing)
            errors[number] = QUERY_MALFORMED
    return said, errors


@dataclass(frozen=True, slots=True)
class _Block:
    lines: list[bytes]
    first_row: int
    read: int


def _listed_batch(
    block: _Block, shown: Mapping[str, pa.Array], asked: Questions, keys: Mapping[str, pa.Array]
) -> Batch:
    return Batch(block.first_row, None, pa.table(_readable(shown)), asked, _readable(keys), block.read)


def _readable(columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Bytes as text; what is no UTF-8 in them becomes U+FFFD."""
    return {name: _as_text(column) for name, column in columns.items()}


def _as_text(column: pa.Array) -> pa.Array:
    if not pa.types.is_large_binary(column.type):
        return column
    try:
        return column.cast(pa.large_string())
    except pa.ArrowInvalid:
        cells = [None if c is None else c.decode("utf-8", "replace") for c in column.to_pylist()]
        return pa.array(cells, pa.large_string())


def _lines(unit: Unit) -> Iterator[_Block]:
    """Lines end with a line feed, or a carriage return and one; one at the very end begins no other line."""
    row, rest, at_start = unit.first_row, b"", unit.start == 0
    with _opened(unit) as (file, position), _stream_errors(unit):
        left = None if unit.input.compression else unit.end - unit.start
        while block := file.read(_BLOCK_BYTES if left is None else min(_BLOCK_BYTES, left)):
            left = None if left is None else left - len(block)
            if at_start:
                block, at_start = block.removeprefix(codecs.BOM_UTF8), False
            whole, newline, rest = (rest + block).rpartition(b"\n")
            if newline:
                yield from _cut(whole, row, position())
                row += whole.count(b"\n") + 1
            if len(rest) > MAX_LINE_BYTES:
                raise line_too_long(unit.input)
        if left:
            raise damaged(unit.input, f"{left} bytes are missing")
    if rest:
        yield from _cut(rest, row, unit.end - unit.start)


def _cut(text: bytes, row: int, read: int) -> Iterator[_Block]:
    lines = text.replace(b"\r\n", b"\n").removesuffix(b"\r").split(b"\n")
    for start in range(0, len(lines), BATCH_ROWS):
        yield _Block(lines[start : start + BATCH_ROWS], row + start, read)


@contextmanager
def _opened(unit: Unit) -> Iterator[tuple[Any, Callable[[], int]]]:
    """The unit's bytes, decompressed, and how many of the stored ones have been read."""
    with unit.input.open() as stored:
        stored.seek(unit.start)
        if unit.input.compression is None:
            yield stored, lambda: stored.tell() - unit.start
        else:
            with cast(AbstractContextManager[Any], OPENERS[unit.input.compression](stored)) as file:
                yield file, stored.tell


def _csv(unit: Unit, columns: Columns, only_keys: bool) -> Iterator[Batch]:
    """Cells are text. A row with too few or too many fields, or with no UTF-8 in its URL, fails by itself."""
    with _opened(unit) as (file, position), _stream_errors(unit):
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        lines = _CsvLines(unit, text)
        rows = _csv_rows(csv.reader(lines, strict=True), lines)
        header = next(rows, [])
        for name, times in Counter(header).items():
            if times > 1:
                raise InvalidInput("column_twice", f"The column {name!r} stands twice in the header.")
        found = find_columns(header, columns)
        first_row = 0
        while (block := _csv_block(rows, lines, len(header))).rows:
            yield _csv_batch(block, header, found, first_row, position(), only_keys)
            first_row += block.rows
        text.detach()


class _CsvLines:
    """Lines for the parser, and how much was read: it would gather a line or a row of any length."""

    def __init__(self, unit: Unit, text: io.TextIOWrapper) -> None:
        self._input, self._text = unit.input, text
        self.read = 0
        """Characters so far."""
        self.row_start = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(MAX_LINE_BYTES + 1):
            self.read += len(line)
            if self.read - self.row_start > MAX_LINE_BYTES:
                raise line_too_long(self._input)
            yield line


@dataclass(slots=True)
class _CsvBlock:
    columns: list[list[str]]
    rows: int = 0
    errors: dict[int, str] = field(default_factory=dict)


def _csv_block(rows: Iterator[list[str]], lines: _CsvLines, width: int) -> _CsvBlock:
    """Cells by column, from rows in small parts: the collector of garbage would look through large ones."""
    block = _CsvBlock([[] for _ in range(width)])
    most_rows = max(1, min(BATCH_ROWS, BATCH_BYTES // (_CELL_BYTES * max(1, width))))
    end = lines.read + BATCH_BYTES
    while block.rows < most_rows and lines.read < end:
        part = _csv_part(rows, lines, width, min(_CSV_PART, most_rows - block.rows), end)
        if not part:
            break
        for number, row in enumerate(part):
            if len(row) != width:
                block.errors[block.rows + number] = ROW_MALFORMED
                part[number] = (row + [""] * width)[:width]
        for column, cells in zip(block.columns, zip(*part, strict=True), strict=True):
            column.extend(cells)
        block.rows += len(part)
    for column in block.columns:
        _mark_swallowed_rows(column, block.errors)
    return block


def _csv_part(
    rows: Iterator[list[str]], lines: _CsvLines, width: int, most: int, end: int
) -> list[list[str]]:
    part = []
    for row in rows:
        part.append(row if len(row) <= width else row[: width + 1])  # a line of commas is a great many
        if len(part) == most or lines.read >= end:
            break
    return part


def _mark_swallowed_rows(column: list[str], errors: dict[int, str]) -> None:
    """A line end inside a URL is a quote that swallowed rows, and URL parsers would drop it."""
    together = "".join(column)
    if "\n" in together or "\r" in together:
        for number, cell in enumerate(column):
            if "://" in cell and ("\n" in cell or "\r" in cell):
                errors[number] = ROW_MALFORMED


def _csv_batch(
    block: _CsvBlock, header: list[str], found: Mapping[str, str], first_row: int, read: int, only_keys: bool
) -> Batch:
    cells = dict(zip(header, block.columns, strict=True))
    keys = {key: _encoded(cells[column]) for key, column in found.items()}
    readable = _readable(keys)
    # A digest is asked about as text: 32 bytes of it are 32 characters, not a digest.
    asked = _questions({**keys, **{key: readable[key] for key in ("sha256",) if key in keys}}, block.errors)
    if only_keys:
        return Batch(first_row, None, pa.table(readable), asked, readable, read)
    shown = _readable({name: _encoded(column) for name, column in cells.items()})
    return Batch(first_row, None, pa.table(shown), asked, readable, read)


def _encoded(cells: Sequence[str]) -> pa.Array:
    try:
        return pa.array(cells, pa.large_string()).cast(pa.large_binary())
    except UnicodeEncodeError:
        return pa.array([cell.encode("utf-8", "surrogateescape") for cell in cells], pa.large_binary())


def _csv_rows(reader: Iterable[list[str]], lines: _CsvLines) -> Iterator[list[str]]:
    """Rows; blank lines are rows too, except before the first and after the last."""
    csv.field_size_limit(MAX_LINE_BYTES)
    blank, begun = 0, False
    for row in reader:
        lines.row_start = lines.read
        if not row:
            blank += begun
            continue
        begun = True
        yield from repeat([], blank)
        blank = 0
        yield row


@contextmanager
def _stream_errors(unit: Unit) -> Iterator[None]:
    """Complaints about content as `input_damaged`; an error of the disk or the network stays what it is."""
    try:
        yield
    except (csv.Error, EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise damaged(unit.input, error) from error
    except OSError as error:
        if error.errno is None:
            raise damaged(unit.input, error) from error
        raise


@contextmanager
def _arrow_errors(unit: Unit) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise damaged(unit.input, error) from error
    except OSError as error:
        if error.errno is None:  # pyarrow's "corrupt" is an OSError without a number
            raise damaged(unit.input, error) from error
        raise
