"""What a worker does at a time: about a million rows of a Parquet file, 64 MiB of lines, or a whole file.

Parquet is cut at its row groups and plain lines at line ends, so that one large file keeps all workers busy
and is taken up again in its middle. CSV and what is compressed can only be read from the beginning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from holdout.errors import InvalidInput
from holdout.screening.inputs import Format, Input, format_unknown

UNIT_ROWS: Final = 1_048_576
UNIT_BYTES: Final = 64 * 1024 * 1024
MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""Of a line, or of a row of CSV. A longer one is damage, and nothing reads it whole."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of an input, from `start` to `end` (exclusive): row groups of Parquet, bytes of others."""

    input: Input
    number: int
    start: int
    end: int
    first_row: int
    rows: int | None
    """Known for Parquet, and for lines on this machine."""
    weight: int
    """Its share of the input's bytes."""

    @property
    def id(self) -> str:
        return f"{self.input.id}-{self.number:05}"


def units_of(given: Input) -> list[Unit]:
    """The units of a file, in order; one at least.

    Raises `InvalidInput` (`input_damaged`, `input_format_unknown`), and OSError.
    """
    if given.format is None:
        raise format_unknown(given.url)
    if given.format is Format.PARQUET:
        return list(_parquet_units(given))
    if given.is_local and not given.compression and given.format in (Format.TEXT, Format.NDJSON):
        return list(_line_units(given))
    return [Unit(given, 0, 0, given.size, 0, None, given.size)]


def damaged(given: Input, why: object) -> InvalidInput:
    return InvalidInput("input_damaged", f"{given.url} cannot be read to its end: {why}")


def line_too_long(given: Input) -> InvalidInput:
    return damaged(given, f"a line is longer than {MAX_LINE_BYTES} bytes")


def unreadable(given: Input, error: OSError) -> InvalidInput:
    return InvalidInput("input_unreadable", f"{given.url}: {error}")


def _parquet_units(given: Input) -> Iterator[Unit]:
    with given.open() as file:
        try:
            metadata = pq.ParquetFile(file).metadata
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise damaged(given, error) from error
    rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    total = max(1, sum(rows))
    start = first_row = number = 0
    while start < len(rows) or number == 0:
        end, here = start, 0
        while end < len(rows) and (end == start or here + rows[end] <= UNIT_ROWS):
            here += rows[end]
            end += 1
        yield Unit(given, number, start, end, first_row, here, given.size * here // total)
        start, first_row, number = max(end, 1), first_row + here, number + 1


def _line_units(given: Input) -> Iterator[Unit]:
    """Counts line ends on the way, so that every row has its number in the file."""
    start = first_row = number = 0
    with given.open() as file:
        while block := file.read(UNIT_BYTES):
            if block[-1:] != b"\n":
                rest = file.readline(MAX_LINE_BYTES + 1)
                if len(rest) > MAX_LINE_BYTES:
                    raise line_too_long(given)
                block += rest
            rows = block.count(b"\n") + (block[-1:] != b"\n")
            yield Unit(given, number, start, start + len(block), first_row, rows, len(block))
            start, first_row, number = start + len(block), first_row + rows, number + 1
    if not number:
        yield Unit(given, 0, 0, 0, 0, 0, 0)
