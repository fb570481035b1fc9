"""Screening inside Spark, on a real local cluster of two processes.

PySpark is 450 MB, so `./run test` does not install it: `python -m pip install 'pyspark[sql]'` does.
"""

import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdout.cli import main
from holdout.errors import InvalidInput, SnapshotRefused
from holdout.integrations.spark import record_of, screen
from holdout.snapshot.state import State
from tests.holdout.snapshot_stories import KEY, OTHER_KEY
from tests.holdout.test_offline import FILE, NOW, SAID, URLS, folder_with

pytestmark = pytest.mark.slow
for what, found in {"pyspark": find_spec("pyspark"), "java": which("java")}.items():
    if not found:
        pytest.skip(f"SCREENING IN SPARK IS NOT TESTED: no {what} here", allow_module_level=True)

POLICY = {"use": "train_gen", "on_unset": "keep", "on_review": "hold"}
WORDS = ["--use", "train_gen", "--on-unset", "keep", "--on-review", "hold"]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        session = _session(SparkSession, tmp_path_factory.mktemp("warehouse"))
        yield session
        session.stop()


def _session(of: Any, warehouse: Path) -> Any:
    session = (
        of.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.warehouse.dir", str(warehouse))
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "3")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    return session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_with(tmp_path / "snapshot", SAID)


def screened(spark: Any, folder: Path, rows: list[tuple[Any, ...]], schema: str, **more: Any) -> Any:
    df = spark.createDataFrame(rows, schema)
    return screen(df, folder, **{"public_key": KEY.public.text, **POLICY, **more})


def test_it_says_what_the_command_says(spark: Any, folder: Path, tmp_path: Path) -> None:
    rows = [(n, url) for n, url in enumerate([*URLS, None] * 5)]
    found = screened(spark, folder, rows, "n int, url string").orderBy("n")
    given, out = tmp_path / "given.parquet", tmp_path / "out"
    pq.write_table(pa.table({"n": [n for n, _ in rows], "url": [url for _, url in rows]}), given)
    words = ["--snapshot", str(folder), "--public-key", KEY.public.text, "--workers", "1"]
    assert main(["screen", str(given), "--out", str(out), *words, *WORDS]) == 0
    (said,) = (out / "rows").glob("*.parquet")
    expected = pq.read_table(said)
    assert found.columns == expected.column_names
    assert [row.asDict() for row in found.collect()] == expected.to_pylist()


def test_rows_keep_their_own_columns_and_digests_count(spark: Any, folder: Path) -> None:
    rows = [("https://b.example/two.jpg", bytearray(FILE), [1, 2]), (None, bytearray(b"\1" * 32), None)]
    found = screened(
        spark, folder, rows, "link string, digest binary, tags array<int>", url="link", sha256="digest"
    ).collect()
    assert [row.tags for row in found] == [[1, 2], None]
    assert {row.holdout_status for row in found} == {"checked"}


def test_what_was_decided_how_stays_with_the_rows(spark: Any, folder: Path, tmp_path: Path) -> None:
    found = screened(spark, folder, [("https://b.example/two.jpg",)], "url string")
    found.write.parquet(str(tmp_path / "kept"))
    record = record_of(spark.read.parquet(str(tmp_path / "kept")))
    assert record["policy"]["on_review"] == "hold"
    assert record["source"]["version"] == 1
    assert record["columns"] == {"url": "url"}


def test_no_rows_are_no_trouble(spark: Any, folder: Path) -> None:
    assert screened(spark, folder, [], "url string").collect() == []


@pytest.mark.parametrize(
    ("schema", "more", "code"),
    [
        ("n int", {}, "no_column_to_look_up"),
        ("url int", {}, "column_not_text"),
        ("url string, holdout_decision string", {}, "column_reserved"),
        ("url string", {"url": "link"}, "column_missing"),
        ("url string", {"on_unset": "maybe"}, "policy_invalid"),
        ("url string", {"public_key": []}, "public_key_missing"),
    ],
)
def test_what_cannot_be_screened_is_refused_before_the_job(
    spark: Any, folder: Path, schema: str, more: dict[str, Any], code: str
) -> None:
    df = spark.createDataFrame([], schema)
    with pytest.raises(InvalidInput) as refusal:
        screen(df, folder, **{"public_key": KEY.public.text, **POLICY, **more})
    assert refusal.value.code == code


def test_a_snapshot_of_somebody_else_is_refused(spark: Any, folder: Path) -> None:
    with pytest.raises(SnapshotRefused):
        screened(spark, folder, [("https://b.example/",)], "url string", public_key=OTHER_KEY.public.text)


def test_a_job_ends_when_its_executors_find_another_snapshot(spark: Any, folder: Path) -> None:
    found = screened(spark, folder, [("https://b.example/two.jpg",)], "url string")
    folder_with(folder, State.empty(), version=2, created=NOW + timedelta(seconds=1))
    with pytest.raises(Exception, match="snapshot_differs"):
        found.collect()
