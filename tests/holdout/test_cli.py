"""The command's small parts: check, job, plan, and how it complains."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from benchmarks import plan_figures
from holdout import __version__
from holdout.cli import app, main
from holdout.client import Client
from holdout.planning import KEYS_OF_FIGURES, Asked, read_figures, stages
from tests.holdout.registry_server import serving
from tests.holdout.registry_stub import (
    ASK_FIRST,
    JOB,
    LOOK,
    NO_AI,
    OPEN,
    RegistryStub,
    later,
    problem,
)

ALLOW, DENY, REVIEW = (f"https://a.example/{name}" for name in ("allow", "deny", "review"))
UNSET = "https://b.example/unset"


@pytest.fixture
def stub() -> RegistryStub:
    stub = RegistryStub()
    stub.says = {ALLOW: OPEN, DENY: NO_AI, REVIEW: LOOK}
    return stub


@pytest.fixture
def server(stub: RegistryStub, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(stub) as address:
        monkeypatch.setenv("HOLDOUT_URL", address)
        monkeypatch.setenv("HOLDOUT_KEY", "ho_test_key")
        yield address


Out = pytest.CaptureFixture[str]


def test_it_says_its_version_and_what_it_can_do(capsys: Out) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"holdout {__version__}\n"
    assert main([]) == 2
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("check", "fingerprint", "screen", "snapshot", "job", "plan"))


@pytest.mark.parametrize(
    ("targets", "policy", "code"),
    [
        ([ALLOW], [], 0),
        ([UNSET], [], 1),
        ([UNSET], ["--on-unset", "keep"], 0),
        ([REVIEW], ["--on-unset", "keep"], 1),
        ([REVIEW], ["--on-unset", "keep", "--on-review", "keep"], 0),
        ([REVIEW], ["--on-unset", "keep", "--on-review", "hold"], 1),
        ([DENY], ["--on-unset", "keep", "--on-review", "keep"], 1),
        ([DENY], ["--on-unset", "keep", "--use", "search"], 0),
        ([ALLOW, DENY], [], 1),
        ([ALLOW, "https://"], [], 2),
        ([DENY, "https://"], [], 2),
        (["nowhere.jpg"], ["--on-unset", "keep"], 2),
        ([UNSET], ["--on-unset", "hold"], 2),
        ([UNSET], ["--use", "training"], 2),
    ],
)
def test_it_ends_with_0_only_if_everything_may_be_used(
    targets: list[str], policy: list[str], code: int, server: str, stub: RegistryStub
) -> None:
    if "https://" in targets:
        stub.says["https://"] = OPEN
        stub.faults.append(_spoil_last)
    assert main(["check", *targets, *policy]) == code


def _spoil_last(request: Any) -> Any:
    stub = RegistryStub()
    stub.says = {ALLOW: OPEN, DENY: NO_AI}
    said = stub.answer(request).json()
    said["results"][-1] = {"status": "failed", "error": {"code": "url_invalid", "detail": "No."}}
    import httpx

    return httpx.Response(200, json=said)


def test_it_shows_what_is_said_by_whom_and_under_which_policy(
    server: str, stub: RegistryStub, capsys: Out
) -> None:
    stub.disputed = {DENY}
    assert main(["check", DENY, UNSET]) == 1
    shown = capsys.readouterr()
    assert f"not to be used  {DENY}" in shown.out
    assert "deny: train_gen, train_other, ai_input, tdm; unknown: search" in shown.out
    assert "by url, L3: stm_" in shown.out
    assert "disputed" in shown.out
    assert "of which nobody spoke: drop; for review: drop" in shown.err


def test_json_is_for_programs(server: str, capsys: Out) -> None:
    assert main(["check", DENY, "nowhere.jpg", "--json", "--use", "tdm"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert said["policy"]["uses"] == ["tdm"]
    first, second = said["answers"]
    assert (first["decision"], first["uses"]["tdm"], first["as_of"]) == ("drop", "deny", 41)
    assert (second["decision"], second["status"], second["error"]) == ("fail", "failed", "file_unreadable")
    assert second["uses"] == {}


def test_a_file_is_asked_about_by_its_digest_where_nothing_else_can_be(
    server: str, stub: RegistryStub, tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOLDOUT_KEY")
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(b"no picture at all")
    digest = hashlib.sha256(b"no picture at all").hexdigest()
    stub.says[digest] = ASK_FIRST
    assert main(["check", str(picture)]) == 1
    said = capsys.readouterr()
    assert "conditional: train_gen" in said.out
    assert "compared by digest alone" in said.err


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\xff\xd8\xff\xe0 cut"])
def test_a_file_that_cannot_be_looked_at_was_not_checked(
    server: str, stub: RegistryStub, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "picture.jpg").write_bytes(content)
    assert main(["check", str(tmp_path / "picture.jpg"), "--on-unset", "keep"]) == 2
    assert stub.asked == []


@pytest.mark.slow
def test_a_picture_is_asked_about_by_what_it_shows_too(
    server: str, stub: RegistryStub, tmp_path: Path
) -> None:
    import numpy as np
    from PIL import Image

    small = np.random.default_rng(3).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(small).resize((400, 400), Image.Resampling.BICUBIC).save(tmp_path / "picture.png")
    main(["check", str(tmp_path / "picture.png")])
    (query,) = json.loads(stub.requests[0].content)["queries"]
    assert set(query) == {"fingerprints"}


def test_without_a_key_the_public_door_answers(
    server: str, stub: RegistryStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOLDOUT_KEY")
    assert main(["check", ALLOW]) == 0
    assert main(["check", DENY, ALLOW]) == 1
    assert {request.url.path for request in stub.requests} == {"/v1/status"}
    stub.faults.append(lambda request: problem(422, "url_invalid"))
    assert main(["check", "https://", ALLOW]) == 2


def test_a_registry_that_cannot_be_asked_is_a_failure_and_says_why(
    server: str, stub: RegistryStub, capsys: Out
) -> None:
    stub.faults.append(lambda request: problem(401, "key_unknown"))
    assert main(["check", ALLOW]) == 2
    assert "(key_unknown)" in capsys.readouterr().err
    assert main(["check", ALLOW, "--server", "registry.example"]) == 2
    assert "(server_invalid)" in capsys.readouterr().err


def test_a_person_does_not_wait_for_long(
    stub: RegistryStub, monkeypatch: pytest.MonkeyPatch, server: str, capsys: Out
) -> None:
    stub.faults.append(later(retry_after="100"))
    assert main(["check", ALLOW]) == 2
    assert "overloaded" in capsys.readouterr().err


def test_a_job_goes_from_submission_to_result_and_receipt(
    server: str, stub: RegistryStub, tmp_path: Path, capsys: Out
) -> None:
    table = tmp_path / "scraped.csv"
    table.write_text("link\nhttps://a.example/\n")
    assert main(["job", "submit", str(table), "--url-column", "link", "--hits-only"]) == 0
    assert capsys.readouterr().out.strip() == JOB
    stub.job_states.append({"state": "running", "rows": 4, "rows_done": 2, "counts": {"deny": 1}})
    assert main(["job", "status", JOB]) == 0
    assert f"{JOB} running: 2 of 4 rows\n  deny 1" in capsys.readouterr().out
    assert main(["job", "result", JOB, "--out", str(tmp_path / "r.parquet")]) == 0
    assert (tmp_path / "r.parquet").read_bytes() == stub.result
    assert main(["job", "receipt", JOB, "--out", str(tmp_path / "receipt.json")]) == 0
    assert json.loads((tmp_path / "receipt.json").read_text())["version"] == 1
    capsys.readouterr()
    assert main(["job", "receipt", JOB]) == 0
    assert json.loads(capsys.readouterr().out)["log"] == "lookups"
    assert main(["job", "cancel", JOB]) == 0
    assert "cancelled" in capsys.readouterr().out
    assert main(["job", "resume", JOB]) == 0
    assert "queued" in capsys.readouterr().out


def test_a_job_can_be_waited_for_and_its_failure_is_one(
    server: str, stub: RegistryStub, tmp_path: Path, capsys: Out
) -> None:
    table = tmp_path / "scraped.csv"
    table.write_text("url\nhttps://a.example/\n")
    stub.job_states.extend([{"state": "running"}, {"state": "done", "rows": 1, "rows_done": 1}])
    assert main(["job", "submit", str(table), "--wait", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "done"
    failed = {"state": "failed", "error": {"code": "upload_damaged", "detail": "Send it again."}}
    stub.job_states.append(failed)
    assert main(["job", "submit", str(table), "--wait"]) == 2
    shown = capsys.readouterr()
    assert (shown.out, "upload_damaged: Send it again." in shown.err) == (f"{JOB}\n", True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["job", "status", "../keys"], "job_unknown"),
        (["job", "submit", "nowhere.csv"], "os"),
        (["job", "submit", __file__], "upload_format_unknown"),
        (["plan", "--rows", "0"], "plan_invalid"),
        (["plan", "--rows", "1e400"], "plan_invalid"),
        (["plan", "--rows", "nan"], "plan_invalid"),
        (["plan", "--rows", "1", "--columns", "phash"], "columns_unknown"),
        (["plan", "--rows", "1", "--figures", __file__], "figures_malformed"),
    ],
)
def test_mistakes_are_explained(arguments: list[str], code: str, server: str, capsys: Out) -> None:
    assert main(arguments) == 2
    assert f"({code})" in capsys.readouterr().err


def test_what_needs_a_key_says_so(server: str, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    monkeypatch.delenv("HOLDOUT_KEY")
    assert main(["job", "status", JOB]) == 2
    assert "HOLDOUT_KEY" in capsys.readouterr().err


def test_a_plan_counts_bytes_and_core_hours_of_each_stage(tmp_path: Path, capsys: Out) -> None:
    figures = {
        **dict.fromkeys(KEYS_OF_FIGURES, 1.0),
        "snapshot_urls_per_core_s": 1_000_000,
        "snapshot_bytes_per_key": 3.5,
        "online_bytes_up_per_url": 92,
    }
    path = tmp_path / "figures.json"
    path.write_text(json.dumps({"machine": "m", "date": "d", "figures": figures}))
    words = ["plan", "--rows", "3.6e9", "--hits", "0", "--keys", "1e7", "--figures", str(path)]
    assert main([*words, "--json"]) == 0
    found = {(s["way"], s["stage"]): s for s in json.loads(capsys.readouterr().out)["stages"]}
    assert found["snapshot", "fetch"]["bytes"] == 35_000_000
    assert found["snapshot", "screen"]["core_hours"] == 1.0
    assert found["online", "ask"]["bytes"] == 3.6e9 * 92
    assert found["online", "ask"]["note"] == "360,000 calls"
    assert main(words) == 0
    assert "331.2 GB" in capsys.readouterr().out


@pytest.mark.parametrize("asked", list(Asked))
def test_every_way_to_ask_can_be_planned_with_the_figures_that_come_along(asked: Asked) -> None:
    planned = stages(2e9, asked=asked, figures=read_figures())
    assert {stage.way for stage in planned} == {"online", "job", "snapshot"}
    assert all(stage.bytes or stage.core_hours for stage in planned)


def test_figures_come_from_the_benchmarks(tmp_path: Path) -> None:
    committed = json.loads(plan_figures.FIGURES.read_text())
    assert set(committed["figures"]) == set(committed["from"]) == KEYS_OF_FIGURES
    result = {"machine": "fast", "commit": "c", "date": "2027-01-01", "figures": {"packed_per_core_s": 9e6}}
    (tmp_path / "lookup.json").write_text(json.dumps(result))
    made, missing = plan_figures.updated(committed, results=tmp_path)
    assert made["figures"]["online_files_per_server_core_s"] == 9e6
    assert (made["machine"], made["provisional"]) == ("fast", True)
    assert set(missing) == KEYS_OF_FIGURES - {"online_files_per_server_core_s"}


def test_a_cancelled_job_that_was_waited_for_is_no_success(
    server: str, stub: RegistryStub, tmp_path: Path
) -> None:
    table = tmp_path / "scraped.csv"
    table.write_text("url\nhttps://a.example/\n")
    stub.job_states.append({"state": "cancelled"})
    assert main(["job", "submit", str(table), "--wait"]) == 2
    stub.job_states.append({"state": "cancelled"})
    assert main(["job", "status", JOB]) == 2


def test_who_interrupts_it_is_told_what_that_means(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "job", interrupt)
    assert main(["job", "status", JOB]) == 130
    assert "What was finished stays finished" in capsys.readouterr().err


def commands(group: Any, *names: str) -> Iterator[tuple[str, Any]]:
    """Every command below a group, by its whole name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *names, name)
        else:
            yield " ".join((*names, name)), command


def test_every_command_and_option_is_in_the_reference() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/reference/cli.md").read_text()
    found = dict(commands(get_command(app)))
    assert {"check", "fingerprint", "screen", "plan", "snapshot fetch", "job submit"} <= set(found)
    for name, command in found.items():
        assert f"`{name.split()[-1]} " in page or f"`holdout {name}" in page, name
        options = [option for parameter in command.params for option in parameter.opts if "--" in option]
        assert [option for option in options if f"{option}" not in page] == [], name


def test_the_example_of_the_reference_runs(stub: RegistryStub, capsys: Out) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/reference/client.md").read_text()
    first, second, third, _ = re.findall(
        r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL
    )  # the last: Spark
    rows = [{"url": url, "sha256": None, "headers": {"x-robots-tag": "noai"}} for url in (ALLOW, DENY, UNSET)]
    ingested: list[Any] = []

    def client(address: str, key: str) -> Client:
        return Client(address, key, transport=stub.transport())

    names = {"key": "k", "urls": [ALLOW, DENY], "rows": rows, "ingest": ingested.append}
    exec(first.replace("import AsyncClient, Client", "import AsyncClient"), {**names, "Client": client})
    assert [line.split()[1:] for line in capsys.readouterr().out.splitlines()] == [
        ["checked", "allow"],
        ["checked", "deny"],
    ]
    with client("https://r.example", "k") as registry:
        kept_record = second.replace('training.write_record("screened.json")', "")
        known = {**names, "registry": registry}
        exec(kept_record, known)
        exec(third, known)
        assert list(known["kept"]) == []  # type: ignore[call-overload]
    assert ingested == [rows[0], rows[2]]
