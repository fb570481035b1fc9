"""What README and tutorials tell to type is typed here, in its order, and answers what they say."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consent.services import declare
from holdout.fingerprints.vectors import PICTURES, png
from holdout.receipts import verify_opening
from holdout.vocabulary import UsageCategory
from launcher import ports
from launcher.roles import all_roles
from launcher.usage import COMMANDS
from ledger.queries import receipt as ledger_receipt
from ledger.services import wait_for_entry
from registry.models import Declarant
from tests.factories import NO_AI, place
from tests.flows.conftest import Start, until
from tests.flows.documents import ROOT, SERVER, commands, inline

PAGES = (
    "README.md",
    *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs/tutorials").glob("*.md")),
    "docs/howto/screen-a-data-set.md",
    "docs/howto/check-a-receipt.md",
)
TYPED_HERE = {
    "README.md",
    "docs/tutorials/vendor.md",
    "docs/howto/screen-a-data-set.md",
    "docs/howto/check-a-receipt.md",
}
"""The pages with a test below that types every command which the list does not name."""

NOT_TYPED = {
    "./run demo": "a minute's work; `tests/demo` and `tests/launcher` hold its parts",
    "./run test": "this is it",
    "./run test --system": "this, on other engines; `.ci/run` does it",
    "./run serve": "its processes are started here one by one",
    "./run serve --demo": "`tests/demo` asks its pages",
    "./run check": "`.ci/run` does it",
    "./run help": "prints what `launcher.usage` says",
    "./run docs": "`tests/contracts/test_docs.py` builds them",
    "./run screenshots": "`tests/browser` takes them",
    "pip install '.[pictures,s3]'": "`tests/holdout/test_wheel.py` installs it",
    "./run bench setup": "a measurement",
    "./run bench overload": "a measurement",
}
"""What a page may tell to type without a test that does, and why."""

CURL = """\
curl() {
    case " $* " in
        *" -f "*) command curl -q -sS --noproxy '*' "$@" ;;
        *) command curl -q -sS --noproxy '*' --fail-with-body "$@" ;;
    esac
}
"""
"""A refusal ends the shell, and nothing of the caller's own settings has a say."""

URL = "https://example.org/a.jpg"
UNKNOWN = {use.value: "unknown" for use in UsageCategory}

HOLDOUT = f'holdout() {{ "{sys.executable}" -m holdout "$@"; }}\n'
"""The command, as it is when the library is installed."""

Type = Callable[[list[str]], list[str]]
TypePage = Callable[[str], list[str]]


def to_type(page: str) -> list[str]:
    return [command for command in commands((ROOT / page).read_text()) if command not in NOT_TYPED]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_typed_here_or_on_the_list_of_those_that_are_not(page: str) -> None:
    typed = to_type(page)
    assert page in TYPED_HERE or typed == []
    assert [command for command in inline((ROOT / page).read_text()) if command not in NOT_TYPED] == []


def test_every_command_on_that_list_is_there() -> None:
    listed = [command.split()[1:] for command in NOT_TYPED if command.startswith("./run ")]
    assert {name for name, *_ in listed} <= set(COMMANDS)
    for benchmark in (rest[0] for name, *rest in listed if name == "bench"):
        assert (ROOT / f"benchmarks/{benchmark}.py").exists()


def test_commands_are_found_in_indented_and_in_fenced_blocks() -> None:
    page = """
Do this:

    ./run demo      # the whole job
    curl http://127.0.0.1:8000/ \\
         -d 'two
    lines # and no comment'
    # only said

```sh
for page in 1 2
do ./run check
done
```

```json
{"no": "command"}
```
"""
    assert commands(page) == [
        "./run demo",
        "curl http://127.0.0.1:8000/ \\\n     -d 'two\nlines # and no comment'",
        "for page in 1 2\ndo ./run check\ndone",
    ]


# --- typing ------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like the checkout, and in which the commands may leave files."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.name not in {".venv", "run", "var"}:
            (folder / path.name).symlink_to(path)
    (folder / ".venv").symlink_to(sys.prefix)
    # Straight to the launcher: `run` itself might set out to install another Python's environment.
    (folder / "run").write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m launcher "$@"\n')
    (folder / "run").chmod(0o755)
    return folder


@pytest.fixture
def bash(checkout: Path, environment: dict[str, str]) -> Type:
    """Types commands into one shell and gives what each printed; one that fails fails the test."""
    if shutil.which("curl") is None:
        why = "THE COMMANDS IN THE DOCS ARE NOT TYPED: no curl here (Debian: apt-get install curl)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)

    def type_into_bash(lines: list[str]) -> list[str]:
        said = [checkout.parent / f"said-{number}" for number in range(len(lines))]
        steps = [f"{{ {line}\n}} > '{out}'" for line, out in zip(lines, said, strict=True)]
        script = "\n".join(["set -eu -o pipefail", CURL, HOLDOUT, *steps])
        shell = subprocess.run(
            ["bash", "-c", script],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=225,
            check=False,
        )
        begun = [out.read_text() for out in said if out.exists()]
        assert shell.returncode == 0, f"{lines[len(begun) - 1]}\n{begun[-1]}\n{shell.stderr}"
        return begun

    return type_into_bash


@pytest.fixture
def served(start: Start, environment: dict[str, str], tmp_path: Path) -> str:
    """Where the product answers: all that `./run serve` starts, but the engines."""
    port = ports.free()
    for role in all_roles(port=port, schedule=tmp_path / "beat"):
        _, *arguments = role.argv
        start(*arguments)
    until(lambda: ports.is_ready(port))
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def typed(bash: Type, served: str) -> TypePage:
    """Types all that a page tells to type at the product, and gives what each command printed."""

    def type_page(page: str) -> list[str]:
        lines = to_type(page)
        assert not [line for line in lines if line.startswith("curl") and SERVER not in line]
        return bash([line.replace(SERVER, served) for line in lines])

    return type_page


def rows(answered: Path, *columns: str) -> list[tuple[Any, ...]]:
    table = pq.read_table(io.BytesIO(answered.read_bytes()))
    return list(zip(*(table[column].to_pylist() for column in columns), strict=True))


def reserved(alice: Declarant, served: str, url: str = URL) -> None:
    """Alice says "No AI" about a picture, that of the examples; the registry answers so."""
    statement = declare(declarant=alice, subject=place(alice, url), preferences=NO_AI)
    wait_for_entry(record_id=statement.public_id, timeout_seconds=120)
    with httpx.Client(base_url=served, timeout=30, trust_env=False) as client:

        def denied() -> bool:
            status = client.get("/v1/status", params={"url": url})
            return status.status_code == 200 and status.json()["uses"]["train_gen"] == "deny"

        until(denied)


@pytest.mark.slow
def test_what_the_pages_tell_to_type_works(
    typed: TypePage,
    served: str,
    checkout: Path,
    alice: Declarant,
    environment: dict[str, str],
    vera_key: str,
) -> None:
    """One page after the other at one product: its start takes longer than most pages."""
    _a_vendors_first_screening(typed, checkout)
    _a_data_set_is_screened_in_every_way(typed, served, checkout, alice, environment, vera_key)
    _the_first_steps_of_the_readme(typed, served, checkout, alice)


def _a_vendors_first_screening(typed: TypePage, checkout: Path) -> None:
    key, lookup, _, submitted, _, state, result, receipt = typed("docs/tutorials/vendor.md")

    assert [key, result, receipt] == [""] * 3
    checked, failed = json.loads(lookup)["results"]
    assert (checked["status"], checked["uses"]) == ("checked", UNKNOWN)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "url_invalid")
    assert json.loads(submitted)["id"] == json.loads(state)["id"]
    table = pq.read_table(io.BytesIO((checkout / "answered.parquet").read_bytes()))
    assert table["url"].to_pylist() == ["https://example.org/a.jpg", "https://example.org/b.jpg"]
    assert {"holdout_status", *(f"holdout_{use}" for use in UNKNOWN)} <= set(table.column_names)
    verify_opening(json.loads((checkout / "receipt.json").read_text()))


def _a_data_set_is_screened_in_every_way(
    typed: TypePage,
    served: str,
    checkout: Path,
    alice: Declarant,
    environment: dict[str, str],
    vera_key: str,
) -> None:
    scraped = [URL, "https://example.org/c.jpg", "not a url"]
    reserved(alice, served, scraped[1])
    (checkout / "pictures").mkdir()
    (checkout / "pictures/a.png").write_bytes(png(PICTURES["landscape"]()))
    (checkout / "scraped").mkdir()
    for name in "ab":
        pq.write_table(pa.table({"url": scraped}), checkout / f"scraped/{name}.parquet")
    (checkout / "scraped.csv").write_text("url\n" + "\n".join(scraped) + "\n")
    page = "docs/howto/screen-a-data-set.md"

    plan, _, _, check, *rest = typed(page)

    assert "2,000,000,000 rows" in plan
    assert check.count("may be used") == 2
    assert "version" in rest[-1]
    said = ["unknown", "deny", None]
    assert rows(checkout / "answered.parquet", "holdout_train_gen") == [(outcome,) for outcome in said]
    verify_opening(json.loads((checkout / "receipt.json").read_text()))
    for out in ("screened", "offline", "confirmed"):
        summary = json.loads((checkout / out / "summary.json").read_text())
        assert (summary["full_scan"], summary["outcomes"]) == (True, {"deny": 2, "failed": 2, "unknown": 2})
        assert summary["decisions"] == {"keep": 2, "hold": 0, "drop": 2, "fail": 2}
        (part, _) = sorted((checkout / out / "rows").iterdir())
        assert rows(part, "holdout_train_gen") == [(outcome,) for outcome in said]

    (program,) = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    known = {**environment, "HOLDOUT_URL": served, "HOLDOUT_KEY": vera_key}
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=checkout, env=known, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "https://example.org/a.jpg\nhttps://example.org/b.jpg\n"
    assert json.loads((checkout / "screened.json").read_text())["errors"] == {"url_invalid": 1}


def _the_first_steps_of_the_readme(typed: TypePage, served: str, checkout: Path, alice: Declarant) -> None:
    reserved(alice, served)
    (checkout / "scraped.csv").write_text(f"url\n{URL}\nhttps://example.org/b.jpg\n")

    key, lookup, submitted, state, result, receipt, status = typed("README.md")

    assert [key, submitted, result, receipt] == [""] * 4  # into variables and files
    assert [answer["uses"]["train_gen"] for answer in json.loads(lookup)["results"]] == ["deny", "unknown"]
    assert json.loads(state)["state"] in {"queued", "running", "done"}
    assert rows(checkout / "answered.parquet", "url", "holdout_status", "holdout_train_gen") == [
        (URL, "checked", "deny"),
        ("https://example.org/b.jpg", "checked", "unknown"),
    ]
    verify_opening(json.loads((checkout / "receipt.json").read_text()))
    assert json.loads(status)["uses"] == UNKNOWN


@pytest.mark.slow
def test_a_receipt_is_checked_with_one_command(
    bash: Type, start: Start, alice: Declarant, checkout: Path
) -> None:
    start("manage.py", "sequencer")
    statement = declare(declarant=alice, subject=place(alice, URL), preferences=NO_AI)
    wait_for_entry(record_id=statement.public_id, timeout_seconds=120)
    held, spoiled = (ledger_receipt(statement.public_id) for _ in range(2))
    spoiled["record"]["preferences"] = {}
    file, check = checkout / "receipt.json", to_type("docs/howto/check-a-receipt.md")

    file.write_text(json.dumps(held))
    assert bash(check) == ["This receipt holds.\n"]
    for other, refusal in ((spoiled, "receipt_does_not_match"), ({"hello": 1}, "receipt_malformed")):
        file.write_text(json.dumps(other))
        with pytest.raises(AssertionError, match=refusal):
            bash(check)


@pytest.mark.slow
def test_a_command_that_is_refused_or_fails_is_noticed(bash: Type, live_server: Any) -> None:
    jobs = f"{live_server.url}/v1/jobs"
    for line, said in (
        (f"curl {jobs}", "key_missing"),
        (f"JOB=$(curl {jobs} | tee job.json)", "401"),
        (f"curl -f {jobs} -o jobs.json", "401"),
        ("./run manage no_such_command", "no_such_command"),
    ):
        with pytest.raises(AssertionError, match=said):
            bash(["true", line, "echo afterwards"])
