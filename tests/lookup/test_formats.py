"""What hostile uploads cannot make of a few bytes."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdout.errors import HoldoutError
from lookup.formats import Columns, find_columns, lines, marks, parquet, pieces

NO_NAMES = Columns()


def stored(folder: Path, content: bytes) -> Path:
    path = folder / "upload"
    path.write_bytes(content)
    return path


def refusal(path: Path, upload_format: str) -> str:
    with pytest.raises(HoldoutError) as refused:
        find_columns(path, upload_format, NO_NAMES)
    return refused.value.code


def test_a_header_of_very_many_columns_is_refused_at_once(tmp_path: Path) -> None:
    names = ",".join(f"c{i}" for i in range(100_000))
    assert refusal(stored(tmp_path, names.encode()), "csv") == "too_many_columns"


def test_objects_with_ever_other_keys_are_refused(tmp_path: Path) -> None:
    content = b"\n".join(b'{"url": "x", "k%d": 1}' % i for i in range(2_000))
    assert refusal(stored(tmp_path, content), "ndjson") == "too_many_columns"


def test_short_rows_below_a_wide_header_come_in_small_pieces(tmp_path: Path) -> None:
    header = "url," + ",".join(f"c{i}" for i in range(999))
    path = stored(tmp_path, f"{header}\n{'x' + chr(10)}".encode() + b"x\n" * 2_499)
    tables = list(pieces(path, "csv", Columns(url="url"), rows=65_536))
    assert [table.num_rows for table in tables] == [1_000, 1_000, 500]


def test_large_rows_come_in_small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "MAX_BLOCK_BYTES", 1_000)
    content = b"url\n" + b"\n".join(b"x" * 400 for _ in range(5))
    tables = list(pieces(stored(tmp_path, content), "csv", Columns(url="url"), rows=65_536))
    assert [table.num_rows for table in tables] == [2, 2, 1]
    content = b"\n".join(b'{"url": "%s"}' % (b"x" * 1_200) for _ in range(3))
    tables = list(pieces(stored(tmp_path, content), "ndjson", Columns(url="url"), rows=65_536))
    assert [table.num_rows for table in tables] == [1, 1, 1]


def test_a_row_group_that_no_worker_can_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"url": ["x"], "image": [np.random.default_rng(1).bytes(50_000)]}), file)
    path = stored(tmp_path, file.getvalue())
    assert find_columns(path, "parquet", NO_NAMES).url == "url"
    monkeypatch.setattr(parquet, "MAX_ROW_GROUP_BYTES", 40_000)
    assert refusal(path, "parquet") == "row_group_too_large"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\nb\n", ["a", "b"]),
        ("a\r\nb", ["a", "b"]),
        ("a\r\r\n\nb\n", ["a\r", "", "b"]),
        ("\n\n", ["", ""]),
        ("\r", [""]),
        ("a\rb\n", ["a\rb"]),
    ],
)
def test_lines_are_cut_at_line_feeds(tmp_path: Path, text: str, said: list[str]) -> None:
    tables = lines.url_pieces(stored(tmp_path, text.encode()), rows=2)
    found = [cell for table in tables for cell in table["url"].to_pylist()]
    assert found == [cell.encode() for cell in said]
