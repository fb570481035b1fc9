"""Uploads that are lines: a URL a line, or a JSON object a line.

Every line is a row, also a blank one; what is wrong with one fails that one when it is looked up.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdout.errors import InvalidInput
from lookup.formats.marks import MALFORMED, MAX_COLUMNS, blocks, too_many_columns

MAX_LINE_BYTES: Final = 1024 * 1024
LINE: Final = "line"
"""The column that keeps a JSON line as it came."""
_LOOKED_AT: Final = 1_000
_BYTES_AT_ONCE: Final = 8 * 1024 * 1024


def url_pieces(path: Path, rows: int) -> Iterator[pa.Table]:
    """A text upload, in tables of at most `rows` rows with one column, `url`."""
    with path.open("rb") as file:
        for lines in _pieces_of_lines(file, rows):
            yield pa.table({"url": lines, MALFORMED: pa.array(np.zeros(len(lines), dtype=np.bool_))})


def json_columns(path: Path) -> tuple[list[str], set[str]]:
    """The names that stand in the first objects. Raises `InvalidInput` (`upload_damaged`)."""
    names: dict[str, None] = {}
    with path.open("rb") as file:
        for line in islice(_lines(file), _LOOKED_AT):
            names.update(dict.fromkeys(_object(line) or ()))
            if len(names) > MAX_COLUMNS:
                raise too_many_columns()
    if not names:
        raise InvalidInput("upload_damaged", "No line is a JSON object; send one a line.")
    return list(names), set(names)


def json_pieces(path: Path, rows: int, names: list[str]) -> Iterator[pa.Table]:
    """An NDJSON upload, in tables of at most `rows` rows: the line as it came, and its values of `names`.

    A line that is no object, or in which one of these is neither a string nor null, is malformed.
    """
    with path.open("rb") as file:
        lines = _lines(file)
        for block in blocks(lines, most=rows, size=len):
            values = [_values(line, names) for line in block]
            columns = {
                name: pa.array([v and v[i] for v in values], pa.binary()) for i, name in enumerate(names)
            }
            malformed = pa.array([v is None for v in values])
            yield pa.table({LINE: pa.array(block, pa.binary()), **columns, MALFORMED: malformed})


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        given = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _values(line: bytes, names: list[str]) -> list[bytes | None] | None:
    given = _object(line)
    if given is None:
        return None
    values = [given.get(name) for name in names]
    if not all(value is None or isinstance(value, str) for value in values):
        return None
    return [value if value is None else value.encode() for value in values]


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise _too_long()
        yield line.removesuffix(b"\n").removesuffix(b"\r")


def _pieces_of_lines(file: BinaryIO, rows: int) -> Iterator[pa.Array]:
    """Lines in order, as arrays of at most `rows`, cut without a Python object for each line."""
    rest = b""
    while block := file.read(_BYTES_AT_ONCE):
        whole, newline, rest = (rest + block).rpartition(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise _too_long()
        yield from _cut(whole + newline, rows)
    if rest:
        yield from _cut(rest + b"\n", rows)


def _cut(text: bytes, rows: int) -> Iterator[pa.Array]:
    """The lines of a text that ends with a line feed; the carriage return at a line's end is left out."""
    if b"\r\n" in text:
        text = text.replace(b"\r\n", b"\n")
    lines = pc.split_pattern(pa.array([text], pa.large_binary()), pattern="\n").flatten()[:-1]
    if len(lines) and pc.max(pc.binary_length(lines)).as_py() > MAX_LINE_BYTES:
        raise _too_long()
    for first in range(0, len(lines), rows):
        yield lines.slice(first, rows)


def _too_long() -> InvalidInput:
    return InvalidInput("line_too_long", f"A line is longer than {MAX_LINE_BYTES} bytes.")
