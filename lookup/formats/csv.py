"""CSV uploads: rows keep their text as it is.

A row with too few or too many fields, or with bytes that are not UTF-8, is kept and fails by itself when it
is looked up.
"""

import csv
from collections.abc import Iterator
from itertools import dropwhile, repeat
from pathlib import Path
from typing import Final, TextIO

import pyarrow as pa

from holdout.errors import InvalidInput
from lookup.formats.marks import MALFORMED, blocks

MAX_LINE_CHARACTERS: Final = 1024 * 1024
MAX_CELLS: Final = 1_000_000
"""Of a piece: a short row has as many cells as the header."""


def columns(path: Path) -> tuple[list[str], set[str]]:
    """All column names; every one holds text. Raises `InvalidInput` (`upload_damaged`,
    `csv_line_too_long`).
    """
    with _opened_csv(path) as file:
        names = next(_csv_rows(file), [])
    if not names:
        raise InvalidInput("upload_damaged", "The CSV is empty; its first line must name the columns.")
    return names, set(names)


def pieces(path: Path, rows: int) -> Iterator[pa.Table]:
    with _opened_csv(path) as file:
        reader = _csv_rows(file)
        header = next(reader, [])
        cells = max(1, MAX_CELLS // max(1, len(header)))
        for block in blocks(reader, most=min(rows, cells), size=_size):
            # A line end inside a URL is a quote that swallowed rows, and URL parsers would drop it.
            ragged = [len(row) != len(header) or any(map(_swallows_rows, row)) for row in block]
            even = [(row + [""] * len(header))[: len(header)] for row in block]
            columns = [pa.array(map(_encode, values), pa.binary()) for values in zip(*even, strict=True)]
            yield pa.table([*columns, pa.array(ragged)], names=[*header, MALFORMED])


def _size(row: list[str]) -> int:
    return sum(map(len, row))


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
