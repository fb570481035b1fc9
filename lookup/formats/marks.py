"""What all formats agree on."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from holdout.errors import InvalidInput

T = TypeVar("T")

MALFORMED: Final = "holdout_row_is_malformed"
"""Extra boolean column: the row is none that this upload can have. A piece that has it came as lines of text,
and its other columns are bytes, since a line need not be UTF-8."""
MAX_COLUMNS: Final = 1_000
MAX_BLOCK_BYTES: Final = 128 * 1024**2
"""A piece that is made of Python objects has fewer rows when they are large."""


def too_many_columns() -> InvalidInput:
    return InvalidInput("too_many_columns", f"Send at most {MAX_COLUMNS} columns.")


def blocks(rows: Iterable[T], *, most: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """The rows in lists of at most `most`, and by `size` of at most `MAX_BLOCK_BYTES` or one row."""
    block: list[T] = []
    taken = 0
    for row in rows:
        grown = taken + size(row)
        if block and (len(block) == most or grown > MAX_BLOCK_BYTES):
            yield block
            block, grown = [], size(row)
        block.append(row)
        taken = grown
    if block:
        yield block
