"""`holdout fingerprint` and `holdout check FOLDER`: pictures are looked at where they lie."""

import errno
import hashlib
import importlib
import io
import json
import os
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from holdout import __version__
from holdout.cli import main
from holdout.errors import Conflict, InvalidInput, Unavailable, UnreadablePicture
from holdout.fingerprinting import kept, look, run, table
from holdout.fingerprinting.pool import in_order
from holdout.fingerprinting.run import Summary, fingerprint
from holdout.fingerprinting.walk import walk
from holdout.fingerprints import PictureFingerprints, Sandbox
from holdout.fingerprints.describe import describe
from holdout.fingerprints.limits import MAX_BYTES
from holdout.screening.inputs import find_inputs
from holdout.screening.readers import Columns, batches
from holdout.screening.units import units_of
from lookup.formats import Columns as JobColumns
from lookup.formats import find_columns, pieces
from lookup.parsing import read_fingerprints
from tests.holdout.painted import painted
from tests.holdout.registry_server import serving
from tests.holdout.registry_stub import NO_AI, OPEN, RegistryStub

Out = pytest.CaptureFixture[str]


def encoded(seed: int, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    painted(seed, width=320, height=240).save(file, kind)
    return file.getvalue()


PICTURES = [encoded(seed) for seed in range(3)]
DOT = io.BytesIO()
Image.new("RGB", (1, 1), "red").save(DOT, "PNG")


def pixel_bomb() -> bytes:
    """A PNG of a few bytes that says it has 2.5 billion pixels."""
    dot = bytearray(DOT.getvalue())
    dot[16:24] = (50_000).to_bytes(4, "big") * 2
    dot[29:33] = zlib.crc32(dot[12:29]).to_bytes(4, "big")
    return bytes(dot)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with two pictures and one below it."""
    folder = tmp_path / "pictures"
    (folder / "b").mkdir(parents=True)
    for name, data in zip(("a.jpg", "b/c", "d.jpg"), PICTURES, strict=True):
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.parquet"


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is looked at, in an instant and in this process."""
    seen: list[bytes] = []

    def at_once(sandbox: Sandbox, data: bytes, *, query: bool) -> PictureFingerprints:
        assert query
        seen.append(data)
        if data not in PICTURES:
            return describe(data, query=True)
        return KNOWN[data]

    monkeypatch.setattr(Sandbox, "fingerprint", at_once)
    monkeypatch.setattr(Sandbox, "run", lambda sandbox, data, *, query: None)
    return seen


KNOWN: dict[bytes, PictureFingerprints] = {}


@pytest.fixture(scope="module", autouse=True)
def known() -> None:
    KNOWN.update({data: describe(data, query=True) for data in PICTURES})


def rows(out: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(out).to_pylist()
    return found


def names(out: Path) -> list[str]:
    return [row["path"] for row in rows(out)]


def errors(out: Path) -> dict[str, str | None]:
    return {row["path"]: row["error"] for row in rows(out)}


# What is written


def test_a_row_is_what_the_registry_would_have_seen_in_the_picture(
    pictures: Path, out: Path, capsys: Out
) -> None:
    assert main(["fingerprint", str(pictures), "--out", str(out), "--workers", "2"]) == 0
    assert names(out) == ["a.jpg", "b/c", "d.jpg"]
    for row, data in zip(rows(out), PICTURES, strict=True):
        expected = describe(data, query=True)
        assert row["fingerprints"] == expected.to_bytes()
        assert PictureFingerprints.from_bytes(row["fingerprints"]) == expected
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        assert row["pixels_sha256"] == (expected.pixels or b"").hex()
        assert row["iscc_instance"] == expected.iscc_instance.hex()
        assert (row["width"], row["height"], row["format"]) == (320, 240, "JPEG")
        assert (row["gate"], row["quality"]) == ("ok", expected.panes[0].quality)
        assert row["phash_256"] == (expected.phash or b"").hex()
        assert row["pdq_256"] == (expected.pdq or b"").hex()
        assert (row["size"], row["error"], row["error_detail"]) == (len(data), None, None)
    said = json.loads(pq.read_schema(out).metadata[b"holdout"])
    assert (said["record"], said["library"]) == ("holdout-fingerprints/1", __version__)
    assert {"phash-256/1", "pdq-256/1", "keypoints/1"} < set(said["algorithms"])
    assert str(pictures).encode() not in out.read_bytes()
    shown = capsys.readouterr()
    assert (str(out) in shown.out, shown.err) == (True, "")


def test_no_bad_file_costs_more_than_its_row(tmp_path: Path, out: Path, capsys: Out) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    bad = {
        "bomb.png": (pixel_bomb(), "picture_too_many_pixels"),
        "cut.jpg": (PICTURES[0][:2_000], "picture_damaged"),
        "empty.jpg": (b"", "picture_format_unsupported"),
        "enormous.jpg": (PICTURES[0], "picture_too_large"),
        "photo.heic": (b"\0\0\0\x18ftypheic", "picture_format_unsupported"),
        "text.JPG": (b"no picture at all", "picture_format_unsupported"),
    }
    for name, (data, _) in bad.items():
        (folder / name).write_bytes(data)
    os.truncate(folder / "enormous.jpg", MAX_BYTES + 1)
    (folder / "dot.png").write_bytes(DOT.getvalue())
    (folder / "wrong.png").write_bytes(PICTURES[0])
    (folder / "gone.jpg").symlink_to("nowhere")
    assert main(["fingerprint", str(folder), "--out", str(out), "--json"]) == 2
    expected = {name: code for name, (_, code) in bad.items()} | {"gone.jpg": "file_unreadable"}
    assert errors(out) == {**expected, "dot.png": None, "wrong.png": None}
    by_name = {row["path"]: row for row in rows(out)}
    assert (by_name["dot.png"]["gate"], by_name["dot.png"]["phash_256"]) == ("tiny", None)
    assert by_name["wrong.png"]["format"] == "JPEG"
    for name in expected:
        row = by_name[name]
        assert len(row["error_detail"]) > 20
        assert (row["sha256"], row["fingerprints"]) == (None, None)
    summary = json.loads(capsys.readouterr().out)
    assert (summary["pictures"], summary["failed"]) == (2, 7)
    assert summary["errors"]["picture_format_unsupported"] == 3


def test_what_is_no_picture_is_counted_and_not_read_to_its_end(
    pictures: Path, out: Path, looked_at: list[bytes], capsys: Out
) -> None:
    (pictures / "notes.txt").write_text("no picture")
    with (pictures / "backup.tar").open("wb") as file:
        file.truncate(1 << 40)
    os.mkfifo(pictures / "pipe")
    (pictures / "link").symlink_to("nowhere")
    assert main(["fingerprint", str(pictures), "--out", str(out), "--json"]) == 0
    assert names(out) == ["a.jpg", "b/c", "d.jpg"]
    assert json.loads(capsys.readouterr().out)["skipped"] == 4
    assert main(["fingerprint", str(pictures / "notes.txt"), "--out", str(out)]) == 2  # it was named
    assert list(errors(out).values()) == ["picture_format_unsupported"]


def test_a_folder_without_a_picture_is_a_mistake(tmp_path: Path, out: Path, capsys: Out) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "notes.txt").write_text("no picture")
    assert main(["fingerprint", str(folder), "--out", str(out)]) == 2
    assert "(input_missing)" in capsys.readouterr().err
    assert main(["fingerprint", str(folder / "nowhere"), "--out", str(out)]) == 2
    assert "(input_missing)" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]


# Which files


def test_links_are_followed_to_each_folder_once(pictures: Path) -> None:
    (pictures / "b/up").symlink_to("..")
    (pictures / "b/loop").symlink_to("loop")
    (pictures / "x").symlink_to("b")
    (pictures / ".hidden.jpg").write_bytes(PICTURES[0])
    (pictures / ".git").mkdir()
    (pictures / ".git/e.jpg").write_bytes(PICTURES[0])
    found = list(walk([pictures]))
    assert [one.name for one in found] == ["a.jpg", "b/c", "b/loop", "d.jpg"]
    assert found[2].problem is not None  # a link to itself: nobody knows what it was


def test_the_order_is_that_of_the_names_whatever_the_disk_says(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forwards = [one.name for one in walk([pictures])]
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: sorted(listed(path), reverse=True))
    assert [one.name for one in walk([pictures])] == forwards == ["a.jpg", "b/c", "d.jpg"]


def test_several_folders_keep_their_names_apart(pictures: Path) -> None:
    b = pictures / "b"
    assert [one.name for one in walk([b, pictures / "a.jpg"])] == [f"{b}/c", f"{pictures}/a.jpg"]
    assert [one.name for one in walk([b, pictures])] == [f"{b}/c", f"{pictures}/a.jpg", f"{pictures}/d.jpg"]


def test_patterns_choose_among_names(pictures: Path) -> None:
    (pictures / "e.JPG").write_bytes(b"")
    assert [one.name for one in walk([pictures], only=["*.jpg"])] == ["a.jpg", "d.jpg", "e.JPG"]
    assert [one.name for one in walk([pictures], only=["b/*", "d*"])] == ["b/c", "d.jpg"]
    assert all(one.is_meant for one in walk([pictures], only=["b/*"]))


def test_a_name_that_is_no_utf_8_and_a_very_deep_folder_are_no_obstacles(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.jpg")).write_bytes(b"")
    for depth in range(1, 1_200):
        tmp_path.joinpath(*["d"] * depth).mkdir()
    try:
        found = [one.name for one in walk([tmp_path])]
    finally:
        subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # Python's own way to do it is recursive
    assert found == ["\\xff.jpg"]


def test_a_folder_that_cannot_be_read_is_an_error_and_the_others_are_read(
    pictures: Path, out: Path, looked_at: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.listdir

    def refused(path: Path) -> list[str]:
        if path == pictures / "b":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "listdir", refused)
    assert main(["fingerprint", str(pictures), "--out", str(out)]) == 2
    assert errors(out) == {"a.jpg": None, "b/": "folder_unreadable", "d.jpg": None}


def test_a_file_that_cannot_be_read_is_an_error_and_asked_for_again(
    pictures: Path, out: Path, looked_at: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def refused(path: Path, *arguments: Any, **more: Any) -> Any:
        if path.name == "c":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", refused)
    assert main(["fingerprint", str(pictures), "--out", str(out)]) == 2
    assert errors(out)["b/c"] == "file_unreadable"
    monkeypatch.undo()
    assert main(["fingerprint", str(pictures), "--out", str(out)]) == 0


def test_a_file_that_is_written_meanwhile_is_not_believed(pictures: Path) -> None:
    (found,) = walk([pictures / "a.jpg"])
    (pictures / "a.jpg").write_bytes(PICTURES[1])
    with Sandbox() as sandbox, pytest.raises(InvalidInput, match="input_changed"):
        look.look(found, sandbox)


# Again


def test_only_what_changed_is_looked_at_again(
    pictures: Path, out: Path, looked_at: list[bytes], capsys: Out
) -> None:
    words = ["fingerprint", str(pictures), "--out", str(out), "--json"]
    (pictures / "bad.jpg").write_bytes(b"\xff\xd8\xff cut")
    with pytest.raises(UnreadablePicture):
        describe(b"\xff\xd8\xff cut", query=True)
    assert main(words) == 2
    first = rows(out)
    assert len(looked_at) == 4
    looked_at.clear()
    (pictures / "b/c").write_bytes(PICTURES[0])
    (pictures / "d.jpg").unlink()
    (pictures / "a0.jpg").write_bytes(PICTURES[1])
    capsys.readouterr()
    assert main(words) == 2
    assert sorted(looked_at) == sorted([PICTURES[0], PICTURES[1]])
    assert names(out) == ["a.jpg", "a0.jpg", "b/c", "bad.jpg"]
    assert rows(out)[0] == first[0]
    assert rows(out)[3] == first[2]
    assert rows(out)[2]["sha256"] == first[0]["sha256"]
    assert json.loads(capsys.readouterr().out)["found_again"] == 2
    looked_at.clear()
    assert main([*words, "--again"]) == 2
    assert len(looked_at) == 4


def test_an_interrupted_run_goes_on_where_it_stopped(
    pictures: Path, out: Path, looked_at: list[bytes], monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setattr(kept, "GROUP_ROWS", 1)

    def stop(summary: Summary) -> None:
        if summary.files == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fingerprint([pictures], out, workers=1, progress=stop)
    assert not out.exists()
    done = len(looked_at)
    looked_at.clear()
    parts = kept.parts_folder(out)
    assert len(list(parts.glob("*.parquet"))) == 2
    (parts / "0000009.parquet").write_bytes(b"PAR1 cut")  # what a dying disk may leave
    assert done >= 2
    summary = fingerprint([pictures], out, workers=1)
    assert (summary.pictures, summary.found_again, looked_at) == (3, 2, PICTURES[2:])
    assert [row["fingerprints"] for row in rows(out)] == [KNOWN[data].to_bytes() for data in PICTURES]
    assert not parts.exists()


def test_what_another_folder_or_algorithm_gave_is_not_believed(
    pictures: Path, out: Path, looked_at: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint([pictures], out, workers=1)
    assert fingerprint([pictures / "b", pictures], out, workers=1).found_again == 0
    assert fingerprint([pictures / "b", pictures], out, workers=1).found_again == 3
    monkeypatch.setattr(table.Run, "below", lambda paths: table.Run("the same", ("phash-256/2",)))
    assert fingerprint([pictures / "b", pictures], out, workers=1).found_again == 0


def test_many_rows_come_in_row_groups_that_a_registry_reads(
    pictures: Path, out: Path, looked_at: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        os.link(pictures / "a.jpg", pictures / f"n{number}.jpg")
    monkeypatch.setattr(kept, "GROUP_ROWS", 4)
    fingerprint([pictures], out, workers=2)
    written = pq.read_metadata(out)
    assert [written.row_group(n).num_rows for n in range(written.num_row_groups)] == [4, 4, 2]
    monkeypatch.setattr(kept, "GROUP_BYTES", 1)
    assert fingerprint([pictures], out, workers=2, again=True).found_again == 0
    assert pq.read_metadata(out).num_row_groups == 10


def test_two_runs_do_not_write_one_file(pictures: Path, out: Path) -> None:
    with kept.held(out), pytest.raises(Conflict, match="out_in_use"):
        fingerprint([pictures], out, workers=1)


@pytest.mark.parametrize("content", [b"a diary", None])
def test_a_file_that_holds_something_else_is_not_written_over(
    pictures: Path, out: Path, content: bytes | None
) -> None:
    if content is None:
        pq.write_table(pa.table({"url": ["https://a.example/"]}), out)
    else:
        out.write_bytes(content)
    before = out.read_bytes()
    with pytest.raises(Conflict, match="out_not_ours"):
        fingerprint([pictures], out, workers=1)
    assert out.read_bytes() == before


def test_a_full_disk_leaves_what_was_there(
    pictures: Path, out: Path, looked_at: list[bytes], monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    fingerprint([pictures], out, workers=1)
    before = out.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["fingerprint", str(pictures), "--out", str(out), "--again"]) == 2
    assert "(storage_full)" in capsys.readouterr().err
    assert out.read_bytes() == before


# When nothing can be looked at


def no_process(*_: object, **__: object) -> Any:
    raise Unavailable("sandbox_unavailable", "No process.")


def test_a_picture_for_which_no_process_was_to_be_had_fails_alone(
    pictures: Path, out: Path, looked_at: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_PAUSE_SECONDS", 0.0)
    at_once, unlucky = Sandbox.fingerprint, [PICTURES[1]] * 2

    def sometimes(sandbox: Sandbox, data: bytes, *, query: bool) -> PictureFingerprints:
        if data == PICTURES[0]:
            no_process()
        if data in unlucky:
            unlucky.remove(data)
            no_process()
        return at_once(sandbox, data, query=query)

    monkeypatch.setattr(Sandbox, "fingerprint", sometimes)
    summary = fingerprint([pictures], out, workers=1)
    assert errors(out) == {"a.jpg": "sandbox_unavailable", "b/c": None, "d.jpg": None}
    assert summary.errors == {"sandbox_unavailable": 1}
    monkeypatch.setattr(run, "_MOST_UNAVAILABLE", 1)
    with pytest.raises(Unavailable):
        fingerprint([pictures], out, workers=1)


def test_without_a_sandbox_nothing_is_begun(
    pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setattr(Sandbox, "run", no_process)
    assert main(["fingerprint", str(pictures), "--out", str(out)]) == 2
    assert "(sandbox_unavailable)" in capsys.readouterr().err
    monkeypatch.setattr(run, "can_look", lambda: False)
    assert main(["fingerprint", str(pictures), "--out", str(out)]) == 2
    assert "(pictures_missing)" in capsys.readouterr().err
    assert not out.exists()


def test_our_own_mistake_with_a_file_does_not_lose_the_others(
    pictures: Path, out: Path, looked_at: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = Sandbox.fingerprint

    def wrong(sandbox: Sandbox, data: bytes, *, query: bool) -> PictureFingerprints:
        return at_once(sandbox, data, query=query) if data != PICTURES[1] else 1 / 0  # type: ignore[return-value]

    monkeypatch.setattr(Sandbox, "fingerprint", wrong)
    fingerprint([pictures], out, workers=1)
    assert errors(out) == {"a.jpg": None, "b/c": "unit_crashed", "d.jpg": None}


def test_a_pool_keeps_the_order_and_does_not_run_far_ahead() -> None:
    begun: list[int] = []

    def values() -> Iterator[int]:
        for number in range(1_000):
            begun.append(number)
            yield number

    results = in_order(lambda number: number * 2, values(), threads=2)
    assert next(results) == 0
    assert len(begun) <= 17
    results.close()
    assert list(in_order(str, range(50), threads=3)) == list(map(str, range(50)))


# Asking with it


@pytest.fixture
def stub() -> RegistryStub:
    return RegistryStub()


@pytest.fixture
def server(stub: RegistryStub, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(stub) as address:
        monkeypatch.setenv("HOLDOUT_URL", address)
        monkeypatch.setenv("HOLDOUT_KEY", "ho_test_key")
        yield address


Check = Callable[..., dict[str, Any]]


@pytest.fixture
def check(server: str, looked_at: list[bytes], capsys: Out) -> Check:
    """What `holdout check --json` says, with its exit code."""

    def asked(*words: object) -> dict[str, Any]:
        code = main(["check", *map(str, words), "--on-unset", "keep", "--json"])
        shown = capsys.readouterr()
        return {**json.loads(shown.out), "code": code, "err": shown.err}

    return asked


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_job_takes_the_file_as_it_is(
    pictures: Path, out: Path, looked_at: list[bytes], server: str, stub: RegistryStub
) -> None:
    fingerprint([pictures], out, workers=1)
    assert main(["job", "submit", str(out), "--fingerprints-column", "fingerprints"]) == 0
    assert list(stub.uploads.values()) == [out.read_bytes()]
    assert dict(stub.requests[0].url.params) == {"fingerprints_column": "fingerprints"}
    assert main(["job", "submit", str(out)]) == 0
    assert dict(stub.requests[1].url.params) == {}


def test_the_registrys_own_reader_finds_the_columns_and_asks_by_them(
    pictures: Path, out: Path, looked_at: list[bytes]
) -> None:
    (pictures / "bad.jpg").write_bytes(b"")
    fingerprint([pictures], out, workers=1)
    columns = find_columns(out, "parquet", JobColumns())
    assert columns == JobColumns(sha256="sha256", fingerprints="fingerprints")
    (piece,) = pieces(out, "parquet", columns, rows=1_000)
    cells = piece["fingerprints"].to_pylist()
    assert [cell and read_fingerprints(cell).sha256.hex() for cell in cells] == piece["sha256"].to_pylist()
    assert cells[2] is None


def test_screening_by_digest_takes_the_file_too(pictures: Path, out: Path, looked_at: list[bytes]) -> None:
    (pictures / "bad.jpg").write_bytes(b"")
    fingerprint([pictures], out, workers=1)
    (unit,) = units_of(find_inputs([str(out)])[0])
    (batch,) = batches(unit, Columns())
    assert batch.asked.errors == {2: "query_has_no_key"}


def test_a_folder_is_checked_file_by_file(check: Check, stub: RegistryStub, pictures: Path) -> None:
    stub.says = {digest(PICTURES[1]): NO_AI, digest(PICTURES[2]): OPEN, "https://a.example/": NO_AI}
    (pictures / "bad.jpg").write_bytes(b"")
    (pictures / "notes.txt").write_text("no picture")
    said = check("https://a.example/", pictures)
    answers = {answer["target"]: (answer["decision"], answer["error"]) for answer in said["answers"]}
    assert answers == {
        "https://a.example/": ("drop", None),
        f"{pictures}/a.jpg": ("keep", None),
        f"{pictures}/b/c": ("drop", None),
        f"{pictures}/bad.jpg": ("fail", "picture_format_unsupported"),
        f"{pictures}/d.jpg": ("keep", None),
    }
    assert list(answers) == [answer["target"] for answer in said["answers"]]
    assert said["code"] == 2
    assert "1 files that are no pictures were skipped" in said["err"]
    (request,) = stub.requests
    queries = json.loads(request.content)["queries"]
    assert [set(query) for query in queries] == [{"url"}, *[{"fingerprints"}] * 3]
    assert check(pictures, "--only", "b/*")["code"] == 1


def test_a_line_a_file_is_shown(
    server: str, looked_at: list[bytes], stub: RegistryStub, pictures: Path, capsys: Out
) -> None:
    stub.says = {digest(data): OPEN for data in PICTURES}
    assert main(["check", str(pictures)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert lines == [f"may be used  {pictures}/{name}" for name in ("a.jpg", "b/c", "d.jpg")]


def test_a_call_has_the_fingerprints_of_64_pictures_at_most(
    check: Check, stub: RegistryStub, pictures: Path
) -> None:
    for number in range(100):
        os.link(pictures / "a.jpg", pictures / f"n{number:03d}.jpg")
    stub.says = {digest(PICTURES[0]): OPEN}
    said = check(pictures, "--workers", 2)
    assert (said["code"], len(said["answers"])) == (0, 103)
    assert sorted(map(len, stub.asked)) == [39, 64]


@pytest.mark.parametrize("name", ["empty", "nowhere"])
def test_a_folder_in_which_nothing_was_checked_is_no_success(check: Check, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    said = check(tmp_path / name)
    assert said["code"] == 2
    assert [a["error"] for a in said["answers"]] in (["input_missing"], ["file_unreadable"])


def test_an_older_registry_that_knows_no_fingerprints_is_said_to_be_one(
    server: str, looked_at: list[bytes], stub: RegistryStub, pictures: Path, capsys: Out
) -> None:
    detail = "This query cannot be read: Object contains unknown field `fingerprints`."
    failed = {"status": "failed", "error": {"code": "query_malformed", "detail": detail}}
    said = {"as_of": {"log_index": 1, "time": "2026-11-22T09:30:00+00:00"}, "results": [failed] * 3}
    stub.faults.append(lambda request: httpx.Response(200, json=said))
    assert main(["check", str(pictures)]) == 2
    shown = capsys.readouterr().out
    assert shown.count("This registry is older than this command and compares no fingerprints") == 3


def test_without_the_extra_a_folder_is_checked_by_digest(
    check: Check, stub: RegistryStub, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("holdout.cli.check"), "can_look", lambda: False)
    (pictures / "notes.txt").write_text("no picture")
    stub.says = {digest(PICTURES[1]): NO_AI}
    said = check(pictures)
    assert [answer["decision"] for answer in said["answers"]] == ["keep", "drop", "keep"]
    assert "compared by digest alone" in said["err"]
    assert stub.asked == [[digest(data) for data in PICTURES]]
