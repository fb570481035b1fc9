"""The vendor's library and command against the product: every door, a job, a snapshot; all say the same."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datadiligence.evaluators import PreprocessEvaluator
from datadiligence.rules import SpawningAPI
from django.conf import LazySettings

from accounts.audit import SHELL
from accounts.models import Organization
from accounts.services import vet_for_snapshots
from consent.services import declare
from holdout.cli import main
from holdout.client import Client
from holdout.filter import Filter
from holdout.policy import Decision
from holdout.questions import questions
from holdout.receipts import verify_opening
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.verdicts import Outcome, Query, Status
from holdout.vocabulary import UsageCategory
from ledger.services import wait_for_entry
from lookup.snapshots import publish
from registry.models import Declarant
from registry.services import authorize_locators, register_locators
from tests.factories import NO_AI, OPEN, settle
from tests.flows.conftest import until

pytestmark = pytest.mark.slow

TRAIN = UsageCategory.TRAIN_GEN
POLICY = ["--use", "train_gen", "--on-unset", "keep", "--on-review", "hold"]
SAID = {
    "https://alice.example/tide.png": "deny",
    "http://ALICE.example:80/tide.png#top": "deny",
    "https://cdn.alice.example/ebb.png": "deny",
    "https://alice.example/free/ebb.png": "allow",
    "https://bob.example/unheard.png": "unknown",
    "not a url": None,
    "": None,
}


@pytest.fixture
def said(alice: Declarant, live_server: Any) -> None:
    """Alice reserves her domain, with one folder that anybody may use; the registry answers so."""
    places = [(KeyKind.DOMAIN, "alice.example"), (KeyKind.PATH, "https://alice.example/free/")]
    locators = register_locators(declarant=alice, targets=places)
    authorize_locators(declarant=alice, locators=locators, level=Assurance.L3, method="operator")
    for locator, preferences in zip(locators, (NO_AI, OPEN), strict=True):
        declare(declarant=alice, subject=locator, preferences=preferences)
    settle()
    with Client(live_server.url) as anybody:
        assert anybody.status("https://alice.example/free/").outcome(TRAIN) is Outcome.ALLOW


@pytest.fixture
def registry(said: None, live_server: Any, vera_key: str) -> Iterator[Client]:
    with Client(live_server.url, vera_key) as client:
        yield client


@pytest.fixture
def at_home(live_server: Any, vera_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of Vera's shell."""
    monkeypatch.setenv("HOLDOUT_URL", live_server.url)
    monkeypatch.setenv("HOLDOUT_KEY", vera_key)


def table(path: Path) -> Path:
    pq.write_table(pa.table({"link": list(SAID), "n": list(range(len(SAID)))}), path, row_group_size=3)
    return path


def test_every_door_says_the_same(
    registry: Client, product: None, at_home: None, tmp_path: Path, vera: Organization
) -> None:
    given = table(tmp_path / "scraped.parquet")
    expected = list(SAID.values())

    lines = list(registry.lookup_urls(SAID))
    assert [answer.outcome(TRAIN) for answer in lines] == expected
    named = [url for url in SAID if url]
    queries = list(registry.lookup([Query(url=url) for url in named]))
    assert [answer.outcome(TRAIN) for answer in queries] == expected[: len(named)]
    assert [answer.source for answer in queries] == [answer.source for answer in lines[: len(named)]]
    columns = list(registry.ask(questions(urls=list(SAID), sha256=[None] * 5 + ["0" * 64, None])))
    assert [answer.outcome(TRAIN) for answer in columns] == expected

    choose = Filter(registry, use="train_gen", on_unset="keep", on_review="hold")
    decisions = [decided.decision for decided in choose.decisions(SAID, url=str)]
    assert decisions == [Decision.DROP] * 3 + [Decision.KEEP] * 2 + [Decision.FAIL] * 2

    assert main(["check", "https://alice.example/free/a.png", *POLICY]) == 0
    assert main(["check", "https://alice.example/a.png", *POLICY]) == 1

    job = registry.wait(registry.submit_job(given, url_column="link"))
    assert (job.state, job.rows) == ("done", len(SAID))
    answered = pq.read_table(registry.result(job, tmp_path / "answered.parquet"))
    assert answered["holdout_train_gen"].to_pylist() == expected
    verify_opening(registry.receipt(job))

    online, offline = tmp_path / "online", tmp_path / "offline"
    screen = ["screen", str(given), "--url-column", "link", *POLICY, "--workers", "1"]
    assert main([*screen, "--out", str(online)]) == 0
    assert outcomes(online) == expected

    vet_for_snapshots(organization=vera, by=SHELL)
    publish()
    folder = str(tmp_path / "snapshot")
    key = registry.snapshots().public_keys[0].public_key
    assert main(["snapshot", "fetch", "--dir", folder, "--public-key", key]) == 0
    assert main([*screen, "--snapshot", folder, "--out", str(offline)]) == 0
    assert outcomes(offline) == ["deny"] * 3 + [None] + ["unknown"] + [None] * 2  # an exception: ask
    assert decided(offline)[3] == "hold"
    assert main([*screen, "--snapshot", folder, "--confirm", "--out", str(tmp_path / "both")]) == 0
    assert outcomes(tmp_path / "both") == expected
    assert main([*screen, "--snapshot", folder, "--confirm-by-ranges", "--out", str(tmp_path / "r")]) == 0
    assert outcomes(tmp_path / "r") == outcomes(offline)


def test_spawnings_own_client_is_answered(
    registry: Client, live_server: Any, vera_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """datadiligence, as a vendor has it; only the address and the key are ours."""
    monkeypatch.setenv(SpawningAPI.API_KEY_ENV_VAR, vera_key)
    monkeypatch.setattr(SpawningAPI, "SPAWNING_AI_API_URL", f"{live_server.url}/api/v2/query/urls/")
    evaluator = PreprocessEvaluator(user_agent="vera")
    allowed = [outcome in ("allow", "unknown") for outcome in SAID.values()]
    assert evaluator.is_allowed(urls=list(SAID)) == allowed
    many = list(SAID)[:5] * 2_300  # more than one call holds
    assert evaluator.filter_allowed(urls=many) == [url for url in many if SAID[url] in ("allow", "unknown")]


def rows(out: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted(out.glob("rows/*.parquet"))])


def outcomes(out: Path) -> list[str | None]:
    said: list[str | None] = rows(out)["holdout_train_gen"].to_pylist()
    return said


def decided(out: Path) -> list[str]:
    said: list[str] = rows(out)["holdout_decision"].to_pylist()
    return said


def test_files_are_found_by_their_digests(registry: Client, product: None, alice: Declarant) -> None:
    from registry.services import await_fingerprints, receive_picture
    from tests.flows.test_a_creator_reserves_and_a_vendor_screens import encoded, painting

    picture = encoded(painting(7), "PNG")
    asset = await_fingerprints(asset=receive_picture(declarant=alice, title="Tide", picture=picture))
    statement = declare(declarant=alice, subject=asset.work, preferences=NO_AI)
    wait_for_entry(record_id=statement.public_id, timeout_seconds=120)
    digests = [hashlib.sha256(content).digest() for content in (picture, b"another")]
    until(lambda: next(registry.lookup_files(digests)).outcome(TRAIN) is Outcome.DENY)
    answers = list(registry.lookup_files(digests))
    assert [(answer.status, answer.outcome(TRAIN)) for answer in answers] == [
        (Status.CHECKED, "deny"),
        (Status.CHECKED, "unknown"),
    ]
    assert answers[0].source == statement.public_id
    (verdict,) = registry.lookup([Query(sha256=digests[0])])
    assert verdict.reasons[0].method == "exact_file"
    assert registry.status(sha256=digests[0]).outcome(TRAIN) is Outcome.DENY


def test_it_waits_for_its_quota_instead_of_being_refused(
    said: None, live_server: Any, vera_key: str, settings: LazySettings
) -> None:
    settings.HOLDOUT_QUOTAS = {**settings.HOLDOUT_QUOTAS, "lookups": (600_000, 10_000)}
    seen: list[int] = []

    class Watching(Client):
        def _do(self, step: Any, *stops: Any) -> Any:
            came = super()._do(step, *stops)
            if isinstance(status := getattr(came, "status", None), int):
                seen.append(status)
            return came

    with Watching(live_server.url, vera_key, parallel=1) as registry:
        answers = list(registry.lookup_urls(f"https://x.example/{n}" for n in range(35_000)))
    assert len(answers) == 35_000
    assert seen == [200] * 4


def test_a_run_is_recorded(registry: Client, at_home: None, tmp_path: Path) -> None:
    given = table(tmp_path / "scraped.parquet")
    out = tmp_path / "out"
    words = ["screen", str(given), "--url-column", "link", *POLICY, "--out", str(out), "--hits-only"]
    assert main([*words, "--workers", "2"]) == 0
    said = json.loads((out / "summary.json").read_text())
    assert said["full_scan"] is True
    assert said["decisions"] == {"keep": 2, "hold": 0, "drop": 3, "fail": 2}
    assert said["index_versions"]
    hits = pq.read_table(next(out.glob("hits/*.parquet"))).to_pylist()
    assert [(hit["row_group"], hit["row"]) for hit in hits] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 3),
        (1, 5),
        (2, 6),
    ]
