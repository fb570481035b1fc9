"""What the readers of `holdout screen` make of odd files."""

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from holdout.errors import InvalidInput
from holdout.screening.inputs import Input, find_inputs
from holdout.screening.readers import Columns, batches, find_columns
from holdout.screening.units import units_of


def given(path: Path, content: bytes) -> Input:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    (found,) = find_inputs([str(path)])
    return found


def read(one: Input, columns: Columns | None = None) -> dict[str, list[Any]]:
    """The columns of a file; `error` has the rows' own errors by number."""
    said: dict[str, list[Any]] = {}
    for unit in units_of(one):
        for batch in batches(unit, columns or Columns()):
            for name, column in batch.columns.to_pydict().items():
                said.setdefault(name, []).extend(column)
            errors = {row + batch.first_row: code for row, code in batch.asked.errors.items()}
            said.setdefault("errors", []).extend(errors.items())
    return said


def test_every_line_of_json_is_its_own_row(tmp_path: Path) -> None:
    """Two objects on a line and a blank line are as many values as lines, and shift none of the others."""
    lines = ['{"url":"a"}{"url":"b"}', '{"url":"c"}', "", '{"url":"d"}']
    said = read(given(tmp_path / "a.jsonl", "\n".join(lines).encode()))
    assert said["url"] == [None, "c", None, "d"]
    assert said["errors"] == [(0, "query_malformed"), (2, "query_malformed")]


def test_a_line_that_is_nested_too_deeply_fails_alone(tmp_path: Path) -> None:
    deep = '{"x":' + "[" * 100_000 + "]" * 100_000 + "}"
    said = read(given(tmp_path / "a.jsonl", f'{deep}\n{{"url":"b"}}\n'.encode()))
    assert (said["url"], said["errors"]) == ([None, "b"], [(0, "query_malformed")])


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_column_that_is_named_for_one_key_is_not_found_as_another(name: str, tmp_path: Path) -> None:
    content = {"a.jsonl": json.dumps({"page_url": "https://b.example/"}), "a.csv": "page_url\nx\n"}[name]
    one = given(tmp_path / name, content.encode())
    (batch,) = batches(units_of(one)[0], Columns(url="page_url"))
    assert batch.keys["url"][0].as_py()
    assert "page_url" not in batch.keys
    assert find_columns(["page_url"], Columns(url="page_url")) == {"url": "page_url"}


def test_one_column_may_be_named_for_two_keys(tmp_path: Path) -> None:
    one = given(tmp_path / "a.jsonl", b'{"at":"x"}\n')
    (batch,) = batches(units_of(one)[0], Columns(url="at", page_url="at"))
    assert [batch.keys[key][0].as_py() for key in ("url", "page_url")] == ["x", "x"]


COMPRESSORS: dict[str, Any] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
TEXT = b"".join(b"https://b.example/%d\n" % number for number in range(30_000))


@pytest.mark.parametrize("ending", COMPRESSORS)
def test_a_file_of_several_compressed_streams_is_read_to_its_end(ending: str, tmp_path: Path) -> None:
    stored = b"".join(COMPRESSORS[ending](part) for part in (TEXT, b"", TEXT))
    if ending != "bz2":
        stored += bytes(400_000)  # padding, as these two formats have it
    assert read(given(tmp_path / f"a.txt.{ending}", stored))["url"] == TEXT.decode().splitlines() * 2
    csv = COMPRESSORS[ending](b"url\n") + stored
    assert read(given(tmp_path / f"a.csv.{ending}", csv))["url"] == TEXT.decode().splitlines() * 2


@pytest.mark.parametrize("ending", COMPRESSORS)
@pytest.mark.parametrize("how", ["header", "garbage", "cut", "one byte"])
def test_what_follows_the_first_compressed_stream_is_never_passed_over(
    how: str, ending: str, tmp_path: Path
) -> None:
    first = COMPRESSORS[ending](TEXT)
    second = {
        "header": b"\x07" + first[1:],
        "garbage": b"not compressed at all",
        "cut": first[: len(first) // 2],
        "one byte": first[:1],
    }[how]
    with pytest.raises(InvalidInput, match="input_damaged"):
        read(given(tmp_path / f"a.txt.{ending}", first + second))


@pytest.fixture
def short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("units", "readers"):
        monkeypatch.setattr(f"holdout.screening.{module}.MAX_LINE_BYTES", 100)
    monkeypatch.setattr("holdout.screening.units.UNIT_BYTES", 50)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"a\n" * 24 + b"x" * 300),
        ("a.csv", b"url\n" + b"x" * 300),
        ("a.csv", b"url,n\n" + b'"x\n' * 90),
        ("a.csv", b"url\n" + b'"y\n",' * 60),
    ],
)
def test_a_line_without_an_end_is_damage_and_not_held_in_memory(
    name: str, content: bytes, short_lines: None, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="input_damaged"):
        read(given(tmp_path / name, content))


def test_large_rows_of_csv_come_in_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdout.screening.readers.BATCH_BYTES", 1_000)
    content = "url,note\n" + "".join(f"{number},{'x' * 400}\n" for number in range(20))
    (unit,) = units_of(given(tmp_path / "a.csv", content.encode()))
    found = list(batches(unit, Columns()))
    assert max(batch.columns.num_rows for batch in found) <= 3
    assert [batch.first_row for batch in found[:2]] == [0, found[0].columns.num_rows]
    assert [url for batch in found for url in batch.keys["url"].to_pylist()] == [str(n) for n in range(20)]


def names(*patterns: object) -> list[str]:
    return [Path(one.url).name for one in find_inputs(map(str, patterns))]


def test_what_lies_below_a_hidden_folder_is_no_input(tmp_path: Path) -> None:
    for name in ("_up/in/a.csv", "_up/in/_temporary/0/b.csv", "_up/in/_delta_log/c.csv", "_up/in/x/.d.csv"):
        given(tmp_path / name, b"url\n")
    folder = tmp_path / "_up/in"
    assert names(folder) == names(folder / "**/*.csv") == ["a.csv"]
    assert names(folder / "_temporary/*/*.csv") == names(folder / "_t*/*/*.csv") == ["b.csv"]
