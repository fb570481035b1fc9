"""The columns of an answer, and the Parquet files that they are written to."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from holdout.answers import NOTHING_SAID, Answers
from holdout.policy import DECISIONS
from holdout.screening.places import Place
from holdout.screening.readers import KEYS, Batch
from holdout.verdicts import Status
from holdout.vocabulary import UsageCategory

HITS: Final = "hits"
ROWS: Final = "rows"


def answer_columns(answers: Answers, decided: NDArray[np.uint8]) -> dict[str, pa.Array]:
    """A failed row has no outcome, so no filter on outcomes can let it through."""
    failed = answers.error != 0
    return {
        "holdout_decision": _named([decision.value for decision in DECISIONS], decided),
        "holdout_status": _named([Status.CHECKED.value, Status.FAILED.value], failed),
        **{
            f"holdout_{use.value}": _named(
                [uses[use].value for uses in answers.outcomes], answers.outcome, absent=failed
            )
            for use in UsageCategory
        },
        "holdout_statement": _sparse(answers.sources, answers.rows),
        "holdout_disputed": pa.array(np.isin(np.arange(answers.rows), answers.disputed)),
        "holdout_error": _named(list(answers.errors), answers.error, absent=~failed),
    }


def hit_rows(answers: Answers) -> NDArray[np.int64]:
    """The rows of which something is said, and those that failed."""
    silent = np.array([uses == NOTHING_SAID for uses in answers.outcomes])
    return np.flatnonzero((answers.error != 0) | ~silent[answers.outcome])


def hit_table(
    batch: Batch, answered: Mapping[str, pa.Array], rows: NDArray[np.int64], *, file: str
) -> pa.Table:
    """These rows of a batch, with where they stand: file, row group, and row of the file from 0."""
    chosen = pa.array(rows)
    none = pa.nulls(len(rows), pa.large_string())
    return pa.table(
        {
            "file": pa.array([file] * len(rows), pa.large_string()),
            "row_group": pa.array([batch.row_group] * len(rows), pa.int32()),
            "row": pa.array(rows + batch.first_row, pa.int64()),
            **{
                name: _written(batch.keys[name].take(chosen)) if name in batch.keys else none for name in KEYS
            },
            **{name: column.take(chosen) for name, column in answered.items()},
        }
    )


def _written(column: pa.Array) -> pa.Array:
    """Text as text, and a digest in bytes as its hex digits."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.large_string())
    return pa.array([None if c is None else _legible(c) for c in column.to_pylist()], pa.large_string())


def _legible(cell: bytes) -> str:
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell.hex()


def _named(
    values: Sequence[str], which: NDArray[Any], *, absent: NDArray[np.bool_] | None = None
) -> pa.Array:
    indices = pa.array(which.astype(np.int32), mask=absent)
    return pa.array(values, pa.string()).take(indices)


def _sparse(values: Mapping[int, str], rows: int) -> pa.Array:
    which = np.zeros(rows, np.int32)
    which[np.fromiter(values, np.int64, len(values))] = np.arange(1, len(values) + 1)
    return pa.array([None, *values.values()], pa.string()).take(pa.array(which))


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written."""

    name: str
    rows: int
    bytes: int
    sha256: str


def output_name(kind: str, unit_id: str) -> str:
    return f"{kind}/{unit_id}.parquet"


class Results:
    """The files of one unit: `hits/ID.parquet` and, where wanted, `rows/ID.parquet`. Made by `results`."""

    def __init__(self, place: Place, unit_id: str, stack: ExitStack) -> None:
        self._place, self._unit_id, self._stack = place, unit_id, stack
        self._open: dict[str, tuple[pq.ParquetWriter, Path]] = {}
        self._rows: dict[str, int] = {}
        self._bytes: dict[str, tuple[int, str]] = {}

    def add(self, kind: str, table: pa.Table) -> None:
        """Append rows; a kind without any has no file."""
        if kind not in self._open:
            path = self._stack.enter_context(self._place.file(self.name(kind)))
            writer = self._stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
            self._open[kind], self._rows[kind] = (writer, path), 0
        self._open[kind][0].write_table(table)
        self._rows[kind] += table.num_rows

    def name(self, kind: str) -> str:
        return output_name(kind, self._unit_id)

    def finish(self) -> None:
        """No more rows; the files get their names when `results` is left."""
        for kind, (writer, path) in self._open.items():
            writer.close()
            with path.open("rb") as file:
                self._bytes[kind] = path.stat().st_size, file_digest(file, "sha256").hexdigest()

    def written(self) -> list[Written]:
        """What was written, after `finish`."""
        return [Written(self.name(kind), self._rows[kind], *self._bytes[kind]) for kind in self._open]


@contextmanager
def results(place: Place, unit_id: str) -> Iterator[Results]:
    """Files that are there whole after leaving without an error. Raises OSError of the disk or the store."""
    with ExitStack() as stack:
        yield Results(place, unit_id, stack)
