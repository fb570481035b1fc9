"""One piece of a job: a table of rows in, the same rows with their verdicts out, column by column."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from holdout.errors import HoldoutError
from holdout.fingerprints.algorithms import PHASH_256, SHA256, parse_code
from holdout.fingerprints.picture import PictureFingerprints
from holdout.index.read import View
from holdout.resolution import most_restrictive
from holdout.url_keys import ERRORS
from holdout.verdicts import Outcome, Status
from holdout.vocabulary import UsageCategory
from lookup.batch import Batch, Digests, Texts, digest_column, exact_digests
from lookup.decisions import METHOD_WORDS, NOTHING_SAID, OUTCOMES, Decisions, decide
from lookup.engine import look_up
from lookup.formats import MALFORMED, Columns
from lookup.formats.parquet import is_octets
from lookup.hits import Hits, hits_of
from lookup.parsing import fingerprints_from_base64, read_fingerprints

_OUTCOMES: Final = tuple(Outcome)
_OF_USE: Final[Mapping[UsageCategory, NDArray[np.int8]]] = MappingProxyType(
    {use: np.array([_OUTCOMES.index(uses[use]) for uses in OUTCOMES], dtype=np.int8) for use in UsageCategory}
)
"""By use: the outcome for it in each of `OUTCOMES`."""
_STRONGEST: Final = np.array(
    [_OUTCOMES.index(most_restrictive(uses.values())) for uses in OUTCOMES], dtype=np.int8
)


@dataclass(frozen=True, slots=True)
class Screened:
    """The rows with their verdicts; how many had which most restrictive outcome (or `failed`); what was
    hit.
    """

    table: pa.Table
    counts: dict[str, int]
    hits: Hits


def screen(
    table: pa.Table,
    *,
    columns: Columns,
    view: View,
    vendor: str | None = None,
    first_row: int = 0,
    hits_only: bool = False,
) -> Screened:
    """Look up every row for the organisation with the public id `vendor`; the row order stays. Its columns
    stay too, but the pictures' fingerprints: they are many times what is said of them.

    With `hits_only` the rows that were checked without a finding are left out, and `holdout_row` says where
    in the upload (from 0, this table beginning at `first_row`) each kept row stands.
    """
    problems = _Problems(table.num_rows)
    batch = _batch(table, columns, problems)
    looked = look_up(batch, view=view, vendor=vendor)
    problems.take_over(looked.error)
    for row, error in looked.not_compared.items():
        problems.add(row, error.code)
    lines = looked.lines.where(problems.number[looked.lines.row] == 0)
    decisions = decide(lines, granted=looked.granted)
    rows = np.union1d(decisions.row, np.flatnonzero(problems.number)) if hits_only else None
    kept = table if rows is None else table.take(rows)
    kept = _as_text(kept.drop_columns([MALFORMED])) if MALFORMED in kept.column_names else kept
    if rows is not None:
        kept = kept.append_column("holdout_row", pa.array(rows + first_row))
    for name, values in _answer_columns(decisions, problems, rows).items():
        kept = kept.append_column(name, values)
    if columns.fingerprints in kept.column_names:
        kept = kept.drop_columns([columns.fingerprints])
    unlifted = decide(lines) if looked.granted else decisions
    return Screened(kept, _counts(decisions, problems), hits_of(looked, unlifted))


def filled_rows(table: pa.Table, name: str) -> NDArray[np.int64]:
    """The rows with something in a column."""
    cells = _texts(table, name)
    return np.empty(0, dtype=np.int64) if cells is None else cells.row


class _Problems:
    """Why rows could not be looked up, as numbers into a list of codes; 0 is no problem. The first one
    stays.
    """

    def __init__(self, rows: int) -> None:
        self.codes = list(ERRORS)
        self.number = np.zeros(rows, dtype=np.uint8)

    def add(self, rows: NDArray[np.int64] | int, code: str) -> None:
        if code not in self.codes:
            self.codes.append(code)
        rows = np.atleast_1d(rows)
        self.number[rows[self.number[rows] == 0]] = self.codes.index(code)

    def take_over(self, errors: NDArray[np.uint8]) -> None:
        """The numbers of `ERRORS` that the engine gave to rows; others it names by themselves."""
        known = np.where(errors < len(ERRORS), errors, 0)
        self.number = np.where(self.number == 0, known, self.number)

    def column(self, number: NDArray[np.uint8]) -> pa.Array:
        """The codes that these numbers stand for."""
        codes = pa.DictionaryArray.from_arrays(pa.array(number, mask=number == 0), pa.array(self.codes))
        return codes.cast(pa.string())


def _batch(table: pa.Table, columns: Columns, problems: _Problems) -> Batch:
    urls, pages = (_texts(table, name) for name in (columns.url, columns.page_url))
    digests = _codes(table, columns.sha256, SHA256.id, problems)
    codes = _codes(table, columns.phash, PHASH_256.id, problems)
    looks = _looks(table, columns.fingerprints, problems)
    asked = np.zeros(table.num_rows, dtype=np.bool_)
    texts = (column.row for column in (urls, pages) if column is not None)
    for rows in (digests[0], codes[0], np.array(list(looks), dtype=np.int64), *texts):
        asked[rows] = True
    if MALFORMED in table.column_names:
        malformed = np.flatnonzero(table[MALFORMED].to_numpy())
        problems.add(malformed, "row_malformed")
    problems.add(np.flatnonzero(~asked), "query_has_no_key")
    return Batch(
        rows=table.num_rows,
        urls=urls,
        pages=pages,
        files=_files(digests, looks),
        codes={
            row: {PHASH_256.id: (code.tobytes(),)}
            for row, code in zip(codes[0].tolist(), codes[1], strict=True)
        },
        looks=looks,
    )


def _files(
    digests: tuple[NDArray[np.int64], NDArray[np.uint8]], looks: Mapping[int, PictureFingerprints]
) -> Digests | None:
    """The column of digests, and those of the pictures whose fingerprints are known."""
    if not looks:
        return Digests(*digests) if len(digests[0]) else None
    given = zip(digests[0].tolist(), map(bytes, digests[1]), strict=True)
    taken = ((row, digest) for row, look in looks.items() for digest in exact_digests(look))
    return digest_column([*given, *taken])


def _looks(table: pa.Table, name: str, problems: _Problems) -> dict[int, PictureFingerprints]:
    """The rows that have fingerprints, and these; what cannot be read becomes its row's problem."""
    cells = _texts(table, name)
    if cells is None:
        return {}
    # A piece of lines has columns of bytes only because a line need not be UTF-8: they hold text.
    octets = MALFORMED not in table.column_names and is_octets(table.schema.field(name).type)
    read: Callable[[bytes], PictureFingerprints] = read_fingerprints if octets else fingerprints_from_base64
    looks = {}
    for i, row in enumerate(cells.row.tolist()):
        try:
            looks[row] = read(cells.text(i))
        except HoldoutError as error:
            problems.add(row, error.code)
    return looks


def _texts(table: pa.Table, name: str) -> Texts | None:
    """The cells of a text column that hold something: Arrow's own memory, nothing is copied or decoded."""
    if not name:
        return None
    column = _as_bytes(table[name])
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int64)[
        column.offset : column.offset + len(column) + 1
    ]
    filled = np.diff(offsets) > 0
    if column.null_count:
        filled &= column.is_valid().to_numpy(zero_copy_only=False)
    row = np.flatnonzero(filled)
    content = column.buffers()[2]
    buffer = np.frombuffer(content, dtype=np.uint8) if content is not None else np.empty(0, dtype=np.uint8)
    return Texts(row, buffer, offsets[:-1][row], offsets[1:][row])


def _as_bytes(column: pa.ChunkedArray) -> pa.Array:
    """As bytes: a Parquet string column may hold what is no UTF-8, and only that cell is to fail."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # no chunk at all, or more than one array can hold
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    return whole.cast(pa.large_binary())


def _codes(
    table: pa.Table, name: str, algorithm: str, problems: _Problems
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """The rows that have a code, and the codes (n x 32); what is no code becomes its row's problem."""
    cells = _texts(table, name)
    if cells is None or not len(cells):
        return np.empty(0, dtype=np.int64), np.empty((0, 32), dtype=np.uint8)
    if (cells.end - cells.start == 64).all():
        hexadecimal = cells.buffer[cells.start[:, None] + np.arange(64)]
        nibbles = _NIBBLES[hexadecimal]
        if (nibbles < 16).all():
            return cells.row, nibbles[:, ::2] << 4 | nibbles[:, 1::2]
    rows, codes = [], []
    for i, row in enumerate(cells.row.tolist()):
        try:
            codes.append(parse_code(algorithm, cells.text(i).decode("utf-8", "replace")))
            rows.append(row)
        except HoldoutError as error:
            problems.add(row, error.code)
    return np.array(rows, dtype=np.int64), np.frombuffer(b"".join(codes), dtype=np.uint8).reshape(-1, 32)


_NIBBLES: Final = np.full(256, 255, dtype=np.uint8)
_NIBBLES[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16)
_NIBBLES[np.frombuffer(b"ABCDEF", dtype=np.uint8)] = np.arange(10, 16)


def _as_text(csv_table: pa.Table) -> pa.Table:
    """CSV cells as text again; bytes that are not UTF-8 come back as U+FFFD."""
    columns = []
    for column in csv_table.columns:
        try:
            columns.append(column.cast(pa.string()))
        except pa.ArrowInvalid:
            cells = [value.decode("utf-8", "replace") for value in column.to_pylist()]
            columns.append(pa.chunked_array([pa.array(cells, pa.string())]))
    return pa.table(columns, names=csv_table.column_names)


def _answer_columns(
    decisions: Decisions, problems: _Problems, rows: NDArray[np.int64] | None
) -> dict[str, pa.Array]:
    """The answer's columns, for all rows or for `rows`, in which every row with a decision has to be.

    A failed row has no outcome, so no filter on outcomes can let it through.
    """
    number = problems.number if rows is None else problems.number[rows]
    at = decisions.row if rows is None else np.searchsorted(rows, decisions.row)
    failed = number != 0
    outcome = np.full(len(number), NOTHING_SAID, dtype=np.int64)
    outcome[at] = decisions.outcome
    disputed = np.zeros(len(number), dtype=np.bool_)
    disputed[at] = decisions.disputed
    return {
        "holdout_status": _words(tuple(Status), failed.astype(np.int8)),
        **{f"holdout_{use}": _words(_OUTCOMES, of_use[outcome], failed) for use, of_use in _OF_USE.items()},
        "holdout_method": _scattered(len(number), at, [METHOD_WORDS[m] for m in decisions.method.tolist()]),
        "holdout_statement": _scattered(len(number), at, decisions.sources()),
        "holdout_disputed": pa.array(disputed),
        "holdout_error": problems.column(number),
    }


def _words(
    words: tuple[Status, ...] | tuple[Outcome, ...],
    number: NDArray[np.int8],
    missing: NDArray[np.bool_] | None = None,
) -> pa.Array:
    indices = pa.array(number, mask=missing)
    return pa.DictionaryArray.from_arrays(indices, pa.array([w.value for w in words])).cast(pa.string())


def _scattered(rows: int, at: NDArray[np.int64], values: list[str]) -> pa.Array:
    place = np.full(rows, len(values), dtype=np.int64)
    place[at] = np.arange(len(values))
    return pa.array([*values, None], pa.string()).take(pa.array(place))


def _counts(decisions: Decisions, problems: _Problems) -> dict[str, int]:
    """How many rows had which most restrictive outcome; rows of which nothing is said are `unknown`."""
    strongest = np.bincount(_STRONGEST[decisions.outcome], minlength=len(_OUTCOMES)).tolist()
    counts = Counter({outcome.value: number for outcome, number in zip(_OUTCOMES, strongest, strict=True)})
    failed = int(np.count_nonzero(problems.number))
    counts[Outcome.UNKNOWN.value] += len(problems.number) - len(decisions.row) - failed
    counts[Status.FAILED.value] = failed
    return {name: number for name, number in counts.items() if number}
