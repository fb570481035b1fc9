"""One piece of a job: a table of rows in, the same rows with their verdicts out."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from holdout.errors import HoldoutError, InvalidInput
from holdout.resolution import most_restrictive
from holdout.verdicts import AsOf, Query, Status, Verdict
from holdout.vocabulary import UsageCategory
from lookup.engine import answer
from lookup.parsing import query_from_keys
from lookup.tables import RAGGED, Columns

_ROWS_AT_ONCE: Final = 8_192
_USE_COLUMNS: Final = {use: f"holdout_{use.value}" for use in UsageCategory}


@dataclass(frozen=True, slots=True)
class Screened:
    """The rows with their verdicts, and how many rows had which most restrictive outcome (or `failed`)."""

    table: pa.Table
    counts: dict[str, int]


def screen(
    table: pa.Table, *, columns: Columns, as_of: AsOf, between: Callable[[], None] = lambda: None
) -> Screened:
    """Look up every row; the row order stays, and no row is left out. `between` is called now and then."""
    verdicts: list[Verdict] = []
    for start in range(0, table.num_rows, _ROWS_AT_ONCE):
        verdicts += answer(_queries(table.slice(start, _ROWS_AT_ONCE), columns), as_of=as_of)
        between()
    kept = _as_text(table.drop_columns([RAGGED])) if RAGGED in table.column_names else table
    for name, values in _verdict_columns(verdicts).items():
        kept = kept.append_column(name, values)
    return Screened(kept, dict(Counter(map(_summary, verdicts))))


def _summary(verdict: Verdict) -> str:
    if verdict.status is Status.FAILED:
        return Status.FAILED.value
    return most_restrictive(verdict.uses.values()).value


def _queries(table: pa.Table, columns: Columns) -> list[Query | HoldoutError]:
    none = [None] * table.num_rows
    urls = _bytes(table[columns.url]) if columns.url else none
    digests = _bytes(table[columns.sha256]) if columns.sha256 else none
    ragged = table[RAGGED].to_pylist() if RAGGED in table.column_names else none
    return [
        _RAGGED_ROW if uneven else _query(url, digest)
        for url, digest, uneven in zip(urls, digests, ragged, strict=True)
    ]


_RAGGED_ROW: Final = InvalidInput("row_malformed", "This row has another number of fields than the header.")


def _bytes(column: pa.ChunkedArray) -> list[bytes | None]:
    """Cells as bytes: a Parquet string column may hold what is no UTF-8, and only that cell is to fail."""
    cells: list[bytes | None] = column.cast(pa.large_binary()).to_pylist()
    return cells


def _query(url: bytes | None, sha256: bytes | None) -> Query | HoldoutError:
    try:
        return query_from_keys(url=_cell(url), sha256=_cell(sha256))
    except HoldoutError as error:
        return error


def _cell(value: bytes | None) -> str | None:
    """The text of a cell; an empty cell is none. Bytes that are not UTF-8 become what no parser accepts."""
    return value.decode("utf-8", "surrogateescape") if value else None


def _as_text(csv_table: pa.Table) -> pa.Table:
    """CSV cells as text again; bytes that are not UTF-8 come back as U+FFFD."""
    columns = [
        pa.array([value.decode("utf-8", "replace") for value in column.to_pylist()], pa.string())
        for column in csv_table.columns
    ]
    return pa.table(columns, names=csv_table.column_names)


def _verdict_columns(verdicts: Sequence[Verdict]) -> dict[str, pa.Array]:
    """The answer's columns; a failed row has no outcome, so no filter on outcomes can let it through."""
    first = [verdict.reasons[0] if verdict.reasons else None for verdict in verdicts]
    return {
        "holdout_status": pa.array([v.status.value for v in verdicts], pa.string()),
        **{
            name: pa.array([o.value if (o := v.uses.get(use)) else None for v in verdicts], pa.string())
            for use, name in _USE_COLUMNS.items()
        },
        "holdout_method": pa.array([r and r.method for r in first], pa.string()),
        "holdout_statement": pa.array([r and r.source for r in first], pa.string()),
        "holdout_disputed": pa.array([v.disputed for v in verdicts], pa.bool_()),
        "holdout_error": pa.array([v.error and v.error.code for v in verdicts], pa.string()),
    }
