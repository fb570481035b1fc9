"""Screening a Spark DataFrame where it lies: `pip install holdout-registry[spark]`.

    screened = screen(
        rows, "/shared/snapshot", public_key=KEY, use="train_gen", on_unset="keep", on_review="hold"
    )
    screened.where("holdout_decision = 'keep'").write.parquet("s3://bucket/training")

Every executor reads the snapshot from that folder and asks nobody, so that no address leaves the cluster.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from holdout import __version__
from holdout.errors import InvalidInput, SnapshotRefused
from holdout.opening import Choice
from holdout.policy import Policy, decide, policy
from holdout.questions import questions
from holdout.screening.readers import Columns, find_columns
from holdout.screening.results import answer_columns
from holdout.sources import Source, answered
from holdout.vocabulary import UsageCategory

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RECORD: Final = "holdout"
"""Under this name the column `holdout_decision` carries the record of the run in its metadata."""

_TEXT: Final = ("string", "binary")


def screen(
    df: "DataFrame",
    snapshot: Path | str,
    *,
    public_key: str | Iterable[str],
    use: str | Iterable[str],
    on_unset: str,
    on_review: str,
    url: str | None = None,
    sha256: str | None = None,
    page_url: str | None = None,
) -> "DataFrame":
    """`df` with what the snapshot says of each row, in the columns that `holdout screen` writes.

    `holdout_decision` is `keep`, `hold`, `drop` or `fail`, by `use`, `on_unset` and `on_review` as in
    `holdout.filter.Filter`; no row is left out. Rows that only the registry can answer are held, with
    `holdout_error` `confirmation_needed`. What was asked of which snapshot, and how it was decided, stands as
    JSON in the metadata of `holdout_decision` (`record_of`), which Spark keeps in Parquet files.

    `snapshot` is a folder (`holdout snapshot fetch`) under the same path on the driver and on every executor,
    `public_key` the key in base64 that signs it, or several. All executors must find the version that the
    driver found: fetch a newer one into another folder while a job runs.

    `url`, `sha256` and `page_url` name columns of text; without, those called so in any case.

    Raises `InvalidInput` (`usage_unknown`, `policy_invalid`, `no_column_to_look_up`, `column_missing`,
    `column_twice`, `column_not_text`, `column_reserved`, `public_key_missing`) and `SnapshotRefused`. What an
    executor raises fails the job: no row of that partition comes out.
    """
    from pyspark.sql.types import BooleanType, StringType, StructType

    by = policy(use=use, on_unset=on_unset, on_review=on_review)
    found = find_columns(df.columns, Columns(url, sha256, page_url))
    kinds = dict(df.dtypes)
    for name in found.values():
        if kinds[name] not in _TEXT:
            raise InvalidInput("column_not_text", f"The column {name!r} must hold text, not {kinds[name]}.")
    keys = (public_key,) if isinstance(public_key, str) else tuple(public_key)
    choice = Choice(snapshot=Path(snapshot), public_keys=keys)
    with choice.opened() as source:
        record: dict[str, Any] = {
            "record": "holdout-spark/1",
            "library": __version__,
            "source": source.record(),
            "policy": by.record(),
            "columns": found,
        }
    schema = StructType(list(df.schema.fields))
    schema.add("holdout_decision", StringType(), nullable=False, metadata={RECORD: json.dumps(record)})
    schema.add("holdout_status", StringType(), nullable=False)
    for each in UsageCategory:
        schema.add(f"holdout_{each.value}", StringType())
    schema.add("holdout_statement", StringType())
    schema.add("holdout_disputed", BooleanType(), nullable=False)
    schema.add("holdout_error", StringType())
    return df.mapInArrow(_screening(choice, by, found, record["source"]), schema)


def record_of(screened: "DataFrame") -> dict[str, Any]:
    """The record of the run that made these columns. Raises KeyError where there is none."""
    record: dict[str, Any] = json.loads(screened.schema["holdout_decision"].metadata[RECORD])
    return record


def _screening(
    choice: Choice, by: Policy, found: dict[str, str], wanted: dict[str, Any]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What an executor does with a partition."""

    def screened(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with choice.opened() as source:
            if source.record() != wanted:
                raise SnapshotRefused(
                    "snapshot_differs",
                    f"This executor found another snapshot in {choice.snapshot} than the driver: "
                    f"{source.record()['version']} instead of {wanted['version']}.",
                )
            for batch in batches:
                yield _screened(batch, source, by, found)

    return screened


def _screened(batch: pa.RecordBatch, source: Source, by: Policy, found: dict[str, str]) -> pa.RecordBatch:
    keys = {key: batch.column(name) for key, name in found.items()}
    answers = answered(
        source,
        questions(urls=keys.get("url"), sha256=keys.get("sha256"), pages=keys.get("page_url")),
    )
    columns = answer_columns(answers, decide(answers, by))
    return pa.RecordBatch.from_arrays([*batch.columns, *columns.values()], [*batch.schema.names, *columns])
