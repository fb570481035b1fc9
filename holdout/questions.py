"""A batch of questions in columns: what an ingest loop or a file gives, before anybody is asked."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from holdout.answers import Answers
from holdout.errors import InvalidInput

DIGEST_BYTES: Final = 32
NO_KEY: Final = "query_has_no_key"
BAD_DIGEST: Final = "fingerprint_malformed"


@dataclass(frozen=True, slots=True)
class Questions:
    """`rows` pictures, each by its URL, its file's SHA-256, the page it was found on, or a mix of them."""

    rows: int
    urls: pa.LargeBinaryArray | None = None
    """UTF-8; null where a row has none. None: no row has."""
    digests: pa.FixedSizeBinaryArray | None = None
    """32 bytes; null where a row has none. None: no row has."""
    pages: pa.LargeBinaryArray | None = None
    """Where the pictures were found, as `urls`. What is said of a page may only restrict."""
    errors: Mapping[int, str] = field(default_factory=dict)
    """The rows that cannot be asked, and the code of why. No answer makes them anything but failed."""


def questions(
    *,
    urls: pa.Array | Sequence[str | bytes | None] | None = None,
    sha256: pa.Array | Sequence[str | bytes | None] | None = None,
    pages: pa.Array | Sequence[str | bytes | None] | None = None,
    errors: Mapping[int, str] | None = None,
) -> Questions:
    """From columns of equal length: URLs as text, digests as 64 hex digits or 32 bytes. Empty cells are none.

    A row without a key and one with a digest that is none become errors of that row. Raises `InvalidInput`
    (`columns_differ`, `no_column_to_look_up`).
    """
    lengths = {len(column) for column in (urls, sha256, pages) if column is not None}
    if not lengths:
        raise InvalidInput("no_column_to_look_up", "Give url, sha256, page_url, or several of them.")
    if len(lengths) > 1:
        raise InvalidInput("columns_differ", "The columns to look up differ in length.")
    (rows,) = lengths
    found = dict(errors or {})
    url_column = None if urls is None else _texts(urls)
    digest_column = None if sha256 is None else _digests(sha256, found)
    page_column = None if pages is None else _texts(pages)
    empty = _empty(url_column, rows) & _empty(digest_column, rows) & _empty(page_column, rows)
    for row in np.flatnonzero(empty).tolist():
        found.setdefault(row, NO_KEY)
    return Questions(rows, url_column, digest_column, page_column, found)


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """A table's column as one array, without a dictionary."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.large_string())
    joined = column.combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined


def slices(asked: Questions, size: int) -> Iterator[Questions]:
    """The same questions in consecutive batches of at most `size`."""
    if asked.rows <= size:
        yield asked
        return
    errors = sorted(asked.errors.items())
    rows = [row for row, _ in errors]
    for start in range(0, asked.rows, size):
        length = min(size, asked.rows - start)
        here = errors[bisect_left(rows, start) : bisect_left(rows, start + length)]
        yield Questions(
            length,
            None if asked.urls is None else asked.urls.slice(start, length),
            None if asked.digests is None else asked.digests.slice(start, length),
            None if asked.pages is None else asked.pages.slice(start, length),
            {row - start: code for row, code in here},
        )


def with_errors(answers: Answers, errors: Mapping[int, str]) -> Answers:
    """The same answers, with these rows failed whatever was answered for them."""
    if not errors:
        return answers
    codes = list(dict.fromkeys([*answers.errors, *errors.values()]))
    rows = np.fromiter(errors, np.int64, len(errors))
    error, outcome = answers.error.copy(), answers.outcome.copy()
    error[rows] = [codes.index(code) for code in errors.values()]
    outcome[rows] = 0
    return replace(
        answers,
        outcome=outcome,
        errors=tuple(codes),
        error=error,
        sources={row: source for row, source in answers.sources.items() if row not in errors},
        disputed=answers.disputed[~np.isin(answers.disputed, rows)],
        blocked=answers.blocked[~np.isin(answers.blocked, rows)],
    )


def _texts(column: pa.Array | Sequence[str | bytes | None]) -> pa.LargeBinaryArray:
    """Bytes, with empty cells as null. What is no UTF-8 stays as it is: its own row will fail."""
    if not isinstance(column, pa.Array):
        column = pa.array([_encoded(value) for value in column], pa.large_binary())
    texts = column.cast(pa.large_binary())
    empty = pc.equal(pc.binary_length(texts), 0)
    return pc.if_else(empty, pa.scalar(None, pa.large_binary()), texts)


def _encoded(value: str | bytes | None) -> bytes | None:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _digests(
    column: pa.Array | Sequence[str | bytes | None], errors: dict[int, str]
) -> pa.FixedSizeBinaryArray:
    """Text is read as hex digits only: 32 characters are an MD5, while 32 bytes are a digest as it stands."""
    if not isinstance(column, pa.Array):
        column = _listed(column)
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    cells = column.cast(pa.large_binary())
    lengths = pc.fill_null(pc.binary_length(cells), 0).to_numpy(zero_copy_only=False)
    digests, known = np.zeros((len(cells), DIGEST_BYTES), np.uint8), np.zeros(len(cells), np.bool_)
    raw = np.flatnonzero(lengths == DIGEST_BYTES) if not is_text else np.empty(0, np.int64)
    digests[raw], known[raw] = _cells(cells, raw, DIGEST_BYTES), True
    spelt = np.flatnonzero(lengths == 2 * DIGEST_BYTES)
    nibbles = _NIBBLES[_cells(cells, spelt, 2 * DIGEST_BYTES)]
    digests[spelt] = nibbles[:, 0::2] << 4 | nibbles[:, 1::2] & 15
    known[spelt] = (nibbles != _NO_NIBBLE).all(axis=1)
    for row in np.flatnonzero((lengths > 0) & ~known).tolist():
        errors.setdefault(row, BAD_DIGEST)
    plain = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(DIGEST_BYTES), len(cells), [None, pa.py_buffer(digests.tobytes())]
    )
    return pc.if_else(pa.array(known), plain, pa.scalar(None, pa.binary(DIGEST_BYTES)))


_NO_NIBBLE: Final = 255
_NIBBLES: Final = np.full(256, _NO_NIBBLE, np.uint8)
for _value, _digit in enumerate("0123456789abcdef"):
    _NIBBLES[ord(_digit)] = _NIBBLES[ord(_digit.upper())] = _value


def _cells(cells: pa.LargeBinaryArray, rows: NDArray[np.int64], length: int) -> NDArray[np.uint8]:
    """The bytes of cells that are all `length` long, shape (rows, length)."""
    taken = cells.take(pa.array(rows))
    if not len(taken):
        return np.empty((0, length), np.uint8)
    return np.frombuffer(taken.buffers()[2], np.uint8)[: len(taken) * length].reshape(-1, length)


def _listed(values: Sequence[str | bytes | None]) -> pa.Array:
    return pa.array([_read(v) if isinstance(v, str) else v for v in values], pa.large_binary())


def _read(spelt: str) -> bytes:
    """The digest that 64 hex digits spell; for any other text something of a length that no digest has."""
    try:
        # bytes.fromhex would skip blanks.
        return (
            bytes.fromhex(spelt) if len(spelt) == 2 * DIGEST_BYTES and spelt.isalnum() else b"?"[: len(spelt)]
        )
    except ValueError:
        return b"?"


def _empty(column: pa.Array | None, rows: int) -> NDArray[np.bool_]:
    if column is None:
        return np.ones(rows, np.bool_)
    empty: NDArray[np.bool_] = column.is_null().to_numpy(zero_copy_only=False)
    return empty


def digest_rows(digests: pa.FixedSizeBinaryArray) -> NDArray[np.uint8]:
    """The cells of a column of digests, shape (rows, 32); those of empty cells mean nothing."""
    octets = np.frombuffer(digests.buffers()[1], np.uint8)
    return octets.reshape(-1, DIGEST_BYTES)[digests.offset : digests.offset + len(digests)]


def selected(asked: Questions, rows: NDArray[np.int64]) -> Questions:
    """The questions of some rows, none of which has an error."""
    chosen = pa.array(rows)
    return Questions(
        len(rows),
        None if asked.urls is None else asked.urls.take(chosen),
        None if asked.digests is None else asked.digests.take(chosen),
        None if asked.pages is None else asked.pages.take(chosen),
    )
