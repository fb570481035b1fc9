"""Screening with a snapshot, alone and with a registry behind it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdout.answers import Answers, nothing_found
from holdout.cli import main
from holdout.client import Client
from holdout.errors import AnswerUnusable, SnapshotRefused
from holdout.filter import Filter
from holdout.offline import SnapshotSource
from holdout.questions import Questions, questions, with_errors
from holdout.snapshot.codes import ASK, from_uses
from holdout.snapshot.folder import file_name
from holdout.snapshot.read import Snapshot
from holdout.snapshot.state import State
from holdout.verdicts import AsOf, Outcome
from holdout.vocabulary import UsageCategory
from tests.holdout.registry_server import serving
from tests.holdout.registry_stub import ASK_FIRST, NO_AI, OPEN, RegistryStub
from tests.holdout.snapshot_stories import KEY, OTHER_KEY, base, probe_of, saying

NOW = datetime.now(UTC)
TRAIN = UsageCategory.TRAIN_GEN
DENY = from_uses({UsageCategory(use): Outcome(value) for use, value in NO_AI.items()})
CONDITIONAL = from_uses({UsageCategory(use): Outcome(value) for use, value in ASK_FIRST.items()})
FILE = bytes(range(32))

SAID = saying(
    {
        "d example,artist": DENY,
        "u example,b)/one.jpg": CONDITIONAL,
        "p example,b)/asked/": ASK,
        "p example,b)/asked/deny/": DENY,
    }
)
URLS = {
    "https://www.artist.example/x.jpg": "deny",
    "http://B.example/one.jpg": "conditional",
    "https://b.example/asked/x.jpg": None,
    "https://b.example/asked/deny/x.jpg": None,
    "https://b.example/two.jpg": "unknown",
    "cat.jpg": None,
    "": None,
}


def folder_with(path: Path, state: State, **changes: Any) -> Path:
    path.mkdir(exist_ok=True)
    version = changes.pop("version", 1)
    times = {"created": NOW, "expires": NOW + timedelta(days=2)}
    content = base(state, version=version, **{**times, **changes})
    (path / file_name(since=0, version=version)).write_bytes(content)
    return path


def opened(path: Path) -> Snapshot:
    return Snapshot.open(path, public_key=KEY.public, now=NOW)


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return opened(folder_with(tmp_path / "snapshot", SAID))


@pytest.fixture
def stub() -> RegistryStub:
    return RegistryStub()


@pytest.fixture
def client(stub: RegistryStub) -> Iterator[Client]:
    with Client("https://registry.example", "k", transport=stub.transport()) as opened_client:
        yield opened_client


def test_a_snapshot_answers_for_every_row_and_never_permits(snapshot: Snapshot) -> None:
    source = SnapshotSource(snapshot)
    answers = list(source.ask(questions(urls=list(URLS))))
    assert [answer.outcome(TRAIN) for answer in answers] == list(URLS.values())
    assert [answer.error for answer in answers] == [
        None, None, "confirmation_needed", "confirmation_needed", None, "url_invalid", "query_has_no_key",
    ]  # fmt: skip
    assert answers[0].uses == NO_AI
    assert {answer.as_of and answer.as_of.log_index for answer in answers} == {41}
    assert Outcome.ALLOW not in {outcome for answer in answers for outcome in answer.uses.values()}


def test_files_and_pages_are_asked_about_too_and_the_strictest_counts(tmp_path: Path) -> None:
    probe = int.from_bytes(FILE[:8], "big")
    said = State.of(
        pa.array([probe, probe_of("h example,page")], pa.uint64()).to_numpy(),
        pa.array([CONDITIONAL, DENY], pa.uint8()).to_numpy(),
    )
    source = SnapshotSource(opened(folder_with(tmp_path / "snapshot", said)))
    asked = questions(
        urls=["https://b.example/", "https://b.example/", None, "https://b.example/", "x"],
        sha256=[FILE, FILE, FILE, None, FILE],
        pages=[None, "https://page.example/7", None, "no page", None],
    )
    answers = list(source.ask(asked))
    assert [answer.outcome(TRAIN) for answer in answers] == ["conditional", "deny", "conditional", None, None]
    assert [answer.error for answer in answers][3:] == ["url_invalid", "url_invalid"]


def test_a_slice_of_a_column_is_asked_about_and_nothing_else(snapshot: Snapshot) -> None:
    urls = pa.array(["https://www.artist.example/", "https://b.example/two.jpg", *URLS])
    answers = SnapshotSource(snapshot).ask(questions(urls=urls.slice(2)))
    assert [answer.outcome(TRAIN) for answer in answers] == list(URLS.values())


def test_what_a_snapshot_finds_is_confirmed_by_the_registry(
    snapshot: Snapshot, stub: RegistryStub, client: Client
) -> None:
    """Its word counts: an exception, a permission, a false hit. It is asked about nothing else."""
    stub.says = {
        "https://www.artist.example/x.jpg": NO_AI,
        "https://b.example/asked/x.jpg": OPEN,
        "https://b.example/asked/deny/x.jpg": ASK_FIRST,
    }
    answers = list(SnapshotSource(snapshot, client).ask(questions(urls=list(URLS))))
    assert [answer.outcome(TRAIN) for answer in answers] == [
        "deny", "unknown", "allow", "conditional", "unknown", None, None,
    ]  # fmt: skip
    assert [answer.error for answer in answers][5:] == ["url_invalid", "query_has_no_key"]
    assert stub.asked == [list(URLS)[:4]]
    assert (answers[0].source, answers[4].source) == ("stm_" + "a" * 26, None)


class Told:
    """A registry that answers what `answer` makes of the number of asked rows."""

    def __init__(self, answer: Callable[[int], Answers]) -> None:
        self._answer = answer

    def ask(self, asked: Questions) -> Answers:
        return self._answer(asked.rows)

    def record(self) -> dict[str, Any]:
        return {"kind": "test"}


def as_of(log_index: int, rows: int) -> Answers:
    return replace(nothing_found(rows), as_of=(AsOf(log_index, NOW),))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda rows: as_of(40, rows), "answer_too_old"),
        (nothing_found, "answer_too_old"),
        (lambda rows: as_of(41, 1), "answer_unusable"),
        (lambda rows: as_of(41, rows + 1), "answer_unusable"),
    ],
)
def test_a_registry_behind_the_snapshot_or_one_that_miscounts_confirms_nothing(
    snapshot: Snapshot, answer: Callable[[int], Answers], code: str
) -> None:
    with pytest.raises(AnswerUnusable) as refusal:
        SnapshotSource(snapshot, Told(answer)).ask(questions(urls=list(URLS)))
    assert refusal.value.code == code


def test_a_registry_that_fails_on_a_hit_fails_that_row(snapshot: Snapshot) -> None:
    failing = Told(lambda rows: with_errors(as_of(41, rows), {0: "quota_strange"}))
    answers = list(SnapshotSource(snapshot, failing).ask(questions(urls=list(URLS))))
    assert [answer.error for answer in answers][:3] == ["quota_strange", None, None]
    assert answers[0].outcome(TRAIN) is None


def test_without_hits_nobody_is_asked(snapshot: Snapshot, stub: RegistryStub, client: Client) -> None:
    source = SnapshotSource(snapshot, client)
    assert source.ask(questions(urls=["https://b.example/two.jpg"])).rows == 1
    assert stub.requests == []


def test_the_filter_takes_a_snapshot_and_holds_what_only_the_registry_can_answer(snapshot: Snapshot) -> None:
    choose = Filter(snapshot, use="train_gen", on_unset="keep", on_review="keep")
    decisions = [(d.row, d.decision.value) for d in choose.decisions(URLS, url=str)]
    assert [decision for _, decision in decisions] == ["drop", "drop", "hold", "hold", "keep", "fail", "fail"]
    assert list(choose(URLS, url=str)) == ["https://b.example/two.jpg"]
    source = choose.record()["source"]
    assert (source["kind"], source["version"], source["confirmed_by"]) == ("snapshot", 1, None)


def test_the_filter_confirms_what_the_snapshot_finds(
    snapshot: Snapshot, stub: RegistryStub, client: Client
) -> None:
    stub.says = {"https://b.example/asked/x.jpg": OPEN}
    choose = Filter(snapshot, use="train_gen", on_unset="drop", on_review="drop", confirm=client)
    assert list(choose(URLS, url=str)) == ["https://b.example/asked/x.jpg"]
    assert choose.record()["source"]["confirmed_by"]["kind"] == "registry"
    with pytest.raises(TypeError):
        Filter(client, use="tdm", on_unset="drop", on_review="drop", confirm=client)


def test_a_snapshot_that_expires_in_the_middle_of_a_run_ends_it(snapshot: Snapshot) -> None:
    times = iter([NOW, NOW, NOW + timedelta(days=3)])
    choose = Filter(
        snapshot, use="tdm", on_unset="keep", on_review="drop", batch_rows=1, clock=lambda: next(times)
    )
    through = choose(["https://b.example/"] * 2, url=str)
    next(through)
    with pytest.raises(SnapshotRefused) as refused:
        next(through)
    assert refused.value.code == "snapshot_expired"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A snapshot's folder with the key that is trusted."""
    folder = folder_with(tmp_path / "snapshot", SAID)
    (folder / "public-keys.txt").write_text(KEY.public.text + "\n")
    return folder


POLICY = ["--use", "train_gen", "--on-unset", "keep", "--on-review", "hold"]


def table_of_urls(path: Path) -> Path:
    pq.write_table(pa.table({"url": list(URLS)}), path)
    return path


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_command_screens_with_a_snapshot_and_asks_nobody(
    workers: int, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDOUT_URL", "http://127.0.0.1:9")  # nobody listens there
    given = [table_of_urls(tmp_path / f"{name}.parquet") for name in "ab"]
    words = ["screen", *map(str, given), "--snapshot", str(kept), "--out", str(tmp_path / "out"), *POLICY]
    assert main([*words, "--workers", str(workers)]) == 0
    said = json.loads((tmp_path / "out/summary.json").read_text())
    assert said["decisions"] == {"keep": 2, "hold": 4, "drop": 4, "fail": 4}
    assert said["errors"] == {"confirmation_needed": 4, "query_has_no_key": 2, "url_invalid": 2}
    assert said["source"]["log_index"] == 41


def test_a_newer_snapshot_screens_anew(kept: Path, tmp_path: Path) -> None:
    given = table_of_urls(tmp_path / "a.parquet")
    words = ["screen", str(given), "--snapshot", str(kept), "--out", str(tmp_path / "out"), *POLICY]
    words += ["--workers", "1", "--hits-only"]
    assert main(words) == 0
    folder_with(kept, saying({"h example,b": DENY}), version=2)
    assert main(words) == 0
    said = json.loads((tmp_path / "out/summary.json").read_text())
    assert (said["source"]["version"], said["outcomes"]["deny"]) == (2, 4)


def test_the_command_confirms_only_when_it_is_told_to(
    kept: Path, tmp_path: Path, stub: RegistryStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.says = {"https://b.example/asked/x.jpg": OPEN}
    monkeypatch.setenv("HOLDOUT_KEY", "ho_test_key")
    with serving(stub) as address:
        words = ["check", "--snapshot", str(kept), "--server", address, "--use", "train_gen"]
        assert main([*words, "https://b.example/asked/x.jpg"]) == 1
        assert stub.requests == []
        assert main([*words, "https://b.example/asked/x.jpg", "--confirm"]) == 0
    assert stub.asked == [["https://b.example/asked/x.jpg"]]


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ([], "public_key_missing"),
        ([OTHER_KEY.public.text], "snapshot_untrusted"),
        (["no key"], "public_key_malformed"),
    ],
)
def test_a_snapshot_is_used_only_with_a_key_that_is_trusted(
    keys: list[str], code: str, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (kept / "public-keys.txt").unlink()
    words = [word for key in keys for word in ("--public-key", key)]
    assert main(["check", "https://b.example/", "--snapshot", str(kept), *words]) == 2
    assert f"({code})" in capsys.readouterr().err


def test_a_file_is_checked_offline_by_its_digest(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(b"a picture")
    words = ["check", str(tmp_path / "picture.jpg"), "--snapshot", str(kept)]
    assert main([*words, "--on-unset", "keep"]) == 0
    assert main(words) == 1
