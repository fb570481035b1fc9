"""What an ingest loop lets through."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.answers import Answers, least_permissive, nothing_found
from holdout.client import Client, Retry
from holdout.errors import AnswerUnusable, InvalidInput, RegistryAway
from holdout.filter import Filter
from holdout.policy import Decision, Tally, decide, policy
from holdout.questions import Questions, questions
from holdout.verdicts import Outcome
from holdout.vocabulary import UsageCategory
from tests.holdout.registry_stub import (
    ASK_FIRST,
    LOOK,
    NO_AI,
    OPEN,
    UNKNOWN,
    RegistryStub,
    instead,
    later,
)

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SAID = {
    "https://a.example/deny": NO_AI,
    "https://a.example/conditional": ASK_FIRST,
    "https://a.example/review": LOOK,
    "https://a.example/allow": OPEN,
}
URLS = [*SAID, "https://a.example/unset", "not a url"]


@pytest.fixture
def stub() -> RegistryStub:
    stub = RegistryStub()
    stub.says = dict(SAID)
    return stub


@pytest.fixture
def client(stub: RegistryStub) -> Iterator[Client]:
    hasty = Retry(attempts=2, first_seconds=0.001)
    with Client("https://registry.example", "k", transport=stub.transport(), retry=hasty) as opened:
        yield opened


def kept(client: Client, on_unset: str, on_review: str, use: Any = "train_gen") -> list[str]:
    choose = Filter(client, use=use, on_unset=on_unset, on_review=on_review)
    return [url.rpartition("/")[2] for url in choose(URLS, url=str)]


@pytest.mark.parametrize(
    ("on_unset", "on_review", "through"),
    [
        ("drop", "drop", ["allow"]),
        ("drop", "hold", ["allow"]),
        ("keep", "drop", ["allow", "unset"]),
        ("keep", "hold", ["allow", "unset"]),
        ("keep", "keep", ["review", "allow", "unset"]),
    ],
)
def test_reserved_and_failed_pictures_never_get_through_whatever_the_policy(
    on_unset: str, on_review: str, through: list[str], client: Client
) -> None:
    assert kept(client, on_unset, on_review) == through


def test_every_wanted_use_has_to_be_permitted(stub: RegistryStub, client: Client) -> None:
    stub.says = {
        "https://a.example/deny": {**OPEN, "tdm": "deny"},
        "https://a.example/allow": {**OPEN, "tdm": "unknown"},
        "https://a.example/review": {**OPEN, "tdm": "review"},
    }
    assert kept(client, "drop", "drop", use="train_gen") == ["deny", "review", "allow"]
    assert kept(client, "drop", "drop", use=["train_gen", "tdm"]) == []
    assert kept(client, "keep", "drop", use=["tdm", "train_gen"]) == ["conditional", "allow", "unset"]
    assert kept(client, "drop", "keep", use=["tdm", "train_gen"]) == ["review"]


def test_what_is_to_happen_to_unset_and_review_has_to_be_said(client: Client) -> None:
    for missing in ("use", "on_unset", "on_review"):
        said: dict[str, Any] = {"use": "train_gen", "on_unset": "keep", "on_review": "drop"}
        del said[missing]
        with pytest.raises(TypeError, match=missing):
            Filter(client, **said)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"use": "training"}, "usage_unknown"),
        ({"use": []}, "usage_unknown"),
        ({"on_unset": "hold"}, "policy_invalid"),
        ({"on_unset": "fail"}, "policy_invalid"),
        ({"on_review": "allow"}, "policy_invalid"),
        ({"on_review": ""}, "policy_invalid"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(said: dict[str, Any], code: str, client: Client) -> None:
    usual: dict[str, Any] = {"use": "train_gen", "on_unset": "keep", "on_review": "drop"}
    with pytest.raises(InvalidInput) as refused:
        Filter(client, **usual | said)
    assert refused.value.code == code


def test_rows_come_back_as_they_are_and_in_their_order(client: Client) -> None:
    rows = [{"link": url, "n": n} for n, url in enumerate(URLS)]
    choose = Filter(client, use="train_gen", on_unset="keep", on_review="keep")
    assert [row["n"] for row in choose(rows, url="link")] == [2, 3, 4]
    assert [row["n"] for row in choose(rows, url=lambda row: row["link"])] == [2, 3, 4]


def test_files_are_chosen_by_their_digests(stub: RegistryStub, client: Client) -> None:
    stub.says = {"9f" * 16: NO_AI}
    choose = Filter(client, use="train_gen", on_unset="keep", on_review="drop")
    rows = [{"sha256": "9f" * 32}, {"sha256": b"\x01" * 32}, {"sha256": None}, {"sha256": "MD5"}]
    assert list(choose(rows, sha256="sha256")) == [rows[1]]
    assert choose.tally.errors == {"query_has_no_key": 1, "fingerprint_malformed": 1}


def test_the_page_on_which_a_picture_was_found_counts(stub: RegistryStub, client: Client) -> None:
    choose = Filter(client, use="train_gen", on_unset="keep", on_review="drop")
    rows = [{"url": "https://b.example/1", "page": page} for page in (URLS[0], "https://b.example/", None)]
    assert list(choose(rows, url="url", page_url="page")) == rows[1:]
    table = pa.table({"url": [row["url"] for row in rows], "page": [row["page"] for row in rows]})
    assert choose.table(table, url="url", page_url="page").num_rows == 2


def test_an_arrow_table_is_filtered_in_batches(client: Client) -> None:
    choose = Filter(client, use="train_gen", on_unset="keep", on_review="drop", batch_rows=4)
    table = pa.table({"url": URLS, "n": list(range(len(URLS)))})
    assert choose.table(table, url="url")["n"].to_pylist() == [3, 4]
    assert choose.table(table.slice(0, 0), url="url").num_rows == 0
    coded = table.set_column(0, "url", table["url"].dictionary_encode())
    assert choose.table(coded, url="url")["n"].to_pylist() == [3, 4]


def test_every_decision_can_be_seen_with_its_reason(client: Client) -> None:
    choose = Filter(client, use="train_gen", on_unset="keep", on_review="hold")
    seen = {d.row.rpartition("/")[2]: d for d in choose.decisions(URLS, url=str)}
    assert {name: d.decision.value for name, d in seen.items()} == {
        "deny": "drop",
        "conditional": "drop",
        "review": "hold",
        "allow": "keep",
        "unset": "keep",
        "not a url": "fail",
    }
    assert seen["not a url"].answer.error == "url_invalid"
    assert seen["deny"].answer.source == "stm_" + "a" * 26


def test_rows_are_read_and_asked_about_in_batches(stub: RegistryStub, client: Client) -> None:
    taken: list[int] = []

    def endless() -> Iterator[str]:
        n = 0
        while True:
            taken.append(n)
            yield f"https://b.example/{n}"
            n += 1

    choose = Filter(client, use="train_gen", on_unset="keep", on_review="drop", batch_rows=100)
    rows = choose(endless(), url=str)
    assert next(rows) == "https://b.example/0"
    assert (len(taken), stub.asked) == (100, [[f"https://b.example/{n}" for n in range(100)]])


@pytest.mark.parametrize("spoilt", [later(), instead({"queries": 6})])
def test_a_source_that_gives_no_answer_ends_the_loop_and_lets_nothing_more_through(
    spoilt: Any, stub: RegistryStub, client: Client
) -> None:
    stub.faults.extend([stub.answer, spoilt, spoilt])
    choose = Filter(client, use="train_gen", on_unset="keep", on_review="keep", batch_rows=6)
    through = choose(URLS * 2, url=str)
    got: list[str] = []
    with pytest.raises((RegistryAway, AnswerUnusable)):
        got.extend(through)
    assert len(got) == 3  # of the first batch, which was answered
    assert choose.tally.rows == 6


def test_a_source_that_answers_for_another_number_of_rows_is_not_believed() -> None:
    class Short:
        def ask(self, questions: Questions) -> Answers:
            return nothing_found(questions.rows - 1)

        def record(self) -> dict[str, Any]:
            return {}

    choose = Filter(Short(), use="train_gen", on_unset="keep", on_review="keep")
    with pytest.raises(AnswerUnusable):
        list(choose(URLS, url=str))


def test_the_record_says_what_was_asked_by_what_policy_and_what_came_of_it(
    client: Client, tmp_path: Path
) -> None:
    choose = Filter(client, use="train_gen", on_unset="drop", on_review="hold", clock=lambda: NOW)
    assert len(list(choose(URLS, url=str))) == 1
    choose.write_record(tmp_path / "screened.json")
    moment = {"log_index": 41, "time": "2026-11-22T09:30:00.123000+00:00"}
    assert json.loads((tmp_path / "screened.json").read_text()) == {
        "record": "holdout-filter/1",
        "library": "0.1.0",
        "started": "2026-11-22T09:30:00+00:00",
        "recorded": "2026-11-22T09:30:00+00:00",
        "source": {"kind": "registry", "server": "https://registry.example"},
        "policy": {
            "uses": ["train_gen"],
            "on_allow": "keep",
            "on_unset": "drop",
            "on_review": "hold",
            "on_deny": "drop",
            "on_conditional": "drop",
            "on_failed": "fail",
        },
        "rows": 6,
        "outcomes": {"allow": 1, "conditional": 1, "deny": 1, "failed": 1, "review": 1, "unknown": 1},
        "decisions": {"keep": 1, "hold": 1, "drop": 3, "fail": 1},
        "errors": {"url_invalid": 1},
        "disputed": 0,
        "as_of": [moment],
        "index_versions": [7],
    }


def test_a_file_that_stands_there_is_replaced_whole(client: Client, tmp_path: Path) -> None:
    (tmp_path / "screened.json").write_text("last week's")
    Filter(client, use="tdm", on_unset="drop", on_review="drop").write_record(tmp_path / "screened.json")
    assert [path.name for path in tmp_path.iterdir()] == ["screened.json"]
    assert json.loads((tmp_path / "screened.json").read_text())["rows"] == 0


OUTCOMES = st.fixed_dictionaries({use: st.sampled_from(Outcome) for use in UsageCategory})


@given(
    OUTCOMES,
    st.sets(st.sampled_from(UsageCategory), min_size=1),
    st.sampled_from(["keep", "drop"]),
    st.sampled_from(["keep", "drop", "hold"]),
)
def test_a_picture_is_kept_only_if_each_wanted_use_lets_it_through(
    uses: dict[UsageCategory, Outcome], wanted: set[UsageCategory], on_unset: str, on_review: str
) -> None:
    by = policy(use=wanted, on_unset=on_unset, on_review=on_review)
    lets = {"allow"} | ({"unknown"} if on_unset == "keep" else set())
    lets |= {"review"} if on_review == "keep" else set()
    assert (by.of(uses) is Decision.KEEP) == all(uses[use] in lets for use in wanted)
    assert by.of(uses) is not Decision.FAIL
    if least_permissive(uses, wanted) is Outcome.ALLOW:
        assert {uses[use] for use in wanted} == {"allow"}


@given(st.lists(st.sampled_from([None, "", "x", "https://a.example/deny"]), max_size=30), st.integers(1, 9))
def test_counts_add_up_however_the_rows_are_cut(urls: list[str | None], size: int) -> None:
    stub = RegistryStub()
    stub.says = dict(SAID)
    with Client("https://r.example", transport=stub.transport(), parallel=1) as client:
        tallies = []
        for rows in (size, 1_000):
            choose = Filter(client, use="train_gen", on_unset="keep", on_review="drop", batch_rows=rows)
            list(choose(urls, url=lambda url: url))
            tallies.append(choose.tally)
    assert tallies[0].record() == tallies[1].record()
    assert tallies[0].rows == len(urls) == sum(tallies[0].decisions.values())
    assert tallies[0].rows == sum(tallies[0].outcomes.values())
    assert Tally.from_record(tallies[0].record()).record() == tallies[0].record()


def test_columns_of_different_lengths_are_refused() -> None:
    for columns, code in (({"urls": ["a"], "sha256": []}, "columns_differ"), ({}, "no_column_to_look_up")):
        with pytest.raises(InvalidInput) as refused:
            questions(**columns)  # type: ignore[arg-type]
        assert refused.value.code == code


def test_a_failed_row_is_failed_whatever_else_stands_in_its_columns() -> None:
    answers = nothing_found(2)
    broken = Answers(
        outcomes=answers.outcomes, outcome=answers.outcome, errors=("", "x"), error=answers.error + 1
    )
    by = policy(use="tdm", on_unset="keep", on_review="keep")
    assert decide(broken, by).tolist() == [3, 3]
    assert decide(answers, by).tolist() == [0, 0]
    assert {use.value: outcome.value for use, outcome in answers.outcomes[0].items()} == UNKNOWN
