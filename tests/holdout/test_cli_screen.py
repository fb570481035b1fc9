"""`holdout screen`: files in, hits and a summary out."""

import bz2
import errno
import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdout.cli import main
from holdout.errors import SnapshotRefused
from holdout.opening import Choice
from holdout.policy import policy
from holdout.screening.inputs import Input, find_inputs
from holdout.screening.manifest import settings_digest
from holdout.screening.readers import Columns
from holdout.screening.units import units_of
from holdout.screening.work import Settings
from holdout.screening.workers import do_here, do_in_processes
from holdout.snapshot.folder import file_name
from tests.holdout.registry_server import serving
from tests.holdout.registry_stub import ASK_FIRST, NO_AI, OPEN, RegistryStub, later, problem
from tests.holdout.snapshot_stories import KEY, base, saying

RESERVED = "https://a.example/deny"
POLICY = ["--use", "train_gen", "--on-unset", "keep", "--on-review", "hold"]
Run = Callable[..., int]


@pytest.fixture
def stub() -> RegistryStub:
    stub = RegistryStub()
    stub.says = {RESERVED: NO_AI, "https://a.example/allow": OPEN, "9f" * 32: ASK_FIRST}
    return stub


@pytest.fixture
def server(stub: RegistryStub, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(stub) as address:
        monkeypatch.setenv("HOLDOUT_URL", address)
        monkeypatch.setenv("HOLDOUT_KEY", "ho_test_key")
        yield address


@pytest.fixture
def run(server: str, tmp_path: Path) -> Run:
    """Screen some inputs into `out`, in this process."""

    def run_it(*arguments: object, workers: int = 1, policy: list[str] = POLICY) -> int:
        words = [str(argument) for argument in arguments]
        return main(["screen", *words, "--out", str(tmp_path / "out"), *policy, "--workers", str(workers)])

    return run_it


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def urls(count: int, *reserved: int) -> list[str]:
    return [RESERVED if n in reserved else f"https://b.example/{n}" for n in range(count)]


def parquet(path: Path, columns: dict[str, Any], *, group: int = 1_000_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=group)
    return path


def table(out: Path, kind: str) -> pa.Table:
    parts = [pq.read_table(path) for path in sorted((out / kind).glob("*.parquet"))]
    return pa.concat_tables(parts)


def summary(out: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return said


def test_a_table_comes_back_with_its_answers_and_its_hits_say_where_they_stand(
    run: Run, out: Path, tmp_path: Path
) -> None:
    given = parquet(
        tmp_path / "a.parquet",
        {"n": list(range(6)), "URL": [*urls(4, 1, 3), None, "cat.jpg"], "text": ["x"] * 6},
        group=2,
    )
    assert run(given) == 0
    rows = table(out, "rows")
    assert rows.column_names[:3] == ["n", "URL", "text"]
    assert rows["n"].to_pylist() == list(range(6))
    assert rows["holdout_decision"].to_pylist() == ["keep", "drop", "keep", "drop", "fail", "fail"]
    assert rows["holdout_status"].to_pylist() == ["checked"] * 4 + ["failed"] * 2
    assert rows["holdout_train_gen"].to_pylist() == ["unknown", "deny", "unknown", "deny", None, None]
    assert rows["holdout_search"].to_pylist() == ["unknown"] * 4 + [None] * 2
    assert rows["holdout_error"].to_pylist() == [None] * 4 + ["query_has_no_key", "url_invalid"]
    hits = table(out, "hits").to_pylist()
    assert [(hit["file"], hit["row_group"], hit["row"], hit["url"]) for hit in hits] == [
        (str(given), 0, 1, RESERVED),
        (str(given), 1, 3, RESERVED),
        (str(given), 2, 4, None),
        (str(given), 2, 5, "cat.jpg"),
    ]
    assert {hit["holdout_statement"] for hit in hits} == {"stm_" + "a" * 26, None}


def test_the_summary_is_the_evidence_of_a_run(run: Run, out: Path, tmp_path: Path, server: str) -> None:
    given = parquet(tmp_path / "a.parquet", {"url": urls(5, 2)})
    run(given)
    said = summary(out)
    assert said["record"] == "holdout-screen/1"
    assert said["source"] == {"kind": "registry", "server": server}
    assert said["policy"]["on_unset"] == "keep"
    assert said["full_scan"] is True
    assert (said["rows"], said["hits"]) == (5, 1)
    assert said["outcomes"] == {"deny": 1, "unknown": 4}
    assert said["decisions"] == {"keep": 4, "hold": 0, "drop": 1, "fail": 0}
    assert said["as_of"] == [{"log_index": 41, "time": "2026-11-22T09:30:00.123000+00:00"}]
    (one,) = said["inputs"]
    assert (one["input"], one["rows"], one["state"], one["errors"]) == (str(given), 5, "done", [])


def test_hits_alone_are_written_for_who_wants_no_copy(run: Run, out: Path, tmp_path: Path) -> None:
    given = parquet(tmp_path / "a.parquet", {"url": urls(5, 2), "picture": [b"\0" * 100] * 5})
    assert run(given, "--hits-only") == 0
    assert not (out / "rows").exists()
    assert table(out, "hits")["row"].to_pylist() == [2]
    assert summary(out)["rows"] == 5


def test_a_run_without_hits_has_no_file_of_hits(run: Run, out: Path, tmp_path: Path) -> None:
    assert run(parquet(tmp_path / "a.parquet", {"url": urls(5)}), "--hits-only") == 0
    assert not (out / "hits").exists()
    assert summary(out)["hits"] == 0


TEXT = f"https://b.example/0\n{RESERVED}\r\n\nhttps://b.example/3"
LINES = f'{{"url": "https://b.example/0", "n": 1}}\n{{"url": "{RESERVED}"}}\n{{"url": 7}}\n{{}}\nno json\n'
CSV = f'n,url,note\n1,https://b.example/0,"a\nb"\n2,{RESERVED},x\n\n3,https://b.example/3\n4,"ftp://x\ny",z\n'


@pytest.mark.parametrize(
    ("name", "content", "errors"),
    [
        ("a.txt", TEXT, [None, None, "query_has_no_key", None]),
        ("a.jsonl", LINES, [None, None, "query_malformed", "query_has_no_key", "query_malformed"]),
        ("a.csv", CSV, [None, None, "row_malformed", "row_malformed", "row_malformed"]),
    ],
)
@pytest.mark.parametrize("compress", [None, gzip.compress, bz2.compress])
def test_every_row_of_a_text_file_has_its_answer(
    name: str, content: str, errors: list[str | None], compress: Any, run: Run, out: Path, tmp_path: Path
) -> None:
    ending = {None: "", gzip.compress: ".gz", bz2.compress: ".bz2"}[compress]
    path = tmp_path / f"{name}{ending}"
    path.write_bytes(compress(content.encode()) if compress else content.encode())
    assert run(path) == 0
    rows = table(out, "rows")
    assert rows["holdout_error"].to_pylist() == errors
    assert rows["holdout_train_gen"].to_pylist()[:2] == ["unknown", "deny"]
    assert rows["url"].to_pylist()[1] == RESERVED
    assert table(out, "hits")["row"].to_pylist()[0] == 1


def test_a_mark_of_the_encoding_belongs_to_no_url(run: Run, out: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + RESERVED.encode())
    assert run(tmp_path / "a.txt") == 0
    assert table(out, "rows")["holdout_train_gen"].to_pylist() == ["deny"]


def test_a_table_without_rows_is_one(run: Run, out: Path, tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", {"url": pa.array([], pa.string())})
    assert run(tmp_path / "a.parquet") == 0
    assert (summary(out)["rows"], summary(out)["full_scan"]) == (0, True)


def test_a_csv_keeps_its_columns_and_its_bytes(run: Run, out: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbflink,\xe5\x90\x8d\nhttps://b.example/\xff,\xff\n")
    assert run(tmp_path / "a.csv", "--url-column", "link") == 0
    rows = table(out, "rows")
    assert rows.column_names[:2] == ["link", "名"]
    assert rows["名"].to_pylist() == ["\ufffd"]


def test_digests_are_read_from_hex_and_from_bytes(
    run: Run, out: Path, tmp_path: Path, stub: RegistryStub
) -> None:
    stub.says["9f" * 16] = ASK_FIRST
    parquet(tmp_path / "in/hex.parquet", {"sha256": ["9f" * 32, "9F" * 32, "no", None]})
    parquet(tmp_path / "in/raw.parquet", {"SHA256": pa.array([b"\x9f" * 32, b"\0" * 32], pa.binary(32))})
    both = {"url": ["https://b.example/", RESERVED], "sha256": ["9f" * 32, None]}
    parquet(tmp_path / "in/both.parquet", both)
    assert run(tmp_path / "in", "--hits-only") == 0
    hits = table(out, "hits").to_pylist()
    seen: dict[str, list[Any]] = {Path(hit["file"]).name: [] for hit in hits}
    for hit in hits:
        seen[Path(hit["file"]).name].append((hit["row"], hit["holdout_train_gen"], hit["holdout_error"]))
    assert seen == {
        "both.parquet": [(0, "conditional", None), (1, "deny", None)],
        "hex.parquet": [
            (0, "conditional", None),
            (1, "conditional", None),
            (2, None, "fingerprint_malformed"),
            (3, None, "query_has_no_key"),
        ],
        "raw.parquet": [(0, "conditional", None)],
    }
    assert hits[-1]["sha256"] == "9f" * 32


def test_the_page_on_which_a_picture_was_found_counts(run: Run, out: Path, tmp_path: Path) -> None:
    pages = {"url": urls(3), "Page_URL": [None, RESERVED, "https://b.example/"]}
    assert run(parquet(tmp_path / "a.parquet", pages), "--hits-only") == 0
    (hit,) = table(out, "hits").to_pylist()
    assert (hit["row"], hit["page_url"], hit["holdout_train_gen"]) == (1, RESERVED, "deny")


def test_dictionaries_and_large_text_are_text(run: Run, out: Path, tmp_path: Path) -> None:
    values = urls(4, 2)
    columns = {
        "a": pa.array(values).dictionary_encode(),
        "b": pa.array(values, pa.large_string()),
        "c": pa.array([value.encode() for value in values], pa.binary()),
    }
    path = parquet(tmp_path / "a.parquet", columns)
    for column in columns:
        assert run(path, "--url-column", column, "--hits-only") == 0
        assert table(out, "hits").select(["row", "url"]).to_pylist() == [{"row": 2, "url": RESERVED}]


def test_files_are_found_by_folder_and_by_pattern(run: Run, out: Path, tmp_path: Path) -> None:
    for name in ("in/a.parquet", "in/deep/b.parquet", "in/deep/_c.parquet", "in/notes.md"):
        parquet(tmp_path / name, {"url": urls(3, 0)})
    assert run(tmp_path / "in", tmp_path / "in/*.parquet") == 0
    assert [Path(one["input"]).name for one in summary(out)["inputs"]] == ["a.parquet", "b.parquet"]
    assert table(out, "hits").num_rows == 2


@pytest.mark.parametrize(
    ("columns", "options", "code"),
    [
        ({"link": ["x"]}, [], "no_column_to_look_up"),
        ({"url": ["x"]}, ["--url-column", "link"], "column_missing"),
        ({"url": ["x"], "Url": ["y"]}, [], "column_twice"),
        ({"url": [1]}, [], "column_not_text"),
        ({"url": ["x"], "holdout_status": ["fine"]}, [], "column_reserved"),
    ],
)
def test_a_table_that_is_not_understood_fails_with_a_word_of_advice(
    columns: dict[str, Any],
    options: list[str],
    code: str,
    run: Run,
    out: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(parquet(tmp_path / "a.parquet", columns), *options) == 2
    (one,) = summary(out)["inputs"]
    assert (one["state"], one["errors"][0]["code"]) == ("failed", code)
    assert summary(out)["full_scan"] is False
    assert code in capsys.readouterr().err


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        middle = len(content) // 3
        path.write_bytes(content[:middle] + b"\xff" * 64 + content[middle + 64 :])


@pytest.mark.parametrize("how", ["cut", "empty", "overwritten"])
def test_a_damaged_file_is_reported_and_the_others_are_screened(
    how: str, run: Run, out: Path, tmp_path: Path
) -> None:
    for name in "abc":
        parquet(
            tmp_path / f"in/{name}.parquet", {"url": [f"https://b.example/{n * 7919}" for n in range(5_000)]}
        )
    damage(tmp_path / "in/b.parquet", how)
    assert run(tmp_path / "in") == 2
    said = summary(out)
    assert {Path(one["input"]).stem: one["state"] for one in said["inputs"]} == {
        "a": "done",
        "b": "failed",
        "c": "done",
    }
    assert (said["full_scan"], said["rows"]) == (False, 10_000)
    assert not list((out / "rows").glob("b-*"))


def test_a_damaged_gzip_file_counts_for_nothing(run: Run, out: Path, tmp_path: Path) -> None:
    content = gzip.compress("\n".join(urls(200_000)).encode())
    (tmp_path / "a.txt.gz").write_bytes(content[: len(content) // 2])
    assert run(tmp_path / "a.txt.gz") == 2
    assert summary(out)["inputs"][0]["errors"][0]["code"] == "input_damaged"
    assert (summary(out)["rows"], list(out.glob("rows/*"))) == (0, [])


def test_a_finished_run_is_not_done_again(run: Run, out: Path, tmp_path: Path, stub: RegistryStub) -> None:
    given = parquet(tmp_path / "a.parquet", {"url": urls(5, 2)})
    run(given)
    first, asked = summary(out), len(stub.asked)
    assert run(given) == 0
    assert len(stub.asked) == asked
    unchanging = ("rows", "outcomes", "decisions", "full_scan", "hits", "inputs")
    assert {key: first[key] for key in unchanging} == {key: summary(out)[key] for key in unchanging}
    assert run(given, "--again") == 0
    assert len(stub.asked) == 2 * asked


@pytest.mark.parametrize("what", ["input", "policy", "columns", "results", "manifest"])
def test_what_changed_is_done_again(
    what: str, run: Run, out: Path, tmp_path: Path, stub: RegistryStub
) -> None:
    given = parquet(tmp_path / "in/a.parquet", {"url": urls(5, 2), "link": urls(5, 1)})
    other = parquet(tmp_path / "in/b.parquet", {"url": urls(5, 3), "link": urls(5, 1)})
    run(given, other)
    asked, policy, options = len(stub.asked), list(POLICY), []
    if what == "input":
        parquet(given, {"url": urls(6, 4), "link": urls(6, 1)})
    elif what == "policy":
        policy[3] = "drop"
    elif what == "columns":
        options = ["--url-column", "link"]
    elif what == "results":
        next(out.glob("rows/a-*")).write_bytes(b"PAR1")
    else:
        next(out.glob("manifest/a-*")).write_bytes(b"{")
    assert run(given, other, *options, policy=policy) == 0
    done_again = len(stub.asked) - asked
    assert done_again == (1 if what in ("input", "results", "manifest") else 2)
    rows = {"input": 11}.get(what, 10)
    assert (table(out, "rows").num_rows, summary(out)["rows"]) == (rows, rows)


@pytest.mark.parametrize(("hours", "times"), [(47, 1), (49, 2)])
def test_what_a_registry_said_long_ago_is_asked_again(
    hours: int, times: int, run: Run, out: Path, tmp_path: Path, stub: RegistryStub
) -> None:
    given = parquet(tmp_path / "a.parquet", {"url": urls(5, 2)})
    assert run(given) == 0
    asked = len(stub.asked)
    (path,) = out.glob("manifest/*")
    done = json.loads(path.read_text())
    done["finished"] = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    path.write_text(json.dumps(done))
    assert run(given) == 0
    assert len(stub.asked) == times * asked


def test_the_summary_names_its_files_and_the_folder_holds_no_others(
    run: Run, out: Path, tmp_path: Path
) -> None:
    """Not those of inputs that were renamed, damaged, or done by a run that left no word of it."""
    for name in "abc":
        parquet(tmp_path / f"in/{name}.parquet", {"url": urls(5, 2)})
    assert run(tmp_path / "in") == 0
    assert len(summary(out)["outputs"]) == 6
    (tmp_path / "in/a.parquet").rename(tmp_path / "in/d.parquet")
    damage(tmp_path / "in/b.parquet", "cut")
    lost = out / f"rows/lost-{'0' * 12}-00000.parquet"
    lost.write_bytes(b"PAR1")
    (out / "rows/notes.parquet").write_bytes(b"a stranger's")
    assert run(tmp_path / "in") == 2
    for output in summary(out)["outputs"]:
        content = (out / output["name"]).read_bytes()
        assert (output["bytes"], output["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert output["rows"] == pq.read_metadata(out / output["name"]).num_rows
    there = {str(path.relative_to(out)) for kind in ("rows", "hits") for path in (out / kind).iterdir()}
    assert there == {output["name"] for output in summary(out)["outputs"]} | {"rows/notes.parquet"}
    assert {Path(name).name[0] for name in there} == {"c", "d", "n"}


@pytest.mark.parametrize("field", ["unit", "outputs"])
def test_a_manifest_cannot_have_anything_else_deleted(
    field: str, run: Run, out: Path, tmp_path: Path
) -> None:
    given = parquet(tmp_path / "a.parquet", {"url": urls(5, 2)})
    assert run(given) == 0
    mine = tmp_path / "mine.json"
    mine.write_text("{}")
    (path,) = out.glob("manifest/*")
    done = json.loads(path.read_text())
    if field == "unit":
        done["unit"] = "../../mine"
    else:
        done["outputs"][0] |= {"name": "../mine.json", "bytes": 2}
    path.write_text(json.dumps(done))
    assert run(given) == 0
    assert run(given, "--again") == 0
    assert mine.exists()
    assert {output["name"].split("/")[0] for output in summary(out)["outputs"]} == {"rows", "hits"}


def test_a_pattern_reports_what_it_cannot_read(
    run: Run, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parquet(tmp_path / "in/a.parquet", {"url": urls(5)})
    (tmp_path / "in/b.tsv").write_text("url\n")
    (tmp_path / "in/_SUCCESS").write_text("")
    assert run(tmp_path / "in/*") == 2
    assert {Path(one["input"]).name: one["state"] for one in summary(out)["inputs"]} == {
        "a.parquet": "done",
        "b.tsv": "failed",
    }
    assert "input_format_unknown" in capsys.readouterr().err


@pytest.fixture
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdout.screening.units.UNIT_ROWS", 1_000)


def test_results_of_an_input_that_shrank_do_not_stay(
    small_units: None, run: Run, out: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    for groups in (3, 1):
        with pq.ParquetWriter(path, pa.schema([("url", pa.string())])) as writer:
            for _ in range(groups):
                writer.write_table(pa.table({"url": urls(700)}))
        assert run(path, "--hits-only") == 0
        assert len(list(out.glob("manifest/*"))) == groups


def test_a_large_table_is_cut_at_its_row_groups_and_every_row_keeps_its_place(
    small_units: None, run: Run, out: Path, tmp_path: Path
) -> None:
    reserved = {0, 699, 700, 1_399, 2_099}
    given = parquet(tmp_path / "a.parquet", {"url": urls(2_100, *reserved)}, group=700)
    assert run(given, "--hits-only") == 0
    assert len(list(out.glob("manifest/*"))) == 3
    hits = table(out, "hits")
    assert set(hits["row"].to_pylist()) == reserved
    assert {hit["row"] // 700 == hit["row_group"] for hit in hits.to_pylist()} == {True}


def test_lines_are_cut_too(run: Run, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdout.screening.units.UNIT_BYTES", 1_000)
    reserved = {0, 63, 64, 65, 499}
    (tmp_path / "a.txt").write_text("\n".join(urls(500, *reserved)))
    assert run(tmp_path / "a.txt") == 0
    assert len(list(out.glob("manifest/*"))) > 9
    assert set(table(out, "hits")["row"].to_pylist()) == reserved
    assert table(out, "rows")["url"].to_pylist() == urls(500, *reserved)


def test_an_empty_file_of_lines_has_no_rows(run: Run, out: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    assert run(tmp_path / "a.txt") == 0
    assert (summary(out)["rows"], summary(out)["full_scan"]) == (0, True)


def test_a_file_that_changes_while_it_is_read_does_not_count(
    run: Run, out: Path, tmp_path: Path, stub: RegistryStub
) -> None:
    given = parquet(tmp_path / "a.parquet", {"url": urls(5)})

    def meddle(request: Any) -> Any:
        os.utime(given, ns=(1, 1))
        return stub.answer(request)

    stub.faults.append(meddle)
    assert run(given) == 2
    assert summary(out)["inputs"][0]["errors"][0]["code"] == "input_changed"
    assert run(given) == 0


def test_a_key_that_is_not_known_ends_the_run_at_once(
    run: Run, out: Path, tmp_path: Path, stub: RegistryStub, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        parquet(tmp_path / f"in/{name}.parquet", {"url": urls(5)})
    stub.faults.extend([lambda request: problem(401, "key_unknown")] * 9)
    assert run(tmp_path / "in") == 2
    assert "key_unknown" in capsys.readouterr().err
    assert len(stub.requests) == 1
    assert not list(out.glob("rows/*"))


def test_a_registry_that_was_away_is_asked_again(run: Run, tmp_path: Path, stub: RegistryStub) -> None:
    stub.faults.extend([later(retry_after="0")] * 3)
    assert run(parquet(tmp_path / "a.parquet", {"url": urls(5)})) == 0


def test_two_runs_do_not_write_into_one_folder(
    run: Run, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    given = parquet(tmp_path / "a.parquet", {"url": urls(5)})
    out.mkdir()
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run(given) == 2
    assert "out_in_use" in capsys.readouterr().err


@pytest.mark.slow
def test_several_processes_do_what_one_does(run: Run, out: Path, tmp_path: Path) -> None:
    for name in "abcd":
        parquet(tmp_path / f"in/{name}.parquet", {"url": urls(1_000, 7)}, group=300)
    damage(tmp_path / "in/c.parquet", "cut")
    assert run(tmp_path / "in", workers=2) == 2
    said = summary(out)
    assert (said["rows"], said["outcomes"]) == (3_000, {"deny": 3, "unknown": 2_997})
    assert [one["state"] for one in said["inputs"]] == ["done", "done", "failed", "done"]
    assert set(table(out, "hits")["row"].to_pylist()) == {7}


@pytest.mark.slow
def test_a_refusal_ends_all_processes(
    run: Run, tmp_path: Path, stub: RegistryStub, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abcd":
        parquet(tmp_path / f"in/{name}.parquet", {"url": urls(5)})
    stub.faults.extend([lambda request: problem(401, "key_unknown")] * 99)
    assert run(tmp_path / "in", workers=2) == 2
    assert "key_unknown" in capsys.readouterr().err


def screening(arguments: list[str]) -> "subprocess.Popen[bytes]":
    """The command as a process of its own."""
    command = [sys.executable, "-m", "holdout", "screen", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_ended_goes_on_where_it_stopped(
    how: signal.Signals, run: Run, out: Path, tmp_path: Path, stub: RegistryStub
) -> None:
    """Killed without a word, or interrupted, after some files; nothing is lost, nothing done twice."""
    for number in range(12):
        parquet(tmp_path / f"in/{number:02}.parquet", {"url": urls(2_000, number)})
    run(parquet(tmp_path / "before.parquet", {"url": urls(5, 2)}))
    assert (out / "summary.json").exists()
    answer = stub.answer

    def slowly(request: Any) -> Any:
        time.sleep(0.1)
        return answer(request)

    stub.answer = slowly  # type: ignore[method-assign]
    process = screening([str(tmp_path / "in"), "--out", str(out), *POLICY, "--workers", "2"])
    deadline = time.monotonic() + 60
    while len(list(out.glob("manifest/*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, how)
    assert process.wait(30) != 0
    time.sleep(0.2)
    finished = len(list(out.glob("manifest/*.json")))
    assert 3 <= finished < 12
    assert not (out / "summary.json").exists()  # that of the run before is no evidence of this one
    stub.answer = answer  # type: ignore[method-assign]
    asked = len(stub.asked)
    assert run(tmp_path / "in") == 0
    assert len(stub.asked) - asked == 12 - finished
    assert table(out, "rows").num_rows == summary(out)["rows"] == 24_000
    assert sorted(table(out, "hits")["row"].to_pylist()) == list(range(12))
    assert not list(out.glob("*/.*"))


@pytest.mark.slow
def test_a_file_that_ends_every_worker_is_given_up_and_the_others_are_done(
    run: Run, out: Path, tmp_path: Path, stub: RegistryStub
) -> None:
    """As a decoder with a bug would: the worker that asks about this file is killed, each time."""
    for name in "abc":
        parquet(tmp_path / f"in/{name}.parquet", {"url": [f"https://{name}.example/"]})
    answer = stub.answer

    def deadly(request: Any) -> Any:
        if b"b.example" in request.content:
            for child in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
                for pid in child.read_text().split():
                    if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        _kill_if_it_reads(int(pid), tmp_path / "in/b.parquet")
        return answer(request)

    stub.answer = deadly  # type: ignore[method-assign]
    assert run(tmp_path / "in", workers=2) == 2
    states = {Path(one["input"]).stem: one["state"] for one in summary(out)["inputs"]}
    assert states == {"a": "done", "b": "failed", "c": "done"}
    errors = [error["code"] for one in summary(out)["inputs"] for error in one["errors"]]
    assert errors == ["unit_kills_workers"]


def _kill_if_it_reads(pid: int, path: Path) -> None:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        if descriptor.is_symlink() and str(descriptor.readlink()) == str(path):
            os.kill(pid, signal.SIGKILL)
            return


def test_a_full_disk_ends_the_run_and_nothing_half_written_stays(
    run: Run, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    given = parquet(tmp_path / "a.parquet", {"url": urls(5, 2)})
    with monkeypatch.context() as patched:
        patched.setattr("holdout.screening.places.durable_replace", full)
        assert run(given) == 2
    assert "No space left" in capsys.readouterr().err
    assert [path.name for path in out.rglob("*") if path.is_file()] == [".lock"]
    assert run(given) == 0


def test_results_that_cannot_be_written_are_not_blamed_on_the_inputs(
    run: Run, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for name in "abc":
        parquet(tmp_path / f"in/{name}.parquet", {"url": urls(5, 2)})
    monkeypatch.setattr("holdout.screening.places.durable_replace", refused)
    assert run(tmp_path / "in") == 2
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "input_unreadable" not in said
    assert not (out / "summary.json").exists()


def test_an_input_that_the_disk_does_not_give_fails_alone(
    run: Run, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        parquet(tmp_path / f"in/{name}.parquet", {"url": urls(5, 2)})
    version = Input.current_version

    def away(given: Input) -> str | None:
        if given.url.endswith("a.parquet"):
            raise OSError(errno.EIO, "Input/output error")
        return version(given)

    monkeypatch.setattr(Input, "current_version", away)
    assert run(tmp_path / "in") == 2
    assert [one["state"] for one in summary(out)["inputs"]] == ["failed", "done"]
    assert summary(out)["inputs"][0]["errors"][0]["code"] == "input_unreadable"


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_snapshot_that_is_replaced_during_a_run_ends_it(workers: int, tmp_path: Path) -> None:
    """A worker opens the folder later than the run did."""
    folder = tmp_path / "snapshot"
    folder.mkdir()
    now = datetime.now(UTC)
    file = base(saying({}), version=1, created=now, expires=now + timedelta(days=2))
    (folder / file_name(since=0, version=1)).write_bytes(file)
    choice = Choice(snapshot=folder, public_keys=(KEY.public.text,))
    settings = Settings(
        choice, policy(use="train_gen", on_unset="keep", on_review="hold"), Columns(), str(tmp_path / "out")
    )
    units = [
        unit
        for name in "ab"
        for unit in units_of(find_inputs([str(parquet(tmp_path / f"{name}.parquet", {"url": urls(5)}))])[0])
    ]
    other = settings_digest({"source": "the one before"})
    do = do_here if workers == 1 else partial(do_in_processes, workers=workers)
    with pytest.raises(SnapshotRefused, match="snapshot_differs"):
        list(do(units, settings, other, lambda *_: None))
    assert not list(tmp_path.glob("out/*/*"))


@pytest.mark.parametrize(
    ("missing", "word"),
    [("--use", "use"), ("--on-unset", "on-unset"), ("--on-review", "on-review"), ("--out", "out")],
)
def test_a_policy_has_no_silent_default(
    missing: str, word: str, server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["screen", "a.parquet", "--out", str(tmp_path), *POLICY]
    at = words.index(missing)
    assert main(words[:at] + words[at + 2 :]) == 2
    assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere.parquet"], "input_missing"),
        (["nowhere/*.parquet"], "input_missing"),
        (["nosuch://bucket/a.parquet"], "store_unknown"),
        ([__file__], "input_format_unknown"),
        ([__file__, "--confirm"], "source_missing"),
        ([__file__, "--confirm", "--confirm-by-ranges"], "options_exclusive"),
    ],
)
def test_a_mistake_is_explained_before_anything_is_done(
    arguments: list[str], code: str, run: Run, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert code in capsys.readouterr().err
    assert not out.exists()


def test_without_a_registry_or_a_key_it_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HOLDOUT_URL", raising=False)
    monkeypatch.delenv("HOLDOUT_KEY", raising=False)
    words = ["screen", __file__, "--format", "text", "--out", str(tmp_path / "o"), *POLICY]
    assert main(words) == 2
    assert "HOLDOUT_URL" in capsys.readouterr().err
    assert main([*words, "--server", "http://127.0.0.1:9"]) == 2
    assert "HOLDOUT_KEY" in capsys.readouterr().err
